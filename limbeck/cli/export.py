"""`limbeck export`: PyTorch weights in, ONNX out."""

from limbeck.cli.options import Model, Out, Settings
from limbeck.cli.stage import run_stage


def export(model: Model, out: Out, settings: Settings = None) -> None:
    """Write a model as fp32 ONNX, and fail if its answers differ."""
    run_stage("export", {"model": model}, out, settings)
