"""matplotlib figures as inline SVG that follows the page: its fonts, its light and dark colours, no id used twice."""

import io
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, MUTED, LINE = "#1b1e25", "#666d7a", "#e2e5ea"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Okabe and Ito's colours, which colour-blind people tell apart; the page defines darker-mode twins of each."""
MARKERS = ("o", "s", "D", "^", "v", "P")
SIGNS = ("●", "■", "◆", "▲", "▼", "✚")
"""The markers as characters, for legends in text."""
_PIXELS_PER_POINT = 4 / 3
_PAGE_COLOURS = {INK: "var(--ink)", MUTED: "var(--muted)", LINE: "var(--line)"} | {
    colour: f"var(--series-{i})" for i, colour in enumerate(SERIES)
}
_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": LINE,
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 1.0,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "sans-serif",
    "font.size": 9.0,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.7,
    "lines.markersize": 6,
    "svg.fonttype": "none",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": LINE,
    "xtick.labelcolor": MUTED,
    "xtick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.color": LINE,
    "ytick.labelcolor": MUTED,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
}


@dataclass(frozen=True)
class Key:
    """One line of a legend."""

    series: int
    name: str
    value: str = ""

    @property
    def sign(self) -> str:
        """The series' marker."""
        return SIGNS[self.series % len(SIGNS)]

    @property
    def colour(self) -> str:
        """The series' colour, as the page calls it."""
        return _PAGE_COLOURS[SERIES[self.series % len(SERIES)]]


@dataclass(frozen=True)
class Figure:
    """A drawing with what is read beside it.

    Attributes:
        title: What it shows.
        svg: The drawing.
        width: Its natural width in CSS pixels; wider than a phone means that it scrolls.
        note: How to read it.
        keys: The legend.
    """

    title: str
    svg: Markup
    width: int
    note: str = ""
    keys: tuple[Key, ...] = ()


def draw(
    title: str,
    paint: Callable[["Axes"], None],
    *,
    size: tuple[float, float] = (4.0, 2.75),
    note: str = "",
    keys: tuple[Key, ...] = (),
) -> Figure:
    """Draw one pair of axes.

    Args:
        title: What is shown; said to people who cannot see it, too.
        paint: Draws on the axes.
        size: Width and height in inches.
        note: How to read it.
        keys: The legend, which stands in the page rather than in the drawing.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas

    salt = re.sub(r"\W+", "-", title, flags=re.ASCII).strip("-").lower()
    with mpl.rc_context({**_STYLE, "svg.hashsalt": salt}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing", UserWarning)  # the browser has the font
        canvas = Canvas(figsize=size, layout="constrained", facecolor="none")
        paint(canvas.add_subplot(facecolor="none"))
        text = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        canvas.savefig(text, format="svg", bbox_inches="tight", pad_inches=0.04, metadata=nothing)
    return Figure(title, *_inline(text.getvalue(), salt, title), note, keys)


def shown(text: object, width: int = 22) -> str:
    r"""A name from data for use in a drawing: one line, nothing unprintable, cut to `width` characters.

    >>> shown("a\nlong name", 6), shown("$x$")
    ('a lon…', '$x$')
    """
    plain = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in str(text))
    plain = " ".join(plain.split())
    return plain if len(plain) <= width else plain[: width - 1].rstrip() + "…"


def _inline(text: str, salt: str, title: str) -> tuple[Markup, int]:
    """A stand-alone SVG as an element of a page, and its width. It is parsed and written anew, so text stays text."""
    root = ElementTree.fromstring(text)  # noqa: S314  (matplotlib has just written it)
    kept = set(re.findall(r'(?:url\(|href=")#([^)"]+)', text))
    for parent in root.iter():
        for child in [c for c in parent if c.tag.rpartition("}")[2] in ("metadata", "style")]:
            parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = dict(_attributes(element.attrib, salt, kept))
        element.tail = None
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": title}
    width = round(float(root.attrib["viewBox"].split()[2]) * _PIXELS_PER_POINT)
    return Markup(ElementTree.tostring(root, encoding="unicode")), width  # noqa: S704  (escaped by the writer)


def _attributes(attributes: dict[str, str], salt: str, kept: set[str]) -> Iterator[tuple[str, str]]:
    for qualified, value in attributes.items():
        name = qualified.rpartition("}")[2]
        if name == "id":
            if value in kept:
                yield name, f"{salt}-{value}"
        elif name == "href":
            yield name, f"#{salt}-{value[1:]}"
        elif name == "clip-path":
            yield name, value.replace("url(#", f"url(#{salt}-")
        elif name == "style":
            yield name, _restyled(value)
        else:
            yield name, " ".join(value.split())


def _restyled(style: str) -> str:
    style = re.sub(r"font-family:[^;]*;?\s*", "", style)
    return re.sub(r"#[0-9a-f]{6}", lambda found: _PAGE_COLOURS.get(found[0], found[0]), style)


def series(index: int) -> dict[str, Any]:
    """What matplotlib calls the colour and marker of a series."""
    return {"color": SERIES[index % len(SERIES)], "marker": MARKERS[index % len(MARKERS)]}
