"""What holds for every verb: help, version, errors, exit codes, start-up."""

import signal
import subprocess
import sys
import time

import pytest

import limbeck
from limbeck.cli.app import app, guarded
from limbeck.core.errors import GateError, LimbeckError
from limbeck.core.files import new_directory

VERBS = [command.name or command.callback.__name__ for command in app.registered_commands]
HEAVY = ("torch", "transformers", "onnxruntime", "numpy", "sklearn", "pydantic", "rich")


@pytest.fixture
def broken(cli, monkeypatch):
    """`limbeck shelf`, failing as told."""

    def invoke(error):
        def shelf() -> None:
            raise error

        command = next(c for c in app.registered_commands if c.callback.__name__ == "shelf")
        monkeypatch.setattr(command, "callback", guarded(shelf))
        return cli("shelf")

    return invoke


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(cli, verb):
    result = cli(verb, "--help")
    assert result.exit_code == 0
    assert f"limbeck {verb}" in result.stdout.replace("root ", "limbeck ")


def test_help_lists_every_verb(cli):
    text = cli("--help").stdout
    assert all(f"\n  {verb} " in text for verb in VERBS)


def test_the_version_is_told(cli):
    assert cli("--version").stdout == f"limbeck {limbeck.__version__}\n"


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (LimbeckError("a.csv:3: [red]ragged[/red]"), 2, "error: a.csv:3: [red]ragged[/red]\n"),
        (GateError("too much is lost"), 4, "error: too much is lost\n"),
        (KeyboardInterrupt(), 130, "error: stopped from the keyboard\n"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 2, "pip install 'limbeck[train]'"),
    ],
)
def test_a_mendable_error_is_one_message(broken, error, exit_code, message):
    result = broken(error)
    assert result.exit_code == exit_code
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_sigterm_ends_as_an_error_does_with_its_own_exit_code(cli, monkeypatch, tmp_path, capfd):
    before = signal.getsignal(signal.SIGTERM)

    def shelf() -> None:
        with new_directory(tmp_path / "out") as draft:
            (draft / "half").touch()
            signal.raise_signal(signal.SIGTERM)

    command = next(c for c in app.registered_commands if c.callback.__name__ == "shelf")
    monkeypatch.setattr(command, "callback", guarded(shelf))
    assert cli("shelf").exit_code == 143
    assert "stopped by SIGTERM" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is before


def test_our_own_missing_module_is_not_blamed_on_the_user(broken):
    result = broken(ModuleNotFoundError("No module named 'limbeck.gone'", name="limbeck.gone"))
    assert isinstance(result.exception, ModuleNotFoundError)


def test_an_unknown_verb_is_refused_as_it_was_typed(cli):
    result = cli("[bold]compres")
    assert result.exit_code == 2
    assert "[bold]compres" in result.stderr


def test_what_the_terminal_cannot_show_is_escaped(tmp_path):
    path = tmp_path / "\udcff"
    result = subprocess.run([sys.executable, "-m", "limbeck", "inspect", path], capture_output=True, check=False)
    assert result.returncode == 2
    assert b"udcff: no such directory" in result.stderr


def test_a_reader_that_leaves_early_sees_no_traceback():
    command = f"{sys.executable} -m limbeck shelf metrics | true"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert result.stderr == ""


def test_help_imports_nothing_heavy_and_is_quick():
    code = f"""if True:
        import sys
        from limbeck.cli import main
        sys.argv = ["limbeck", "--help"]
        try:
            main()
        finally:
            sys.stderr.write(",".join(m for m in {HEAVY} if m in sys.modules))
    """
    start = time.perf_counter()
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert time.perf_counter() - start < 2.0  # 0.1 s when the machine is quiet
    assert "Usage: limbeck" in result.stdout
    assert result.stderr == ""
