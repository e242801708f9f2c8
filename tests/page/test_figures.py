import re
from xml.etree import ElementTree

from limbeck.page.figures import INK, SERIES, draw, shown


def painted(title: str = "A title"):
    def paint(axes):
        axes.plot([0, 1], [2, 3], color=SERIES[1], marker="s")
        axes.text(0.5, 2.5, '<b onclick="x">京 😀 $x$</b>', color=INK)

    return draw(title, paint)


def test_text_stays_text_and_is_no_mathematics():
    root = ElementTree.fromstring(painted().svg)
    assert '<b onclick="x">京 😀 $x$</b>' in [e.text for e in root.iter("text")]
    assert not list(root.iter("b"))


def test_colours_and_fonts_are_the_pages():
    svg = str(painted().svg)
    assert "var(--series-1)" in svg
    assert "font-family" not in svg
    assert not re.search(r"#[0-9a-f]{6}\b", svg.replace("#000000", ""))


def test_ids_carry_the_title_and_every_id_is_used():
    svg = str(painted("Loss: one").svg)
    ids = re.findall(r' id="([^"]+)"', svg)
    assert ids
    assert all(i.startswith("loss-one-") for i in ids)
    assert set(ids) == set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg))


def test_scales_with_its_box():
    figure = painted()
    root = ElementTree.fromstring(figure.svg)
    assert set(root.attrib) == {"viewBox", "role", "aria-label"}
    assert abs(figure.width - 4.0 * 96) < 10


def test_same_drawing_same_bytes():
    assert painted().svg == painted().svg


def test_names_are_cut_to_one_printable_line():
    assert shown("a\n\tb\0\ud800 c") == "a b c"
    assert shown("x" * 30, 10) == "x" * 9 + "…"


def test_losses_of_many_sizes_have_plain_labels():
    from limbeck.page.plots import loss_curves

    history = [{"epoch": n, "phase": "a", "loss": 2.0 / n, "terms": {"x": 0.01 / n, "y": 1.9 / n}} for n in (1, 2, 3)]
    svg = loss_curves("student", history).svg
    assert "mathdefault" not in svg
    assert ">0.1<" in svg
