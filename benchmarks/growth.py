"""What a token costs as rows grow in number: time of encoding, of the teacher's fill and of distillation; memory.

    python benchmarks/growth.py 1000 10000 100000 [--model minilm-l6] [--steps 100] [--rounds 3] [--threads 1]

Rows are drawn, the same on every machine: words of the tokenizer's vocabulary by Zipf's law, log-normal in number, 20
on average. Each number of rows has a process of its own, and does its work in turn with the others in every round, so
that noise meets all alike. Told are medians over rounds, of processor time, which neighbours change little, and of wall
time, which has the waits for the disk in it; with their ratios to the first number of rows. Memory is the peak of the
process's own, as in `training_step.py`. The teacher is a random BERT of 2 layers of 64, or what `--model` names; the
student is its lower half, and learns as in the first phase of `distil`.
"""

import argparse
import itertools
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from training_step import Memory, distilling

from limbeck.core.journal import Journal
from limbeck.core.shelf import shelf
from limbeck.engine.mixture import mix
from limbeck.engine.rows import Rows
from limbeck.engine.teacher_cache import OnlineTeacher, open_teachers
from limbeck.nn.checkpoint import fresh, load_network, read_config, resolve
from limbeck.nn.model import frozen, tapped
from limbeck.nn.surgery import cut_depth
from limbeck.nn.tokenizers import read_tokenizer
from limbeck.stages import distil
from limbeck.text.encode import Encoder
from limbeck.text.port import Example

BACKBONE, LABELS, MAX_LENGTH = "minilm-l6", ("negative", "positive"), 128
SMALL = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 256}
MEAN_WORDS, SPREAD, MOST_WORDS = 20, 0.45, 100
WORK = ("encode", "fill", "step")
CLOCKS = {"processor": time.process_time, "wall": time.perf_counter}


class Cost(NamedTuple):
    """Of a piece of work: seconds by each clock, tokens, and the peak of the process's own memory so far, in KiB."""

    seconds: Mapping[str, float]
    tokens: int
    memory: int


def draw(rows: int, words: Sequence[str]) -> list[Example]:
    """Labelled rows of random words; where there are more, the first ones are the same."""
    random = np.random.default_rng(0)
    chances = 1 / np.arange(10, 10 + len(words))
    edges = np.cumsum(chances / chances.sum())
    made = []
    for _ in range(rows):
        count = int(np.exp(random.normal(np.log(MEAN_WORDS) - SPREAD**2 / 2, SPREAD)))
        chosen = np.searchsorted(edges[:-1], random.random(min(max(count, 1), MOST_WORDS)))
        made.append(Example(" ".join(words[i] for i in chosen), target=LABELS[random.integers(2)]))
    return made


class Site:
    """One number of rows, and all that distillation takes; each kind of work tells how many tokens it was."""

    rows: Rows
    running: Iterator[int]

    def __init__(self, rows: int, options: argparse.Namespace) -> None:
        torch.manual_seed(0)
        source, tasks = resolve(options.model or BACKBONE), shelf("tasks")
        self.task = tasks.build(tasks.spec("text_classification")(), LABELS)
        tokenizer = read_tokenizer(source)
        self.encoder = Encoder(tokenizer, MAX_LENGTH)
        self.examples = draw(rows, sorted(filter(str.isalpha, tokenizer.get_vocab()), key=tokenizer.token_to_id))
        self.teacher = frozen(tapped(self._network(source, options), per_word=False))
        lower = range(1, self.teacher.dims.layers // 2 + 1)
        student = cut_depth(self.teacher, lower, lambda config: fresh(config, self.task.head))
        self.mixture = mix(student, distil.Spec().phases[0].objectives, self.teacher.dims)
        self.memory_gb, self.steps = options.cache_ram_gb, options.steps

    def _network(self, source: Path, options: argparse.Namespace) -> Any:
        if options.model:
            return load_network(source, self.task.head, LABELS, self.task.answer)
        config = read_config(source)
        config.update(SMALL)
        return fresh(config, self.task.head)

    def encode(self) -> int:
        """Characters to token ids."""
        self.rows = Rows.encode(self.task, self.encoder, self.examples)
        return len(self.rows.ids)

    def fill(self) -> int:
        """The teacher's outputs to disk, anew."""
        self.folder = tempfile.TemporaryDirectory()  # what the last one held goes
        teacher = open_teachers(
            OnlineTeacher(self.teacher, self.mixture.teacher_reads, ""),
            [self.mixture.teacher_reads],
            self.rows,
            folder=Path(self.folder.name),
            budget_gb=1e3,
            memory_gb=self.memory_gb,
            dtype="float16",
            log=Journal(quiet=True),
        )[self.mixture.teacher_reads]
        self.running = distilling(self.mixture, teacher, self.rows)
        next(self.running)  # the first one makes the optimiser's state
        return len(self.rows.ids)

    def step(self) -> int:
        """Steps of distillation."""
        return sum(itertools.islice(self.running, self.steps))


def work(orders: Connection, rows: int, options: argparse.Namespace) -> None:
    """Do what is ordered, by name, until nothing is; answer with what it cost."""
    torch.set_num_threads(options.threads)
    site = Site(rows, options)
    with Memory() as memory:
        while name := orders.recv():
            begun = {clock: now() for clock, now in CLOCKS.items()}
            tokens = getattr(site, name)()
            seconds = {clock: now() - begun[clock] for clock, now in CLOCKS.items()}
            orders.send(Cost(seconds, tokens, memory.peak))


def race(options: argparse.Namespace) -> dict[tuple[int, str], list[Cost]]:
    """What each kind of work cost with each number of rows, round by round."""
    context = multiprocessing.get_context("spawn")
    orders: dict[int, Connection] = {}
    for rows in options.rows:
        orders[rows], theirs = context.Pipe()
        context.Process(target=work, args=(theirs, rows, options), daemon=True).start()
    costs: dict[tuple[int, str], list[Cost]] = {(rows, name): [] for rows in options.rows for name in WORK}
    for name, _, rows in itertools.product(WORK, range(options.rounds), options.rows):
        orders[rows].send(name)
        costs[rows, name].append(orders[rows].recv())
    for pipe in orders.values():
        pipe.send("")
    return costs


def told(costs: Mapping[tuple[int, str], Sequence[Cost]], rows: int, first: int, name: str, clock: str) -> str:
    """Milliseconds per 1000 tokens, and the ratio to the first number of rows."""

    def median(of: int) -> float:
        return statistics.median(1e6 * cost.seconds[clock] / cost.tokens for cost in costs[of, name])

    return f"{median(rows):.3g} ({median(rows) / median(first):.2f})"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int, nargs="+")
    parser.add_argument("--model", default="", help="the teacher: a directory, hf:org/name or minilm-l6")
    parser.add_argument("--steps", type=int, default=100, help="in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cache-ram-gb", type=float, default=0.0, help="as distil.cache_ram_gb")
    options = parser.parse_args()
    costs, first = race(options), options.rows[0]
    print("| rows | tokens | time | encode, ms per 1000 tokens | fill | step | own memory, MiB: encode | fill | step |")
    print("|---|---|---|---|---|---|---|---|---|")
    for rows, clock in itertools.product(options.rows, CLOCKS):
        times = " | ".join(told(costs, rows, first, name, clock) for name in WORK)
        memory = " | ".join(f"{costs[rows, name][-1].memory / 1024:.0f}" for name in WORK)
        print(f"| {rows} | {costs[rows, 'encode'][0].tokens} | {clock} | {times} | {memory} |")


if __name__ == "__main__":
    main()
