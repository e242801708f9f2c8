"""What `limbeck shelf` lists is what is there."""

import subprocess
import sys

from limbeck.core.shelf import SHELVES, shelf


def test_all_shelves_are_listed_with_their_names(cli):
    words = set(cli("shelf").stdout.replace(",", " ").split())
    assert {*SHELVES, "stages"} <= words
    assert {name for s in SHELVES for name in shelf(s).names()} <= words


def test_a_shelf_shows_the_first_line_of_each_file(cli):
    text = cli("shelf", "metrics").stdout
    for name in shelf("metrics").names():
        assert any(line.startswith(f"{name} ") and len(line.split()) > 2 for line in text.splitlines())


def test_an_algorithm_shows_each_field_with_its_range_and_meaning(cli):
    text = cli("shelf", "metrics", "ece").stdout
    for name, field in shelf("metrics").spec("ece").model_fields.items():
        assert f"{name}  (" in text
        assert field.description.split()[0] in text


def test_a_misspelt_name_gets_a_hint(cli):
    result = cli("shelf", "metrics", "acuracy")
    assert result.exit_code == 2
    assert "did you mean 'accuracy'?" in result.stderr
    assert "the shelves are" in cli("shelf", "metric").stderr


def test_listing_needs_no_training_library():
    code = """if True:
        import sys
        sys.modules.update(dict.fromkeys(("torch", "transformers", "sklearn")))
        from limbeck.cli import main
        sys.argv = ["limbeck", "shelf", "objectives"]
        main()
    """
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "soft_targets" in result.stdout
