"""What durable checkpoints cost: steps with one among them and steps without, in turn, in one run.

    python benchmarks/checkpoints.py [--model minilm-l6] [--rounds 5] [--steps 5] [--threads 1] [--folder DIR]

A round takes, of the model fine-tuned and of its lower half distilled: some steps; the same steps with a checkpoint in
their midst, of which the best weights are new; and one whose best weights are those of before. Told are medians over
rounds, of processor and of wall time, and what part of a minute a checkpoint is: the cost at one a minute. The default
is one in ten minutes. DIR is on the disk that is measured; the system's temporary directory if not given.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from growth import BACKBONE, LABELS, MAX_LENGTH, draw

from limbeck.core.files import directory_size
from limbeck.core.journal import Journal
from limbeck.core.shelf import shelf
from limbeck.engine.checkpoints import Checkpoints
from limbeck.engine.mixture import mix
from limbeck.engine.rows import Rows
from limbeck.engine.step import Step
from limbeck.engine.training import Training
from limbeck.nn.checkpoint import fresh, load_network, resolve
from limbeck.nn.model import Model, tapped
from limbeck.nn.surgery import cut_depth
from limbeck.nn.tokenizers import read_tokenizer
from limbeck.nn.types import Outputs
from limbeck.objectives.labels import Spec as Labels
from limbeck.text.encode import Encoder

BATCH = 32
TOLD = "step, s | one more among them, s | one, s | best as before, s | of a minute"


class Contender:
    """A model under training, and its checkpoints."""

    def __init__(self, model: Model, rows: Rows, folder: Path) -> None:
        self.model, self._rows, self.folder = model, rows, folder
        self._step = Step(mix(model, [Labels()], model.dims), Training(batch_size=BATCH), Accelerator(cpu=True), 10**6)
        log = Journal(quiet=True)
        self._checkpoints = Checkpoints(folder / "out", "0" * 64, every_s=60.0, strict=True, log=log)
        self._names = 0

    def train(self, steps: int) -> None:
        """Some steps, on the same rows."""
        for _ in range(steps):
            self._step([(self._rows.batch(range(BATCH), torch.device("cpu")), Outputs())])

    def save(self, *, new_best: bool) -> None:
        """Make a checkpoint."""
        self._names += new_best
        best = self.model.network.state_dict()
        self._checkpoints.save({"step": self._step.state()}, best, str(self._names))


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of the processor, and of the wall."""
    start = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - start[0], time.perf_counter() - start[1]


def measured(contender: Contender, rounds: int, steps: int) -> list[str]:
    """A row of the table."""

    def with_one() -> None:
        contender.train(steps // 2)
        contender.save(new_best=True)
        contender.train(steps - steps // 2)

    contender.train(2)
    contender.save(new_best=True)
    plain, saving, new, same = [], [], [], []
    for _ in range(rounds):
        plain.append(timed(lambda: contender.train(steps)))
        saving.append(timed(with_one))
        new.append(timed(lambda: contender.save(new_best=True)))
        contender.save(new_best=False)
        same.append(timed(lambda: contender.save(new_best=False)))
    cells = [f"{contender.model.parameter_count() / 1e6:.1f} M", f"{directory_size(contender.folder) / 2e6:.0f} MB"]
    for clock in (0, 1):
        step = statistics.median(one[clock] for one in plain) / steps
        extra = statistics.median(one[clock] - other[clock] for one, other in zip(saving, plain, strict=True))
        costs = [statistics.median(one[clock] for one in found) for found in (new, same)]
        cells.append(f"{step:.2f} | {extra:.2f} | {costs[0]:.2f} | {costs[1]:.2f} | {100 * costs[0] / 60:.1f} %")
    return cells


def main() -> None:
    """Read the command line, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=BACKBONE)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    source, tasks = resolve(asked.model), shelf("tasks")
    task, tokenizer = tasks.build(tasks.spec("text_classification")(), LABELS), read_tokenizer(resolve(asked.model))
    words = sorted(filter(str.isalpha, tokenizer.get_vocab()), key=tokenizer.token_to_id)
    rows = Rows.encode(task, Encoder(tokenizer, MAX_LENGTH), draw(BATCH, words))
    whole = tapped(load_network(source, task.head, LABELS, task.answer), per_word=False)
    half = cut_depth(whole, range(1, whole.dims.layers // 2 + 1), lambda config: fresh(config, task.head))
    print(f"| parameters | a checkpoint | {' | '.join(f'{clock}: {TOLD}' for clock in ('processor', 'wall'))} |")
    print("|---" * 12 + "|")
    for model in (whole, half):
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            print(f"| {' | '.join(measured(Contender(model, rows, Path(folder)), asked.rounds, asked.steps))} |")


if __name__ == "__main__":
    main()
