"""What a model costs, as far as its Bundle tells it."""

from limbeck.core.bundle import Bundle
from limbeck.core.measurement import Measurement

_MODEL_FILES = ("model.safetensors", "model.onnx")


def model_costs(role: str, model: Bundle) -> list[Measurement]:
    """Parameters and the size of the weights' file, as far as the Bundle tells them."""
    files = model.manifest["files"]
    sizes = [files[name]["size_bytes"] for name in _MODEL_FILES if name in files]
    parameters = model.facts.get("dims", {}).get("parameters")
    return [
        *([Measurement(role, "parameters", parameters, "parameters")] if parameters else []),
        *(Measurement(role, "size_bytes", size, "bytes") for size in sizes),
    ]
