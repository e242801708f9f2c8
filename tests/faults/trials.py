"""Faults of every kind, one after another, each followed by the same command; what was tried, and not survived."""

import os
import random
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import faults
from tests.faults.scene import Ended, Scene, Started

_KILLED = (-signal.SIGKILL,)


@dataclass
class Tally:
    """How many faults of each kind were tried, and what went wrong after any of them."""

    tried: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    def count(self, kind: str, fault: str = "") -> None:
        """Take in a fault that has struck."""
        self.tried[kind] += 1
        self._last = f"{kind} {fault}"

    def check(self, right: bool, told: str) -> None:
        """Take in whether it was survived."""
        if not right:
            self.failed.append(f"after {self._last}: {told}")

    def text(self) -> str:
        """For people."""
        total = self.tried.total()
        kinds = ", ".join(f"{number} {kind}" for kind, number in self.tried.items())
        return "\n".join([f"{total} faults tried, {total - len(self.failed)} survived ({kinds})", *self.failed])


def finished(scene: Scene, out: Path, tally: Tally) -> None:
    """The same command, undisturbed: it must end well, and give what it gives when nothing ever happens."""
    ended = scene.run(out)
    tally.check(ended.code == 0, f"exit {ended.code}: {ended.told[-2000:]}")
    if ended.code == 0:
        different = scene.differences(out)
        tally.check(not different, f"other {', '.join(different)}")


def chain(
    scene: Scene, tally: Tally, number: int, kind: str, strike: Callable[[Path, int], Ended], codes: tuple[int, ...]
) -> None:
    """Strike at one run after another until it ends all the same, then begin another, until there were enough.

    Args:
        scene: The run.
        tally: Where it is counted.
        number: How many faults there are to be.
        kind: What they are called.
        strike: Runs in a directory, with the n-th fault.
        codes: How a run ends that was struck.
    """
    out, goal, struck = scene.fresh(), tally.tried[kind] + number, 0
    while tally.tried[kind] < goal:
        struck += 1
        ended = strike(out, struck)
        if ended.code in codes:
            tally.count(kind, str(struck))
            continue
        tally.check(ended.code == 0, f"exit {ended.code} (strike {struck}): {ended.told[-2000:]}")
        finished(scene, out, tally)
        shutil.rmtree(out)
        out = scene.fresh()
    finished(scene, out, tally)
    shutil.rmtree(out)


def kills(scene: Scene, tally: Tally, number: int, seed: int) -> None:
    """SIGKILL at random moments."""
    draw = random.Random(seed)

    def strike(out: Path, _: int) -> Ended:
        started = scene.start(out)
        started.signal_after(draw.uniform(0, scene.cpu_s / 3), signal.SIGKILL)
        return started.wait()

    chain(scene, tally, number, "kills", strike, _KILLED)


def torn(scene: Scene, tally: Tally, number: int) -> None:
    """Death at the first, second, … write, fsync or rename of a process."""
    chain(
        scene,
        tally,
        number,
        "deaths at a write",
        lambda out, strike: scene.run(out, faults.dies_at(1 + (strike - 1) % 120)),
        _KILLED,
    )


def signals(scene: Scene, tally: Tally, number: int, seed: int) -> None:
    """SIGTERM and SIGINT at random moments: exit code 143 or 130, and nothing half made stays."""
    draw = random.Random(seed)

    def strike(out: Path, struck: int) -> Ended:
        asked = signal.SIGTERM if struck % 2 else signal.SIGINT
        started = scene.start(out)
        started.wait_for_words()
        started.signal_after(draw.uniform(0, scene.cpu_s / 3), asked)
        ended = started.wait()
        if ended.code == 128 + asked:
            left = [p for p in out.rglob(".*") if p.name.endswith((".tmp", ".lock"))]
            tally.count("signals")
            tally.check(not left, f"left {left}")
            tally.tried["signals"] -= 1  # counted by the chain
        return ended

    chain(scene, tally, number, "signals", strike, (143, 130))


def stopped(scene: Scene, after_steps: int) -> Path:
    """A run that died in the midst of a training, with two checkpoints."""
    out = scene.fresh()

    assert scene.run(out, faults.dies_after(after_steps)).code == -signal.SIGKILL
    return out


def damaged_checkpoints(scene: Scene, tally: Tally, number: int) -> None:
    """Each file of the newest checkpoint, damaged in each way."""
    original = stopped(scene, 12)  # in the first phase of distil
    for place in sorted(p.name for p in original.glob("student.checkpoints/*"))[::-1]:
        for name in ("state.pt", "best.pt", "checkpoint.json"):
            for copy, how, damage in _copies(scene, original, Path("student.checkpoints") / place / name):
                if tally.tried["damaged checkpoints"] >= number:
                    return
                damage()
                tally.count("damaged checkpoints", f"{place} {name} {how}")
                finished(scene, copy, tally)
                shutil.rmtree(copy)


def _copies(scene: Scene, original: Path, file: Path) -> Iterator[tuple[Path, str, Callable[[], None]]]:
    for how in ("deleted", "shortened", "flipped"):
        copy = scene.fresh()
        shutil.copytree(original, copy)
        yield copy, how, dict(faults.damages(copy / file))[how]


def damaged_files(scene: Scene, tally: Tally, number: int, seed: int) -> None:
    """Each file of each Bundle and of the teacher's cache of a finished run, in each way, one after another."""
    out = scene.fresh()
    finished(scene, out, tally)
    files = [p for p in out.rglob("*") if p.is_file() and p.parent != out]
    random.Random(seed).shuffle(files)
    for file in files[:number]:
        for how in ("flipped", "deleted", "shortened"):
            if tally.tried["damaged files"] >= number:
                break
            if not file.is_file():  # what was set aside, or is made of other fields now
                continue
            dict(faults.damages(file))[how]()
            tally.count("damaged files", f"{file.relative_to(out)} {how}")
            if "cache" in file.parts:
                shutil.rmtree(out / "student")  # only a training reads it
            finished(scene, out, tally)
    shutil.rmtree(out)


def numbers(scene: Scene, tally: Tally, steps: Sequence[int] = (2, 5, 9, 14)) -> None:
    """Weights that are no numbers: exit 3, and never saved."""
    for step in steps:
        out = scene.fresh()
        ended = scene.run(out, faults.loses_its_numbers_at(step))
        tally.count("losses of numbers", f"step {step}")
        tally.check(ended.code == 3 and "nan" in ended.told, f"exit {ended.code}: {ended.told[-500:]}")
        finished(scene, out, tally)


def memory(scene: Scene, tally: Tally, steps: Sequence[int] = (3, 12)) -> None:
    """No memory: exit 3, and what to set."""
    for step in steps:
        out = scene.fresh()
        ended = scene.run(out, faults.runs_short_of_memory_at(step))
        tally.count("shortages of memory", f"step {step}")
        told = "Set part_tokens to" in ended.told and "batch_size to 8" in ended.told
        tally.check(ended.code == 3 and told, f"exit {ended.code}: {ended.told[-500:]}")
        finished(scene, out, tally)


def full_disks(scene: Scene, tally: Tally, sizes: Sequence[int]) -> None:
    """Files that may not grow, larger and larger: an error that tells the bytes, and no litter."""
    for size in sizes:
        out = scene.fresh()
        ended = scene.run(out, faults.files_are_at_most(size))
        if ended.code == 0:
            shutil.rmtree(out)
            return
        tally.count("full disks", f"{size} bytes")
        _check_full(tally, out, ended)
        finished(scene, out, tally)
        shutil.rmtree(out)


def full_volumes(scene: Scene, tally: Tally, number: int) -> str:
    """Small volumes, larger and larger; then room is made. Returns why not, where none can be mounted."""
    out = scene.fresh()
    out.mkdir()
    sizes = [16 * 2**strike for strike in range(number)]
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={sizes[0]}k", "tmpfs", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        return f"no volume can be mounted ({mounted.stderr.strip()})"
    try:
        for size in sizes:
            subprocess.run(["mount", "-o", f"remount,size={size}k", str(out)], check=True)
            ended = scene.run(out)
            if ended.code == 0:
                break
            tally.count("full volumes", f"{size} KiB")
            _check_full(tally, out, ended)
        subprocess.run(["mount", "-o", "remount,size=64m", str(out)], check=True)
        finished(scene, out, tally)
    finally:
        subprocess.run(["umount", str(out)], check=True)
    return ""


def _check_full(tally: Tally, out: Path, ended: Ended) -> None:
    told = "could not be written" in ended.told and "bytes or more, and" in ended.told
    tally.check(ended.code == 2 and told and "Traceback" not in ended.told, f"exit {ended.code}: {ended.told[-1500:]}")
    left = [p for p in out.rglob(".*") if p.name.endswith((".tmp", ".lock"))]
    tally.check(not left, f"left {left}")


def second_processes(scene: Scene, tally: Tally) -> None:
    """Another process on the same directory: refused, and told whose it is; the first is not disturbed."""
    out = scene.fresh()
    first = scene.start(out, faults.pauses_at(3))
    os.waitpid(first.pid, os.WUNTRACED)
    second = Started.of(["run", str(scene.recipe), "--out", str(out)], scene.folder / "second.txt", None).wait()
    tally.count("second processes")
    told = f"process {first.pid} is working on it" in second.told
    tally.check(second.code == 2 and told, f"exit {second.code}: {second.told[-500:]}")
    os.kill(first.pid, signal.SIGCONT)
    tally.check((ended := first.wait()).code == 0, f"the first: exit {ended.code}: {ended.told[-500:]}")
    finished(scene, out, tally)
