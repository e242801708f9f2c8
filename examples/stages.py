"""The stages one by one from Python: a student that matches attention scores alone, then its answers.

    python examples/stages.py reviews.csv out [BACKBONE]

Each stage gives a Bundle; a Bundle or its path goes into the next. Run again, finished stages are not run again.
"""

import sys
from pathlib import Path

import limbeck
from limbeck.objectives import AttentionScores, SoftTargets


def main(rows: str, out: Path, backbone: str = "minilm-l6") -> None:
    """Train, distil, export, quantise, predict."""
    data = limbeck.prepare(train=rows, out=out / "data")
    teacher = limbeck.finetune(data=data, model=backbone, max_length=64, epochs=2, out=out / "teacher")
    student = limbeck.distil(
        teacher=teacher,
        data=data,
        student="half",
        objectives=[SoftTargets(temperature=1.0), AttentionScores(layers="last")],
        epochs=2,
        out=out / "student",
    )
    exported = limbeck.export(model=student, out=out / "onnx")
    bundle = limbeck.quantize(model=exported, data=data, max_drop=0.02, min_agreement=0.95, out=out / "bundle")
    for answer in limbeck.load(bundle.path).predict(["the good film", "a very bad film"]):
        print(answer["label"], f"{answer['probability']:.2f}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
