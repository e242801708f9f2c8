"""Pages of what strangers wrote, manifests included: read by a parser, and opened in a browser where there is one."""

import json
import re
import shutil
import subprocess

import pytest

from limbeck.core.bundle import open_bundle
from limbeck.core.journal import Journal
from limbeck.core.measurement import Measurement
from limbeck.evidence.across import Across
from limbeck.evidence.repeats import Repeats, Trial
from limbeck.page.comparison import ComparisonPage
from limbeck.stages import report
from tests.page.factory import Run
from tests.page.markup import PAYLOADS, read_page
from tests.page.text_factory import TextRun

RUNNING = tuple(re.sub(r"alert\((\d+)\)", r"document.documentElement.dataset.ran=\1", p) for p in PAYLOADS)
"""Payloads that leave a mark on the page if they run."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def poisoned(bundle, payloads):
    """A Bundle whose manifest says payloads wherever it says anything."""
    manifest = bundle.manifest
    said = iter(payloads * 9)
    manifest["created"] = next(said)
    if bundle.stage not in ("evaluate", "benchmark"):  # by which the report knows them
        manifest["stage"] = next(said)
    for part in ("versions", "machine"):
        manifest[part] = {name: next(said) for name in manifest[part]} | {next(said): next(said)}
    manifest["step"] = {next(said): next(said), "model": next(said), "train": next(said)}
    for parent in manifest["parents"].values():
        parent |= {"stage": next(said), "name": next(said)}
    (bundle.path / "bundle.json").write_text(json.dumps(manifest))
    return open_bundle(bundle.path)


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, str]:
    """Reports and a comparison in which every text, label, name and file is a payload."""
    folder = tmp_path_factory.mktemp("hostile")
    run = Run(labels=RUNNING[:4], texts=RUNNING, name=RUNNING[13], warnings=RUNNING, odd={"student": RUNNING},
              n=32, roles=("teacher", "student"), facts={"name": RUNNING[0]})  # fmt: skip
    bundles = run.make(folder)
    bundles = {k: b if k == "data" else poisoned(b, RUNNING[i:]) for i, (k, b) in enumerate(bundles.items())}
    made = report.run(report.Spec(examples=32, classes=40), bundles, folder / "report", Journal(quiet=True))
    numbers = [Measurement(role, "accuracy", 0.5, "fraction", "test", 9) for role in ("teacher", "student")]
    trials = [Trial(name, 0, numbers, {"teacher": "t", "student": name}) for name in RUNNING]
    repeats = Repeats(RUNNING, "accuracy", trials)
    named = dict(zip(RUNNING, RUNNING, strict=True))
    comparison = ComparisonPage(
        "comparison", Across({"films": repeats}), {"films": bundles["evaluation"]}, named, named
    )
    text = TextRun(RUNNING[13], RUNNING, RUNNING, phases=RUNNING[:4], terms=RUNNING[4:8], rounds=2).make(
        folder / "text"
    )
    text = {role: poisoned(bundle, RUNNING[i:]) for i, (role, bundle) in enumerate(text.items()) if role != "corpus"}
    drawn = report.run(report.Spec(), text, folder / "text-report", Journal(quiet=True))
    files = {"report": made, "text": drawn}
    found = {name: bundle.file("report.html").read_text(encoding="utf-8") for name, bundle in files.items()}
    return {**found, "comparison": comparison.html()}


@pytest.mark.parametrize("name", ["report", "text", "comparison"])
def test_nothing_becomes_markup_and_nothing_is_fetched(pages, name):
    page = read_page(pages[name])
    assert page.faults() == []
    [policy] = [a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert len(PAYLOADS) >= 30
    assert any("dataset.ran" in piece for piece in page.text)


def browser() -> str:
    found = next((place for name in BROWSERS if (place := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser is installed ({', '.join(BROWSERS)})")
    return found


def opened(page: str, folder) -> str:
    """The page as a browser leaves it, once its scripts have run."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000",
               f"--user-data-dir={folder / 'profile'}", "--dump-dom", (folder / "page.html").as_uri()]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert "</html>" in result.stdout, result.stderr
    return result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["report", "text", "comparison"])
@pytest.mark.parametrize("policy", [True, False], ids=["with its policy", "without its policy"])
def test_nothing_runs_in_a_browser(pages, name, policy, tmp_path):
    page = pages[name] if policy else re.sub(r"<meta http-equiv[^>]*>", "", pages[name])
    assert ("Content-Security-Policy" in page) == policy
    root = re.search(r"<html[^>]*>", opened(page, tmp_path))[0]
    assert root == '<html lang="en">'


@pytest.mark.slow
def test_the_payloads_would_run(tmp_path):
    root = re.search(r"<html[^>]*>", opened(f"<!DOCTYPE html><html><body>{RUNNING[0]}</body></html>", tmp_path))[0]
    assert 'data-ran="1"' in root
