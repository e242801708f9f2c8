"""The door for prediction: numpy, tokenizers and onnxruntime only."""

from limbeck.runtime.loading import load

__all__ = ["load"]
