"""All verbs put together, and what happens when one of them fails."""

import contextlib
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

import limbeck
from limbeck.cli.augment import augment
from limbeck.cli.benchmark import benchmark
from limbeck.cli.compare import compare
from limbeck.cli.compress import compress
from limbeck.cli.demo import demo
from limbeck.cli.distil import distil
from limbeck.cli.evaluate import evaluate
from limbeck.cli.export import export
from limbeck.cli.finetune import finetune
from limbeck.cli.import_checkpoint import import_checkpoint
from limbeck.cli.inspect import inspect
from limbeck.cli.package import package
from limbeck.cli.predict import predict
from limbeck.cli.prepare import prepare
from limbeck.cli.pretrain import pretrain
from limbeck.cli.probe import probe
from limbeck.cli.quantize import quantize
from limbeck.cli.report import report
from limbeck.cli.run import run
from limbeck.cli.shelf import shelf
from limbeck.cli.tokenize import tokenize
from limbeck.cli.tokenizer import tokenizer

_VERBS = (
    *(compress, compare, probe, run, demo, predict, inspect, shelf),
    *(tokenizer, tokenize, pretrain),
    *(prepare, augment, import_checkpoint, finetune, distil, export, quantize, evaluate, benchmark, package, report),
)

app = typer.Typer(
    help="Turn a large BERT and a file of text into a small, fast, verified model.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help is ready sooner, and no text is ever read as markup
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"limbeck {limbeck.__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Turn a large BERT and a file of text into a small, fast, verified model."""
    for stream in (sys.stdout, sys.stderr):  # text from users may hold what the terminal's encoding cannot show
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def guarded(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb, with every error that a user can mend shown as one message, and no traceback."""

    @functools.wraps(verb)
    def call(**arguments: Any) -> None:
        from limbeck.core.errors import LimbeckError

        try:
            with _ended_by_sigterm():
                verb(**arguments)
            sys.stdout.flush()  # a reader that has gone is noticed here rather than at the interpreter's end
        except LimbeckError as error:
            _fail(str(error), error.exit_code)
        except KeyboardInterrupt:
            _fail("stopped from the keyboard", 130)
        except ModuleNotFoundError as error:
            from limbeck.core.shelf import missing_extra

            if error.name is None or error.name.startswith("limbeck"):
                raise
            missing = missing_extra(error.name, f"`limbeck {verb.__name__}`")
            _fail(str(missing), missing.exit_code)

    return call


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Inside the block, SIGTERM ends the process as an exception does: what is half made is removed on the way."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        os.write(2, b"error: stopped by SIGTERM; the same command goes on from the last step that is done\n")
        sys.exit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _fail(message: str, exit_code: int) -> NoReturn:
    sys.stderr.write(f"error: {message}\n")
    raise typer.Exit(exit_code)


for _verb in _VERBS:  # `import` is no name that a function of Python can have
    app.command("import" if _verb is import_checkpoint else None)(guarded(_verb))
