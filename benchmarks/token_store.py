"""What a token store costs: time a megabyte and memory of all processes, as a corpus grows.

    python benchmarks/token_store.py CORPUS [--mb 5 20 80] [--workers 0] [--tokenizer minilm-l6] [--out DIR]
    python benchmarks/token_store.py --generate [--mb 500 2000]

CORPUS is a file of text, plain or compressed, of which the first megabytes are taken, for each of the sizes; without
one, `--generate` draws words by Zipf's law. A store is made by `limbeck tokenize` in a process of its own. Its memory
is the sum over that process and its children, looked at twenty times a second; what is shared is counted in each.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

from limbeck.core.bundle import open_bundle
from limbeck.text.corpus import Tally
from limbeck.text.lines import read_lines

MEGABYTE = 1_000_000
LOOKS_PER_SECOND = 20
LINE = "{:>8} MB {:>8.1f} s {:>7.2f} MB/s {:>7.3f} processor s/MB {:>8.2f} M tokens {:>7} MB of memory"


def paragraphs(corpus: Path | None) -> Iterator[str]:
    """Lines of a corpus, or drawn ones without an end."""
    if corpus:
        yield from (line.text for line in read_lines(corpus, 4 * MEGABYTE, Tally()))
        return
    draw = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    words = ["".join(draw.choice(letters, draw.integers(2, 11))) for _ in range(100_000)]
    while True:
        drawn = np.minimum(draw.zipf(1.3, (50, 20)), len(words)) - 1
        yield " ".join(" ".join(words[i] for i in sentence).capitalize() + "." for sentence in drawn)
        if draw.random() < 0.3:
            yield ""


def write(corpus: Path | None, target: Path, size: int) -> int:
    """The first bytes of a corpus as a plain file; how many there are."""
    written = 0
    with target.open("w", encoding="utf-8") as file:
        for paragraph in paragraphs(corpus):
            file.write(paragraph + "\n")
            written += len(paragraph.encode()) + 1
            if written >= size:
                break
    return written


def run(command: list[str]) -> tuple[float, float, int]:
    """Seconds that a command takes, of wall and of processor time, and bytes of memory of all its processes at most."""
    start, peak, before = time.monotonic(), 0, processor_s()
    with psutil.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            try:
                family = [process, *process.children(recursive=True)]
                peak = max(peak, sum(member.memory_info().rss for member in family))
            except psutil.NoSuchProcess:
                pass
            time.sleep(1 / LOOKS_PER_SECOND)
        if process.returncode:
            raise SystemExit(f"the command failed: {' '.join(command)}")
    return time.monotonic() - start, processor_s() - before, peak


def processor_s() -> float:
    """Processor time of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--generate", action="store_true")
    parser.add_argument("--mb", type=int, nargs="+", default=[5, 20, 80])
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--tokenizer", default="minilm-l6")
    parser.add_argument("--out", type=Path, help="where to work; the system's temporary directory if not given")
    given = parser.parse_args()
    if (given.corpus is None) != given.generate:
        parser.error("give a corpus, or --generate")
    with tempfile.TemporaryDirectory(dir=given.out) as folder:
        for size in given.mb:
            text, out = Path(folder) / "raw.txt", Path(folder) / str(size)
            written = write(given.corpus, text, size * MEGABYTE)
            command = [sys.executable, "-m", "limbeck", "tokenize", str(text), "--out", str(out)]
            seconds, used, peak = run([*command, "--tokenizer", given.tokenizer, "--workers", str(given.workers)])
            mb, tokens = written / MEGABYTE, open_bundle(out).facts["tokens"] / 1e6
            print(LINE.format(f"{mb:.1f}", seconds, mb / seconds, used / mb, tokens, peak // MEGABYTE), flush=True)


if __name__ == "__main__":
    main()
