"""What one text of a million characters costs to be encoded, beside a tokenizer that reads all of it.

    python benchmarks/long_text.py [--tokenizer FILE] [--characters 1000000] [--max-length 128] [--rounds 5]

FILE is a `tokenizer.json`; without one that of `minilm-l6` is taken. Tagging answers for every word, so that all are
read, each different one once: of raw text as `predict` reads it, and of words in lists as a training does. Prints a
Markdown table of milliseconds, the best of rounds.
"""

import argparse
import csv
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tokenizers import Tokenizer

from limbeck.nn.checkpoint import resolve
from limbeck.text.docstrings import write_demo
from limbeck.text.encode import Encoder
from limbeck.text.wordlist import Unit, WordList

LETTERS = "abcdefghijklmnopqrstuvwxyz     "
SENTENCES = {
    "English": "The film was directed by Anna Smith in Oslo, and it's quite good. ",
    "Chinese": "张三在北京大学学习计算机科学，李四在上海工作。",
    "one letter": "a",
    "spaces": " ",
    "emoji": "😀",
}


def main() -> None:
    """Measure and print."""
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--tokenizer", type=Path)
    flags.add_argument("--characters", type=int, default=1_000_000)
    flags.add_argument("--max-length", type=int, default=128)
    flags.add_argument("--rounds", type=int, default=5)
    given = flags.parse_args()
    path = given.tokenizer or resolve("minilm-l6") / "tokenizer.json"
    encoder = Encoder.read(path, given.max_length)
    whole = Tokenizer.from_file(str(path))
    whole.enable_truncation(given.max_length)
    print(
        "| text | a text, ms | a pair of them, ms | truncating, ms | words | different | tagging, ms | of lists, ms |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, sentence in {
        **SENTENCES,
        "docstrings": docstrings(),
        "random letters": letters(given.characters),
    }.items():
        text = (sentence * (given.characters // len(sentence) + 1))[: given.characters]
        unit: Unit = "characters" if name == "Chinese" else "spaces"
        words = list(WordList.read(text, unit))
        cells = [
            best(lambda text=text: encoder.texts([text]), given.rounds),
            best(lambda text=text: encoder.texts([text], [text]), given.rounds),
            best(lambda text=text: whole.encode(text), 1),
            f"{len(words):,}",
            f"{len(set(words)):,}",
            best(lambda text=text, unit=unit: encoder.words([WordList.read(text, unit)]), given.rounds),
            best(lambda words=words: encoder.words([words]), given.rounds),
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def docstrings() -> str:
    """Real prose that every installation has: the demo's sentences."""
    with tempfile.TemporaryDirectory() as folder:
        train, *_ = write_demo(Path(folder))
        with train.open(encoding="utf-8", newline="") as file:
            return " ".join(row["text"] for row in csv.DictReader(file))


def letters(count: int) -> str:
    """Text in which most words stand once."""
    draw = random.Random(0)
    return "".join(draw.choice(LETTERS) for _ in range(count))


def best(work: Callable[[], object], rounds: int) -> str:
    """Milliseconds of the fastest round."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return f"{1000 * min(seconds):.1f}"


if __name__ == "__main__":
    main()
