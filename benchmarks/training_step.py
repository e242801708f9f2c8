"""The training step against its peers and against the machine: same rows, same losses, in turn, in one run.

    pip install --no-deps textbrewer==0.2.1
    python benchmarks/training_step.py RUN [--steps 10] [--rounds 7] [--threads 2]

RUN is the directory of a finished `limbeck compress … --student 3x384`. Every contender trains a student of its own,
the teacher's lower layers, embeddings included, 32 rows a step, without dropout. The teacher of Limbeck is cached
beforehand, as in a real run; the others run theirs in each step. Prints a Markdown table of ratios of wall time.
"""

import argparse
import itertools
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification

from limbeck import objectives
from limbeck.core.bundle import open_bundle
from limbeck.core.journal import Journal
from limbeck.engine.mixture import Mixture, mix
from limbeck.engine.rows import Rows, epoch_order
from limbeck.engine.step import Step
from limbeck.engine.teacher_cache import OnlineTeacher, Teacher, open_teachers
from limbeck.engine.training import Training
from limbeck.nn.checkpoint import fresh, load_bundle
from limbeck.nn.cost import forward_flops
from limbeck.nn.model import frozen
from limbeck.nn.surgery import cut_depth
from limbeck.text.examples import read_examples
from limbeck.text.opening import open_encoder, open_task

BATCH, LAYERS, TEMPERATURE, RATE = 32, 3, 2.0, 1e-4
DEEP = [
    objectives.SoftTargets(temperature=TEMPERATURE),
    objectives.HiddenStates(project=False),
    objectives.AttentionScores(),
    objectives.Labels(),
]
LOGITS = [objectives.SoftTargets(temperature=TEMPERATURE), objectives.Labels()]
WARMUP = 40
"""Steps before the clock starts: oneDNN compiles a kernel for each size that it meets in bf16."""
MAP = {1: 2, 2: 4, 3: 6}
Steps = Iterator[None]


class Bench:
    """The data and the teacher that all contenders share."""

    def __init__(self, run: Path, folder: Path) -> None:
        self.bundle, data = open_bundle(run / "teacher"), open_bundle(run / "steps" / "data")
        self.task, encoder = open_task(self.bundle), open_encoder(self.bundle)
        self.rows = Rows.encode(self.task, encoder, read_examples(data, "train", labelled=True))
        self.folder = folder

    def student(self) -> Any:
        """A fresh student, cut from the teacher."""
        return cut_depth(load_bundle(self.bundle), range(1, LAYERS + 1), lambda config: fresh(config, self.task.head))

    def limbeck(
        self, specs: Sequence[Any], *, packs: bool = True, embeddings: str = "rows", precision: str = "no"
    ) -> Steps:
        """Limbeck's own step, fed as in a run."""
        teacher, student = frozen(load_bundle(self.bundle)), self.student()
        student.packs = packs
        mixture = mix(student, specs, teacher.dims)
        cached = open_teachers(
            OnlineTeacher(teacher, mixture.teacher_reads, self.bundle.digest),
            [mixture.teacher_reads],
            self.rows,
            folder=self.folder,
            budget_gb=50.0,
            dtype="float16",
            log=Journal(quiet=True),
        )[mixture.teacher_reads]
        for _ in distilling(mixture, cached, self.rows, embeddings=embeddings, precision=precision):
            yield

    def padded(self, pad_to: int) -> Iterator[dict[str, torch.Tensor]]:
        """Shuffled batches as a plain data loader makes them; `pad_to` 0: to the longest in the batch."""
        for indices in endless(np.ones(len(self.rows), dtype=int)):
            width = pad_to or max(self.rows.lengths[i] for i in indices)
            ids = torch.zeros(len(indices), width, dtype=torch.long)
            mask = torch.zeros_like(ids)
            for place, row in enumerate(indices):
                tokens = self.rows.ids[self.rows.tokens[row] : self.rows.tokens[row + 1]]
                ids[place, : len(tokens)] = torch.from_numpy(tokens.astype(np.int64))
                mask[place, : len(tokens)] = 1
            yield {"input_ids": ids, "attention_mask": mask, "labels": torch.from_numpy(self.rows.targets[indices])}

    def stock(self, attention: str) -> tuple[Any, Any]:
        """Teacher and student as stock networks."""
        teacher = AutoModelForSequenceClassification.from_pretrained(self.bundle.path, attn_implementation=attention)
        with tempfile.TemporaryDirectory() as folder:
            self.student().network.save_pretrained(folder)
            student = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation=attention)
        return teacher.eval().requires_grad_(False), student.eval()

    def textbrewer(self, pad_to: int) -> Steps:
        """TextBrewer's step and AdamW: logits, hidden states, attention maps and labels."""
        from textbrewer import DistillationConfig, GeneralDistiller, TrainingConfig

        teacher, student = self.stock("eager")
        hidden = [
            {"layer_T": t, "layer_S": s, "feature": "hidden", "loss": "hidden_mse", "weight": 1}
            for s, t in ({0: 0} | MAP).items()
        ]
        attention = [
            {"layer_T": t - 1, "layer_S": s - 1, "feature": "attention", "loss": "attention_mse", "weight": 1}
            for s, t in MAP.items()
        ]
        config = DistillationConfig(
            temperature=TEMPERATURE, hard_label_weight=1, kd_loss_weight=1, intermediate_matches=hidden + attention
        )

        def adapt(batch: Any, found: Any) -> dict[str, Any]:
            return {
                "logits": (found.logits,),
                "hidden": found.hidden_states,
                "attention": found.attentions,
                "losses": (found.loss,),
                "inputs_mask": batch["attention_mask"],
            }

        training = TrainingConfig(device="cpu", output_dir=str(self.folder / "textbrewer"))
        distiller = GeneralDistiller(training, config, teacher, student, adapt, adapt)
        optimizer = torch.optim.AdamW(student.parameters(), lr=RATE)
        wanted = {"output_hidden_states": True, "output_attentions": True}
        for batch in self.padded(pad_to):
            loss, _ = distiller.train_on_batch(batch, wanted)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            yield

    def plain(self) -> Steps:
        """Logit distillation as it is written by hand around two stock models."""
        teacher, student = self.stock("sdpa")
        optimizer = torch.optim.AdamW(student.parameters(), lr=RATE)
        for batch in self.padded(0):
            with torch.no_grad():
                target = (teacher(**batch).logits / TEMPERATURE).softmax(-1)
            found = student(**batch)
            soft = torch.nn.functional.kl_div(
                (found.logits / TEMPERATURE).log_softmax(-1), target, reduction="batchmean"
            )
            (found.loss + TEMPERATURE**2 * soft).backward()
            optimizer.step()
            optimizer.zero_grad()
            yield

    def floor_seconds(self, rate: float) -> float:
        """Seconds that the matrix products of a mean step take at `rate` FLOP/s: forward once, backward twice."""
        student = self.student()
        flops = forward_flops(student.parts, student.dims, self.rows.lengths.astype(float))
        return 3 * float(flops.mean()) * BATCH / rate


def distilling(
    mixture: Mixture, teacher: Teacher, rows: Rows, *, embeddings: str = "rows", precision: str = "no"
) -> Iterator[int]:
    """Limbeck's own steps, fed as in a run: how many tokens each had."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state()  # contenders differ in precision, of which the library keeps one
    accelerator = Accelerator(cpu=True, mixed_precision=precision)
    step = Step(mixture, Training(dropout=False, embeddings=embeddings), accelerator, 10**6)
    mixture.network.train(False)
    for indices in endless(rows.lengths):
        batch = rows.batch(indices, torch.device("cpu"))
        step([(batch, teacher.outputs(batch))])
        yield len(batch.input_ids)


def padded_share(rows: Rows) -> float:
    """Part of an epoch's tokens that is padding where each batch is filled up to its longest row."""
    sizes = [rows.lengths[batch] for batch in epoch_order(rows.lengths, BATCH, 0, 0)]
    return 1 - sum(size.sum() for size in sizes) / sum(size.max() * len(size) for size in sizes)


def endless(lengths: Any) -> Iterator[list[int]]:
    """Batches of epoch after epoch."""
    for epoch in itertools.count():
        yield from epoch_order(lengths, BATCH, 0, epoch)


def sgemm_rate(seconds: float = 1.0, size: int = 1536) -> float:
    """FLOP/s of a large fp32 product on all threads, the best of many."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    best, end = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        a @ b
        best = max(best, 2 * size**3 / (time.perf_counter() - start))
    return best


def contenders(bench: Bench) -> dict[str, Callable[[], Steps]]:
    """Name → its steps."""
    return {
        "limbeck, all objectives": lambda: bench.limbeck(DEEP),
        "limbeck, all objectives, padded": lambda: bench.limbeck(DEEP, packs=False),
        "limbeck, all objectives, all word vectors": lambda: bench.limbeck(DEEP, embeddings="all"),
        "limbeck, all objectives, bf16": lambda: bench.limbeck(DEEP, precision="bf16"),
        "limbeck, logits, bf16": lambda: bench.limbeck(LOGITS, precision="bf16"),
        "textbrewer, longest in batch": lambda: bench.textbrewer(0),
        "textbrewer, 128": lambda: bench.textbrewer(128),
        "limbeck, logits": lambda: bench.limbeck(LOGITS),
        "plain loop, logits": bench.plain,
    }


PAIRS = (
    ("textbrewer, longest in batch", "limbeck, all objectives"),
    ("textbrewer, 128", "limbeck, all objectives"),
    ("plain loop, logits", "limbeck, logits"),
    ("textbrewer, 128", "limbeck, all objectives, bf16"),
    ("limbeck, all objectives", "limbeck, all objectives, bf16"),
    ("limbeck, logits", "limbeck, logits, bf16"),
    ("limbeck, all objectives, padded", "limbeck, all objectives"),
    ("limbeck, all objectives, all word vectors", "limbeck, all objectives"),
)


def race(bench: Bench, names: Sequence[str], steps: int, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    """Seconds a step of each `[rounds, names]`, in turn, and of the floor `[rounds]`."""
    running = [contenders(bench)[name]() for name in names]
    for contender in running:
        for _ in range(WARMUP):
            next(contender)
    times, floors = np.zeros((rounds, len(names))), np.zeros(rounds)
    for number in range(rounds):
        floors[number] = bench.floor_seconds(sgemm_rate())
        for place, contender in enumerate(running):
            start = time.perf_counter()
            for _ in range(steps):
                next(contender)
            times[number, place] = (time.perf_counter() - start) / steps
    return times, floors


class Memory(threading.Thread):
    """Watches how much memory the process has that no file backs, in KiB; pages of mapped files can be dropped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak, self._over = 0, threading.Event()

    def run(self) -> None:
        """Look a hundred times a second."""
        while not self._over.wait(0.01):
            status = Path("/proc/self/status").read_text(encoding="utf-8")
            self.peak = max(self.peak, int(status.partition("RssAnon:")[2].split()[0]))

    def __enter__(self) -> "Memory":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self.join()


def told(ratio: np.ndarray) -> str:
    """Median and range."""
    return f"{np.median(ratio):.2f} ({ratio.min():.2f}–{ratio.max():.2f})"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="", help="run one contender alone and print its peak memory")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.run, Path(folder))
        if options.memory:
            with Memory() as memory:
                race(bench, [options.memory], options.steps, options.rounds)
            print(f"{options.memory}: peak {memory.peak / 1024:.0f} MiB of its own")
            return
        print(f"padding: none in packed batches, {100 * padded_share(bench.rows):.1f} % of the tokens in padded ones\n")
        print("| A | B | A, ms a step | B, ms a step | A : B, median (min–max of rounds) | B : floor |")
        print("|---|---|---|---|---|---|")
        for names in PAIRS:
            times, floors = race(bench, names, options.steps, options.rounds)
            a, b = 1e3 * np.median(times, axis=0)
            ratios = told(times[:, 0] / times[:, 1]), told(times[:, 1] / floors)
            print(f"| {names[0]} | {names[1]} | {a:.0f} | {b:.0f} | {ratios[0]} | {ratios[1]} |", flush=True)


if __name__ == "__main__":
    main()
