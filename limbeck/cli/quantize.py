"""`limbeck quantize`: fp32 ONNX in, int8 ONNX out."""

from limbeck.cli.options import DataFlag, Force, Model, Out, Settings
from limbeck.cli.stage import run_stage


def quantize(model: Model, data: DataFlag, out: Out, force: Force = False, settings: Settings = None) -> None:
    """Quantise an exported model to int8, past a gate.

    It is refused if it loses more than the fields allow.
    """
    run_stage("quantize", {"model": model, "data": data}, out, settings, force=force or None)
