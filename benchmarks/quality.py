"""What distillation keeps: `compress` over seeds, beside the same student fine-tuned without a teacher.

    python benchmarks/quality.py DATA_FOLDER --out RUNS --student 3x384 --seeds 0,1,2 [--set step.field=value …]

DATA_FOLDER holds train, dev and test files of one format. Interrupted runs continue. Prints a Markdown table.
"""

import argparse
import json
import shutil
import statistics
import time
from pathlib import Path

import limbeck
from limbeck.core.measurement import find, read_measurements
from limbeck.nn.checkpoint import EMBEDDED, resolve

ROLES = ("teacher", "student", "bundle", "alone")
EPOCHS_ALONE = 4
"""Of fine-tuning without a teacher, the best on dev kept: the upper end of what BERT's authors advise."""


def lower_layers(folder: Path, layers: int) -> Path:
    """The lowest layers of the backbone as a checkpoint of its own, pre-trained and nothing more."""
    if not folder.exists():
        shutil.copytree(resolve(EMBEDDED), folder)
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": layers}))
    return folder


def split_file(folder: Path, split: str) -> Path:
    """The file of a split, whatever its ending."""
    return next(p for p in sorted(folder.iterdir()) if p.stem == split)


def one_seed(data: Path, out: Path, student: str, seed: int, settings: list[str]) -> dict[str, tuple[str, float]]:
    """Metric and test score by role, and the seconds of the whole of `compress`."""
    start = time.monotonic()
    result = limbeck.compress(
        split_file(data, "train"),
        out,
        dev=split_file(data, "dev"),
        test=split_file(data, "test"),
        student=student,
        seed=seed,
        settings=settings,
    )
    seconds = time.monotonic() - start
    layers, hidden = (int(n) for n in student.split("x"))
    assert hidden == 384, "the lower layers of the backbone have its width"
    rows = result.bundles["prepare"]
    length = result.bundles["finetune"].facts["max_length"]
    alone = limbeck.finetune(
        data=rows,
        model=str(lower_layers(out.parent / f"lower-{layers}", layers)),
        epochs=EPOCHS_ALONE,
        max_length=length,
        seed=seed,
        out=out / "alone",
    )
    scored = limbeck.evaluate(data=rows, alone=alone, out=out / "alone-evaluation")
    measured = [*result.measurements, *read_measurements(scored.file("measurements.json"))]
    primary = scored.facts["primary"]
    scores = {role: (primary, find(measured, role, primary).value) for role in ROLES}
    return {**scores, "seconds": ("seconds", seconds)}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--student", default="3x384")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    options = parser.parse_args()
    rows = {
        seed: one_seed(options.data, options.out / f"seed-{seed}", options.student, seed, options.settings)
        for seed in map(int, options.seeds.split(","))
    }
    metric = next(iter(rows.values()))["teacher"][0]
    print(f"\n| seed | teacher {metric} | student {options.student} | kept | int8 bundle | no teacher | compress, s |")
    print("|---|---|---|---|---|---|---|")
    table = []
    for seed, row in rows.items():
        teacher, student, bundle, alone = (100 * row[role][1] for role in ROLES)
        table.append((teacher, student, 100 * student / teacher, bundle, alone, row["seconds"][1]))
        print(f"| {seed} | " + " | ".join(f"{x:.1f}" for x in table[-1]) + " |")
    means = [statistics.mean(column) for column in zip(*table, strict=True)]
    print("| mean | " + " | ".join(f"{x:.1f}" for x in means) + " |")


if __name__ == "__main__":
    main()
