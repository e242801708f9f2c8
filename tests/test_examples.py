"""The examples run."""

import runpy

from limbeck.core.bundle import open_bundle
from tests import models


def test_stages(tmp_path, capsys):
    rows = models.reviews(tmp_path / "reviews.csv", 200)
    backbone = models.backbone(tmp_path / "backbone")
    main = runpy.run_path(str(models.ROOT / "examples" / "stages.py"))["main"]
    main(str(rows), tmp_path / "out", str(backbone))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] in ("positive", "negative") for line in lines] == [True, True]
    assert open_bundle(tmp_path / "out" / "bundle").facts["gate"]["passed"]
