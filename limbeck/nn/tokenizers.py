"""Tokenizers without their models: named as models are, laid into a Bundle as files that stock classes open."""

import shutil
from pathlib import Path

from limbeck.core.bundle import Bundle
from limbeck.core.errors import BundleError
from limbeck.core.files import sha256_file
from limbeck.nn.admission import check_tokenizer_config
from limbeck.nn.checkpoint import SOURCES, TOKENIZER_FILES, resolve, save_tokenizer
from limbeck.text.encode import open_tokenizer

_WEIGHTS = "*.safetensors"


def tokenizer_hashes(reference: str) -> dict[str, str]:
    """Name → sha256 of the files that decide what a tokenizer does.

    Raises:
        BundleError: There is no such model.
    """
    folder = resolve(reference)
    files = sorted(file for pattern in SOURCES if pattern != _WEIGHTS for file in folder.glob(pattern))
    return {f"tokenizer/{file.name}": sha256_file(file) for file in files if file.name != "bundle.json"}


def lay_tokenizer(source: str | Bundle, folder: Path) -> None:
    """Write the tokenizer of a reference or of a Bundle as tokenizer.json and its companions.

    Args:
        source: A Bundle with a tokenizer; or a model, or a directory that holds a tokenizer alone.
        folder: Where to.

    Raises:
        BundleError: There is none that can be used.
    """
    home = source.check_plain().path if isinstance(source, Bundle) else resolve(source)
    if (home / "config.json").is_file():
        save_tokenizer(home, folder)
        return
    if not (home / "tokenizer.json").is_file():
        raise BundleError(
            f"{home}: no tokenizer.json; make one of a vocabulary: limbeck tokenizer --vocabulary vocab.txt --out DIR"
        )
    check_tokenizer_config(home)
    open_tokenizer(home / "tokenizer.json")
    for name in TOKENIZER_FILES:
        if (home / name).is_file():
            shutil.copyfile(home / name, folder / name)
