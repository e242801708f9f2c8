"""`python -m tests.faults --faults 200`: tries that many faults and tells how many were survived; exit 1 if not all."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.faults import trials
from tests.faults.scene import Scene

MEMORY = Path("/dev/shm")


def tried(folder: Path, number: int, seed: int, say: Callable[[str], None] = print) -> trials.Tally:
    """Try about as many faults, of every kind.

    Args:
        folder: An empty directory.
        number: How many faults.
        seed: Of random moments.
        say: Told how far it is.
    """
    tally = trials.Tally()
    short, whole = Scene(folder / "short", short=True), Scene(folder / "whole")
    say(f"a run takes {whole.cpu_s:.1f} s of processor time, to the student {short.cpu_s:.1f} s")
    for scene, share in ((short, 3), (whole, 8)):
        trials.kills(scene, tally, max(number // share, 1), seed)
        say(tally.text())
        trials.torn(scene, tally, max(number // (share + 2), 1))
        say(tally.text())
        trials.signals(scene, tally, max(number // (3 * share), 1), seed)
        say(tally.text())
    trials.damaged_checkpoints(short, tally, number // 11)
    trials.numbers(short, tally)
    trials.memory(short, tally)
    say(tally.text())
    trials.full_disks(short, tally, [200 * 2**strike for strike in range(14)])
    if why := trials.full_volumes(whole, tally, 14):
        say(why)
    trials.second_processes(short, tally)
    say(tally.text())
    trials.damaged_files(whole, tally, number // 8, seed)
    return tally


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        tally = tried(Path(folder), asked.faults, asked.seed, lambda text: print(text, flush=True))
    print(tally.text())
    sys.exit(bool(tally.failed))


if __name__ == "__main__":
    main()
