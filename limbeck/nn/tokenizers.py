"""Tokenizers of models, and without them: read, and laid into a Bundle as files that stock classes open."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import transformers
from tokenizers import Tokenizer

from limbeck.core.bundle import Bundle
from limbeck.core.errors import BundleError
from limbeck.core.files import sha256_file, unwritten
from limbeck.nn.admission import check_tokenizer_config
from limbeck.nn.checkpoint import SOURCES, in_short, read_shape, resolve
from limbeck.nn.model import longest_input, reads_token_types
from limbeck.text.encode import open_tokenizer

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "added_tokens.json",
)
_VOCABULARIES = ("vocab.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model", "vocab.json")
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
    if not open_tokenizer(home / "tokenizer.json").num_special_tokens_to_add(False):
        raise BundleError(
            f"{home}: its tokenizer puts no special tokens around texts (no post_processor); have it put them: "
            f"limbeck tokenizer --vocabulary {home / 'tokenizer.json'} --out DIR"
        )
    for name in TOKENIZER_FILES:
        if (home / name).is_file():
            shutil.copyfile(home / name, folder / name)


def save_tokenizer(source: Path, folder: Path) -> None:
    """Write the fast tokenizer of a directory as tokenizer.json and its companions.

    Raises:
        BundleError: There is no tokenizer, one that knows more tokens than the model, or only a slow one that cannot be
            converted.
    """
    check_tokenizer_config(source)
    if (source / "tokenizer.json").is_file():
        for name in TOKENIZER_FILES:
            if (source / name).is_file():
                shutil.copyfile(source / name, folder / name)
        if not (source / "tokenizer_config.json").is_file():
            _describe_tokenizer(source, folder)
        _check_vocabulary(source, folder)
        return
    if not any((source / name).is_file() for name in _VOCABULARIES):
        raise BundleError(f"{source}: no tokenizer; it needs tokenizer.json or one of {', '.join(_VOCABULARIES)}")
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, trust_remote_code=False, local_files_only=True)
        tokenizer.save_pretrained(folder)
    except Exception as error:  # every kind of vocabulary has its own way to fail
        raise BundleError(f"{source}: no usable tokenizer ({in_short(error)})") from None
    if not (folder / "tokenizer.json").is_file():
        raise BundleError(f"{source}: its tokenizer has no fast form (tokenizer.json); convert it first")
    _check_vocabulary(source, folder)


def read_tokenizer(source: Path) -> Tokenizer:
    """The fast tokenizer of a directory.

    Raises:
        BundleError: There is none that fits the model.
    """
    if (source / "tokenizer.json").is_file():
        check_tokenizer_config(source)
        _check_vocabulary(source, source)
        return open_tokenizer(source / "tokenizer.json")
    try:
        with TemporaryDirectory() as folder:
            save_tokenizer(source, Path(folder))
            return open_tokenizer(Path(folder) / "tokenizer.json")
    except OSError as error:  # a full disk, where temporary files go
        raise unwritten(Path(gettempdir()), error, 0) from None


def check_cut_by(corpus: Bundle, tokenizer: Tokenizer, whose: str, remedy: str) -> None:
    """Refuse a token store that was cut by another tokenizer; whether it cuts texts or fills them up is no difference.

    Args:
        corpus: A Bundle made by `tokenize`.
        tokenizer: The one that its ids have to be of; its truncation and padding are switched off.
        whose: Whose it is, for the message, as "the teacher's".
        remedy: What to do.

    Raises:
        BundleError: It was.
    """
    own = open_tokenizer(corpus.file("tokenizer.json"))
    for one in (own, tokenizer):
        one.no_truncation()
        one.no_padding()
    if own.to_str() != tokenizer.to_str():
        raise BundleError(f"{corpus.path}: was cut into tokens by another tokenizer than {whose}; {remedy}")


def _check_vocabulary(source: Path, folder: Path) -> None:
    """Refuse a tokenizer with tokens that the model has no vectors for."""
    tokens, vectors = open_tokenizer(folder / "tokenizer.json").get_vocab_size(), read_shape(source).vocab_size
    if tokens > vectors:
        raise BundleError(
            f"{source}: its tokenizer has {tokens} tokens, the model vectors for {vectors}; "
            "take the tokenizer that the model was trained with"
        )


def _describe_tokenizer(source: Path, folder: Path) -> None:
    """Write tokenizer_config.json; without it stock classes lower-case every BERT and know no longest input.

    Nor would they tell the second text of a pair from the first.
    """
    file, config = source / "tokenizer.json", read_shape(source)
    types = ["token_type_ids"] if reads_token_types(config) else []
    try:
        stock = transformers.PreTrainedTokenizerFast(
            tokenizer_file=str(file),
            model_max_length=longest_input(config),
            model_input_names=["input_ids", *types, "attention_mask"],
        )
    except Exception as error:  # the library raises bare Exception
        raise BundleError(f"{file}: no usable tokenizer ({in_short(error)})") from None
    stock.save_pretrained(folder)
    shutil.copyfile(file, folder / "tokenizer.json")
