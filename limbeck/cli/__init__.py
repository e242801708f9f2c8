"""The command `limbeck`: one thin verb a file, and no hyper-parameter in any of them."""


def main() -> None:
    """Run the command line."""
    from limbeck.cli.app import app

    app(prog_name="limbeck")
