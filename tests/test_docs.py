"""Documents that are made from the code, or quote it, agree with it."""

import re
import runpy

import yaml

from tests.models import ROOT


def test_reference_is_up_to_date():
    made = runpy.run_path(str(ROOT / "docs" / "reference" / "make.py"))["page"]()
    assert (ROOT / "docs" / "reference" / "shelves.md").read_text(encoding="utf-8") == made, "run `make docs`"


def test_the_tables_of_results_are_those_of_the_runs():
    made = runpy.run_path(str(ROOT / "benchmarks" / "tables.py"))["page"]()
    told = (ROOT / "benchmarks" / "results" / "README.md").read_text(encoding="utf-8")
    assert made in told, "paste what `python benchmarks/tables.py` prints"


def test_readme_quotes_the_shipped_recipe():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    quoted = readme.partition("```yaml\nlimbeck: 1")[2].partition("```")[0]
    assert yaml.safe_load("limbeck: 1" + quoted) == yaml.safe_load((ROOT / "recipes" / "compress.yaml").read_text())


def test_tests_that_hold_promises_are_there():
    guide = (ROOT / "docs" / "guide" / "reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?`", guide)
    assert len(named) > 50
    for path, name in named:
        assert (ROOT / path).exists(), path
        assert not name or f"\ndef {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"


def test_readme_tells_the_default_method():
    from limbeck.stages.distil import Spec

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    quoted = yaml.safe_load("phases:\n" + readme.partition("    phases:\n")[2].partition("```")[0])
    assert Spec.model_validate(quoted).phases == Spec().phases
