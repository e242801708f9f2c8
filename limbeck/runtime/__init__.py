"""The door for prediction: numpy, tokenizers and onnxruntime only."""

from limbeck.runtime.predictor import Predictor, load

__all__ = ["Predictor", "load"]
