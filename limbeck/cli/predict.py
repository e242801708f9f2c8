"""`limbeck predict`: texts in, answers out, as they come."""

import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from limbeck.cli.screen import shown
from limbeck.core.errors import DataError

_CHUNK_LINES = 1024
"""Lines answered together, so that a file of any size needs the same memory."""


Line = tuple[str, str]
"""Where a text comes from, for messages, and the text."""


def predict(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="An ONNX Bundle.")],
    texts: Annotated[list[str] | None, typer.Argument(metavar="[TEXT…]", help="Texts; - reads standard input.")] = None,
    *,
    file: Annotated[Path | None, typer.Option("--file", metavar="F", help="A UTF-8 file, one text a line.")] = None,
    pair: Annotated[str | None, typer.Option("--pair", metavar="TEXT", help="The second text, for pair tasks.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    threads: Annotated[int | None, typer.Option("--threads", metavar="N", min=1, help="Processor threads.")] = None,
) -> None:
    """Label texts, score them, or find the entities in them.

    Pair tasks read lines of text<TAB>pair. Needs neither torch nor transformers.
    """
    from limbeck.runtime import load

    lines = _lines(texts or [], file)
    predictor = load(bundle, threads=threads)
    inputs = _inputs(lines, pair, paired=bool(predictor.bundle.facts["task"].get("pair")))
    answered = 0
    while chunk := list(itertools.islice(inputs, _CHUNK_LINES)):
        for given, answer in zip(chunk, predictor.predict(chunk), strict=True):
            sys.stdout.write(_json(given, answer) if as_json else _plain(given, answer))
        sys.stdout.flush()
        answered += len(chunk)
    if not answered:
        raise DataError(f"{file or 'standard input'}: no text in it; give one text a line")


def _lines(texts: Sequence[str], file: Path | None) -> Iterator[Line]:
    if file is not None and texts:
        raise DataError("give either texts or --file, not both")
    if file is not None and str(file) != "-":
        return _read(file)
    if list(texts) == ["-"] or file is not None or not (texts or sys.stdin.isatty()):
        return _decode(sys.stdin.buffer, "standard input")
    if not texts:
        raise DataError("no text: give TEXT, --file F, or - to read standard input")
    return ((f"text {i}", text) for i, text in enumerate(texts, 1))


def _read(file: Path) -> Iterator[Line]:
    try:
        with file.open("rb") as lines:
            yield from _decode(lines, str(file))
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from None


def _decode(lines: Any, name: str) -> Iterator[Line]:
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{name}:{number}: not UTF-8 at byte {error.start} of the line; "
                f"convert it first: iconv -f latin1 -t utf-8 FILE"
            ) from None
        yield f"{name}:{number}", text


def _inputs(lines: Iterator[Line], pair: str | None, *, paired: bool) -> Iterator[Any]:
    if pair is not None and not paired:
        raise DataError("--pair: this Bundle reads single texts; leave --pair out")
    for place, text in lines:
        if not paired:
            yield text
        elif pair is not None:
            yield text, pair
        elif text.count("\t") == 1:
            yield tuple(text.split("\t"))
        else:
            raise DataError(
                f"{place}: this Bundle reads pairs; give text<TAB>pair with one tab "
                f"(found {text.count(chr(9))}), or TEXT with --pair TEXT"
            )


def _json(given: Any, answer: dict[str, Any]) -> str:
    asked = {"text": given} if isinstance(given, str) else {"text": given[0], "pair": given[1]}
    return json.dumps({**asked, **answer}, ensure_ascii=False) + "\n"


def _plain(given: Any, answer: dict[str, Any]) -> str:
    """`label<TAB>probability<TAB>text`; for entities one such line each, and a blank line after each text.

    Of several labels those that hold and their probabilities, with bars between, or dashes; of a value it alone.
    """
    if "entities" in answer:
        rows = (
            f"{e['type']}\t{e['probability']:.4f}\t{e['start']}:{e['end']}\t{shown(e['text'])}\n"
            for e in answer["entities"]
        )
        return "".join(rows) + "\n"
    asked = given if isinstance(given, str) else " | ".join(given)
    if "value" in answer:
        return f"{answer['value']:.6g}\t{shown(asked)}\n"
    labels = answer["labels"] if "labels" in answer else [answer["label"]]
    sure = [f"{answer['probabilities'][label]:.4f}" for label in labels]
    return f"{shown('|'.join(labels)) or '-'}\t{'|'.join(sure) or '-'}\t{shown(asked)}\n"
