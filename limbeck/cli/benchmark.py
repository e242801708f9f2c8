"""`limbeck benchmark`: how fast and how large models are."""

from limbeck.cli.options import DataFlag, Models, Out, Settings
from limbeck.cli.stage import by_role, run_stage


def benchmark(models: Models, data: DataFlag, out: Out, settings: Settings = None) -> None:
    """Measure latency, throughput and size of models side by side."""
    run_stage("benchmark", {"data": data, **by_role(models)}, out, settings)
