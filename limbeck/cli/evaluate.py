"""`limbeck evaluate`: how good models are, with intervals."""

from limbeck.cli.options import DataFlag, Models, Out, Settings
from limbeck.cli.stage import by_role, run_stage


def evaluate(models: Models, data: DataFlag, out: Out, settings: Settings = None) -> None:
    """Measure models on the test rows, and test their differences."""
    run_stage("evaluate", {"data": data, **by_role(models)}, out, settings)
