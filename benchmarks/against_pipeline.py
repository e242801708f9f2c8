"""A shipped Bundle against a Hugging Face `pipeline` of its teacher: text in, label out, one thread, batch 1, one run.

    python benchmarks/against_pipeline.py RUN TEXTS.csv [--texts 200] [--rounds 5]

RUN is the directory of a finished `limbeck compress`. Both are timed in turn on the same texts, each in its own process
state; the first answer is timed from process start, in new processes, in turn. Prints a Markdown table.
"""

import argparse
import csv
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

FIRST = {
    "pipeline": "from transformers import pipeline; p = pipeline('text-classification', {path!r}); print(p({text!r}))",
    "bundle": "import limbeck; print(limbeck.load({path!r}, threads=1).predict([{text!r}]))",
}


def first_answer(kind: str, path: str, text: str) -> float:
    """Seconds from process start to the first answer."""
    code = FIRST[kind].format(path=path, text=text)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return time.perf_counter() - start


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

    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    import torch
    from transformers import logging, pipeline

    import limbeck

    logging.set_verbosity_error()
    torch.set_num_threads(1)
    bundle_path, teacher_path = str(options.run / "bundle"), str(options.run / "teacher")
    teacher = pipeline("text-classification", teacher_path)
    bundle = limbeck.load(bundle_path, threads=1)
    answers = {"pipeline": lambda text: teacher(text)[0]["label"], "bundle": lambda text: bundle.predict(text)[0]["label"]}
    times: dict[str, list[list[float]]] = {name: [] for name in answers}
    for answer in answers.values():
        for text in texts[:20]:
            answer(text)
    for _ in range(options.rounds):
        for name, answer in answers.items():
            row = []
            for text in texts:
                start = time.perf_counter()
                answer(text)
                row.append(time.perf_counter() - start)
            times[name].append(row)
    median = {name: statistics.median(map(statistics.median, zip(*rows, strict=True))) for name, rows in times.items()}
    ratios = [statistics.median(p) / statistics.median(b) for p, b in zip(times["pipeline"], times["bundle"], strict=True)]

    firsts: dict[str, list[float]] = {"pipeline": [], "bundle": []}
    for _ in range(options.rounds):
        firsts["pipeline"].append(first_answer("pipeline", teacher_path, texts[0]))
        firsts["bundle"].append(first_answer("bundle", bundle_path, texts[0]))
    first = {name: statistics.median(values) for name, values in firsts.items()}
    first_ratio = statistics.median(p / b for p, b in zip(firsts["pipeline"], firsts["bundle"], strict=True))

    sizes = {
        "pipeline": (options.run / "teacher" / "model.safetensors").stat().st_size,
        "bundle": (options.run / "bundle" / "model.onnx").stat().st_size,
    }
    print("| | pipeline of the teacher | bundle | ratio (min–max over rounds) |")
    print("|---|---|---|---|")
    print(
        f"| latency, median, ms | {1e3 * median['pipeline']:.2f} | {1e3 * median['bundle']:.2f} | "
        f"{median['pipeline'] / median['bundle']:.1f} ({min(ratios):.1f}–{max(ratios):.1f}) |"
    )
    print(f"| first answer after process start, s | {first['pipeline']:.2f} | {first['bundle']:.2f} | {first_ratio:.1f} |")
    print(
        f"| model file, MiB | {sizes['pipeline'] / 2**20:.1f} | {sizes['bundle'] / 2**20:.1f} | "
        f"{sizes['pipeline'] / sizes['bundle']:.1f} |"
    )


if __name__ == "__main__":
    main()
