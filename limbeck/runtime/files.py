"""Which files of a Bundle from anywhere may be read, and what an ONNX file may not hold."""

import re

from limbeck.core.bundle import Bundle
from limbeck.core.errors import BundleError

MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"
_LOCATION = re.compile(rb"location")
_KEY_BEFORE = re.compile(rb"(?:\x0a|\x8a\x80{0,8}\x00)(?:\x08|\x88\x80{0,8}\x00)\Z")
"""How protobuf begins the key of an entry, here `location`, in every spelling that a parser accepts."""
_LONGEST_BEFORE = 20


def check_files(bundle: Bundle) -> None:
    """Check, before anything is parsed, that the files a prediction needs are there, and that all are plain.

    Raises:
        BundleError: A file is missing, a link, too large, of another size than the manifest says, or a stranger.
    """
    if MODEL not in bundle.files():
        raise BundleError(f"{bundle.path}: {_no_model(bundle)}")
    bundle.file(TOKENIZER)
    bundle.check_plain()


def read_model(bundle: Bundle) -> bytes:
    """The bytes of `model.onnx`, which must hold all its weights itself.

    Raises:
        BundleError: It refers to another file.
    """
    path = bundle.file(MODEL)
    data = path.read_bytes()
    if refers_outside(data):
        raise BundleError(f"{path}: keeps weights in another file, which is refused; export it in one file")
    return data


def refers_outside(model: bytes) -> bool:
    """Whether an ONNX model has an entry with the key `location`, which names an external file."""
    ends = (found.start() for found in _LOCATION.finditer(model))
    return any(_KEY_BEFORE.search(model, max(end - _LONGEST_BEFORE, 0), end) for end in ends)


def _no_model(bundle: Bundle) -> str:
    if "model.safetensors" in bundle.files():
        return "this Bundle holds PyTorch weights; run `limbeck export` to get one that predicts"
    return f"this {bundle.stage} Bundle holds no model; it has {', '.join(bundle.files())}"
