"""A shipped Bundle against a Hugging Face `pipeline` of its teacher: text in, label out, one thread, batch 1, one run.

    python benchmarks/against_pipeline.py RUN TEXTS.csv [--texts 200] [--rounds 5]

RUN is the directory of a finished `limbeck compress`. Both are timed in turn on the same texts; the first answer is
timed from process start until it is printed, in new processes, in turn. Prints a Markdown table.
"""

import argparse
import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

FIRST = {
    "pipeline": "from transformers import pipeline; answer = pipeline('text-classification', {path!r})({text!r})",
    "bundle": "import limbeck; answer = limbeck.load({path!r}, threads=1).predict([{text!r}])",
}


def first_answer(kind: str, path: str, text: str) -> float:
    """Seconds from process start until the first answer is printed."""
    code = FIRST[kind].format(path=path, text=text) + "; print(answer, flush=True)"
    start = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        line = process.stdout.readline()
        seconds = time.perf_counter() - start
    if b"label" not in line:
        raise SystemExit(f"{kind}: no answer from {path}")
    return seconds


def answerers(run: Path) -> dict[str, Callable[[str], str]]:
    """Name → a function from text to label, in this process, on one thread."""
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    import torch
    from transformers import logging, pipeline

    import limbeck

    logging.set_verbosity_error()
    torch.set_num_threads(1)
    teacher = pipeline("text-classification", str(run / "teacher"))
    bundle = limbeck.load(run / "bundle", threads=1)
    return {"pipeline": lambda text: teacher(text)[0]["label"], "bundle": lambda text: bundle.predict(text)[0]["label"]}


def latencies(answers: dict[str, Callable[[str], str]], texts: list[str], rounds: int) -> dict[str, np.ndarray]:
    """Seconds `[rounds, texts]` of each, the two in turn."""
    times = {name: np.zeros((rounds, len(texts))) for name in answers}
    for answer in answers.values():
        for text in texts[:20]:
            answer(text)
    for number in range(rounds):
        for name, answer in answers.items():
            for place, text in enumerate(texts):
                start = time.perf_counter()
                answer(text)
                times[name][number, place] = time.perf_counter() - start
    return times


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("texts_file", type=Path)
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with options.texts_file.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)][: options.texts]

    paths = {"pipeline": options.run / "teacher", "bundle": options.run / "bundle"}
    first = {name: np.zeros(options.rounds) for name in paths}
    for number in range(options.rounds):
        for name, path in paths.items():
            first[name][number] = first_answer(name, str(path), texts[0])
    times = latencies(answerers(options.run), texts, options.rounds)
    medians = {name: np.median(rows, axis=1) for name, rows in times.items()}
    sizes = {
        "pipeline": (paths["pipeline"] / "model.safetensors").stat().st_size,
        "bundle": (paths["bundle"] / "model.onnx").stat().st_size,
    }
    print("| | pipeline of the teacher | bundle | ratio: median (min–max of rounds) |")
    print("|---|---|---|---|")
    for title, values, unit in (
        ("latency, median, ms", medians, 1e3),
        ("first answer after process start, s", first, 1),
    ):
        ratio = values["pipeline"] / values["bundle"]
        a, b = (unit * np.median(values[name]) for name in ("pipeline", "bundle"))
        print(f"| {title} | {a:.2f} | {b:.2f} | {np.median(ratio):.1f} ({ratio.min():.1f}–{ratio.max():.1f}) |")
    a, b = (sizes[name] / 2**20 for name in ("pipeline", "bundle"))
    print(f"| model file, MiB | {a:.1f} | {b:.1f} | {a / b:.1f} |")


if __name__ == "__main__":
    main()
