"""A step of masked language modelling against the usual loop of `transformers`: same texts, same network, in turn.

    python benchmarks/masked_lm_step.py STORE [--shape 4x312] [--batch 32] [--steps 5] [--rounds 7] [--threads 2]
    python benchmarks/masked_lm_step.py STORE --memory limbeck

STORE is what `limbeck tokenize` made of a corpus. The loop is that of the examples of `transformers`: a stock network,
its `DataCollatorForLanguageModeling`, padding to the longest text of a batch, AdamW over all weights, its norm clipped.
Both begin with random weights, train with dropout and hide 15 % of the tokens. Ratios are of real tokens a second.
"""

import argparse
import copy
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from transformers import AutoTokenizer, DataCollatorForLanguageModeling

from limbeck.core.bundle import open_bundle
from limbeck.engine.corpus import CorpusRows, Questions, Rounds
from limbeck.engine.mixture import mix
from limbeck.engine.step import Step
from limbeck.engine.training import CorpusPhase
from limbeck.nn.beginnings import from_shape
from limbeck.nn.model import tapped
from limbeck.nn.types import Outputs
from limbeck.objectives.labels import Spec as Labels
from limbeck.pretexts import masked_lm
from limbeck.text.encode import Encoder
from limbeck.text.lexicon import open_lexicon
from limbeck.text.token_store import open_store

WARMUP = 3
CPU = torch.device("cpu")
Steps = Iterator[int]
"""Makes a step, and tells how many real tokens it saw."""


class Bench:
    """The corpus and the network that both begin with."""

    def __init__(self, store: Path, shape: str, length: int, batch: int) -> None:
        self.bundle, self.batch = open_bundle(store), batch
        encoder = Encoder.read(self.bundle.file("tokenizer.json"), length)
        texts, self._encoder = open_store(self.bundle, "train"), encoder
        words = masked_lm.build(masked_lm.Spec(), open_lexicon(self.bundle))
        self.asked, self.plain = (CorpusRows(texts, encoder, Questions(words=w), 0) for w in (words, None))
        self.network = from_shape("bert", shape, store)

    def order(self) -> Iterator[list[int]]:
        """Batches of the shuffled corpus."""
        rounds = Rounds(self.plain, 10**6, 100, self.batch, seed=0)
        return (one for epoch in itertools.count() for one in rounds.batches(epoch))

    def limbeck(self, precision: str = "no") -> Steps:
        """Limbeck's own step, fed as in a run."""
        AcceleratorState._reset_state()
        model = tapped(copy.deepcopy(self.network), per_word=True)
        accelerator = Accelerator(cpu=True, mixed_precision=precision)
        step = Step(mix(model, [Labels()], model.dims), CorpusPhase(), accelerator, 10**6)
        step.dropout()
        for numbers in self.order():
            batch = self.asked.batch(numbers, CPU)
            step([(batch, Outputs())])
            yield len(batch.input_ids)

    def loop(self) -> Steps:
        """The usual loop."""
        network = copy.deepcopy(self.network).train()
        collate = DataCollatorForLanguageModeling(AutoTokenizer.from_pretrained(self.bundle.path))
        optimizer = torch.optim.AdamW(network.parameters(), lr=5e-4)
        for numbers in self.order():
            plain = self.plain.batch(numbers, CPU)
            rows = [{"input_ids": row} for row in torch.split(plain.input_ids, plain.lengths)]
            network(**collate(rows)).loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            yield len(plain.input_ids)

    def contenders(self) -> dict[str, Callable[[], Steps]]:
        """Name → its steps."""
        return {"limbeck": self.limbeck, "limbeck, bf16": lambda: self.limbeck("bf16"), "usual loop": self.loop}


def race(bench: Bench, names: Sequence[str], steps: int, rounds: int) -> np.ndarray:
    """Real tokens a second of each, in turn, `[rounds, names]`."""
    running = [bench.contenders()[name]() for name in names]
    for contender in running:
        for _ in range(WARMUP):
            next(contender)
    found = np.zeros((rounds, len(names)))
    for number in range(rounds):
        for place, contender in enumerate(running):
            start = time.perf_counter()
            tokens = sum(next(contender) for _ in range(steps))
            found[number, place] = tokens / (time.perf_counter() - start)
    return found


def peak_memory(steps: Steps, count: int) -> float:
    """Most memory of the process's own, in MiB, during some steps; looked at a hundred times a second."""
    peak, over = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.01):
            status = Path("/proc/self/status").read_text(encoding="utf-8")
            peak = max(peak, int(status.partition("RssAnon:")[2].split()[0]))

    thread = threading.Thread(target=watch)
    thread.start()
    for _ in range(count):
        next(steps)
    over.set()
    thread.join()
    return peak / 1024


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--shape", default="4x312")
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="", help="run one contender alone and print its peak memory")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    bench = Bench(options.store, options.shape, options.length, options.batch)
    if options.memory:
        found = peak_memory(bench.contenders()[options.memory](), WARMUP + options.steps)
        print(f"{options.memory}: peak {found:.0f} MiB of its own")
        return
    names = ["usual loop", "limbeck", "limbeck, bf16"]
    rates = race(bench, names, options.steps, options.rounds)
    print("| contender | real tokens a second, median | against the usual loop, median (min–max of rounds) |")
    print("|---|---|---|")
    for place, name in enumerate(names):
        ratio = rates[:, place] / rates[:, 0]
        told = f"{np.median(ratio):.2f} ({ratio.min():.2f}–{ratio.max():.2f})"
        print(f"| {name} | {np.median(rates[:, place]):.0f} | {told} |")


if __name__ == "__main__":
    main()
