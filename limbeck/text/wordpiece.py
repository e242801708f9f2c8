"""WordPiece tokenizers as BERT has them: trained on a corpus, or made of a vocabulary, and written for stock classes.

The vocabulary is learnt as that of byte pair encoding is (Sennrich et al. 2016, arXiv:1508.07909): the most frequent
pair of pieces is joined, again and again. A text is cut into its longest known pieces (Wu et al. 2016,
arXiv:1609.08144), of which those that go on with a word begin with `##` (Devlin et al. 2019, arXiv:1810.04805).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer, decoders
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import WordPieceTrainer

from limbeck.core.errors import BundleError, RecipeError
from limbeck.core.files import write_json, write_text
from limbeck.core.intake import check_entry
from limbeck.text.encode import open_tokenizer
from limbeck.text.special_tokens import NAMES

SPECIAL: Mapping[str, str] = {role: bert for role, (bert, _) in NAMES.items()}
"""What stock classes call them → the special tokens of what is made here, in the order of their ids."""
_CONTINUING = "##"
_SHOWN = 5


@dataclass(frozen=True)
class Reading:
    """How a text is made plain before it is cut.

    Attributes:
        lowercase: Whether case is lost.
        strip_accents: Whether accents are; None where case is.
        chinese_characters: Whether each stands alone.
    """

    lowercase: bool
    strip_accents: bool | None
    chinese_characters: bool

    def tokenizer(self, vocabulary: Mapping[str, int], unknown: str = SPECIAL["unk_token"]) -> Tokenizer:
        """The tokenizer of a vocabulary, without what it puts around texts."""
        made = Tokenizer(WordPiece(dict(vocabulary), unk_token=unknown))
        made.normalizer = self.normalizer()
        made.pre_tokenizer = BertPreTokenizer()
        made.decoder = decoders.WordPiece(prefix=_CONTINUING)
        return made

    def normalizer(self) -> BertNormalizer:
        """What makes texts plain."""
        return BertNormalizer(
            clean_text=True,
            handle_chinese_chars=self.chinese_characters,
            strip_accents=self.strip_accents,
            lowercase=self.lowercase,
        )


def alphabet_of(characters: Counter[str], reading: Reading, most: int, seldom: int) -> list[str]:
    """The characters that are kept, in order; none is left out that is as frequent as one that is kept.

    Args:
        characters: How often each occurs in the corpus as it is written.
        reading: How texts are made plain.
        most: No more are kept.
        seldom: Those that occur less often are not.

    >>> uncased = Reading(lowercase=True, strip_accents=None, chinese_characters=True)
    >>> alphabet_of(Counter("aAbbc d"), uncased, 3, 1), alphabet_of(Counter("aAbbc d"), uncased, 8, 1)
    (['a', 'b'], ['a', 'b', 'c', 'd'])
    """
    normalizer = reading.normalizer()
    plain: Counter[str] = Counter()
    for character, count in characters.items():
        for part in normalizer.normalize_str(character):
            plain[part] += 0 if part.isspace() else count
    counts = sorted((count for count in plain.values() if count >= max(seldom, 1)), reverse=True)
    least = counts[most] + 1 if len(counts) > most else max(seldom, 1)
    return sorted(character for character, count in plain.items() if count >= least)


def train(texts: Iterable[str], reading: Reading, size: int, alphabet: Sequence[str], min_frequency: int) -> Tokenizer:
    """Learn a vocabulary: the same of the same texts.

    Args:
        texts: All of the corpus.
        reading: How they are made plain.
        size: Tokens of the vocabulary, special ones included.
        alphabet: The characters that it knows, the most frequent ones of the corpus.
        min_frequency: Pairs of pieces that occur less often are not joined.

    Raises:
        RecipeError: The alphabet alone is larger.
    """
    made = reading.tokenizer({})
    # The library gives ids in an order that changes from run to run, and of pairs that are equally frequent it joins
    # the one of lower ids, but for tokens that it is given as special ones: here all that are known before.
    inside = [_CONTINUING + character for character in alphabet if _continues(character, made)]
    if (least := len(SPECIAL) + len(alphabet) + len(inside)) > size:
        raise RecipeError(
            f"tokenizer.size: {size} tokens are fewer than {least}: the {len(alphabet)} characters of the alphabet, "
            f"{len(inside)} of them again within words, and {len(SPECIAL)} special tokens; set size higher, or "
            "alphabet lower"
        )
    trainer = WordPieceTrainer(
        vocab_size=size,
        min_frequency=min_frequency,
        limit_alphabet=len(alphabet),
        special_tokens=[*SPECIAL.values(), *inside],
        continuing_subword_prefix=_CONTINUING,
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    return framed(reading.tokenizer(made.get_vocab()))


def _continues(character: str, made: Tokenizer) -> bool:
    """Whether a character can go on with a word."""
    return len(made.pre_tokenizer.pre_tokenize_str(made.normalizer.normalize_str(f"a{character}"))) == 1


def from_vocabulary(path: Path, reading: Reading) -> Tokenizer:
    """The tokenizer of a `vocab.txt`, a token a line, whose number is its id.

    Raises:
        BundleError: It is none; says where and why.
    """
    check_entry(path)
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise BundleError(f"{path}: byte {error.start} is not UTF-8; write the vocabulary as UTF-8") from None
    tokens = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    _refuse(path, "blank", [n for n, token in enumerate(tokens, 1) if not token.strip()])
    seen: dict[str, int] = {}
    _refuse(path, "repeated", [n for n, token in enumerate(tokens, 1) if seen.setdefault(token, n) != n])
    special = special_of(path, seen)
    return framed(reading.tokenizer({token: i for i, token in enumerate(tokens)}, special["unk_token"]), special)


def from_file(path: Path) -> Tokenizer:
    """The tokenizer of a `tokenizer.json`, as it is; one that puts nothing around texts is made to.

    Raises:
        BundleError: It is none, or lacks a special token.
    """
    check_entry(path)
    made = open_tokenizer(path)
    made.no_truncation()
    made.no_padding()
    vocabulary = made.get_vocab()
    special = special_of(path, vocabulary)
    if len(vocabulary) != max(vocabulary.values()) + 1:
        raise BundleError(
            f"{path}: {len(vocabulary)} tokens, but ids up to {max(vocabulary.values())}; ids must have no gaps"
        )
    return made if made.num_special_tokens_to_add(False) else framed(made, special)


def special_of(place: object, vocabulary: Mapping[str, int]) -> dict[str, str]:
    """What stock classes call them → the special tokens of a vocabulary, by BERT's names or by RoBERTa's.

    Args:
        place: What it is the vocabulary of, for the message.
        vocabulary: Token → id.

    Raises:
        BundleError: One is missing.

    >>> special_of("", {"<pad>": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4})["pad_token"]
    '<pad>'
    """
    found = {role: name for role, both in NAMES.items() for name in reversed(both) if name in vocabulary}
    if missing := [" or ".join(both) for role, both in NAMES.items() if role not in found]:
        needed = ", ".join(map(" or ".join, NAMES.values()))
        raise BundleError(f"{place}: no {', '.join(missing)} in its {len(vocabulary)} tokens; networks need {needed}")
    return found


def framed(made: Tokenizer, special: Mapping[str, str] = SPECIAL) -> Tokenizer:
    """The same tokenizer, which puts special tokens around texts; BERT's also tell the second of two from the first."""
    made.add_special_tokens(list(special.values()))
    first, last = special["cls_token"], special["sep_token"]
    second = f"$B:1 {last}:1" if last == SPECIAL["sep_token"] else f"{last} $B {last}"
    made.post_processor = TemplateProcessing(
        single=f"{first} $A {last}",
        pair=f"{first} $A {last} {second}",
        special_tokens=[(token, made.token_to_id(token)) for token in (first, last)],
    )
    return made


def write_tokenizer(made: Tokenizer, folder: Path, max_length: int) -> None:
    """Write tokenizer.json and what stock classes of `transformers` read beside it.

    Args:
        made: The tokenizer.
        folder: Where to.
        max_length: Tokens of the longest input of a model that is to be made with it.
    """
    made.save(str(folder / "tokenizer.json"))
    special = special_of(folder, made.get_vocab())
    normalizer = made.normalizer
    bert = isinstance(made.model, WordPiece) and isinstance(normalizer, BertNormalizer)
    reading: dict[str, object] = {}
    if bert:
        reading = {
            "do_lower_case": normalizer.lowercase,
            "strip_accents": normalizer.strip_accents,
            "tokenize_chinese_chars": normalizer.handle_chinese_chars,
        }
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "BertTokenizer" if bert else "PreTrainedTokenizerFast",
            **reading,
            **special,
            "model_max_length": max_length,
            "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        },
    )
    write_json(folder / "special_tokens_map.json", special)
    if bert:
        vocabulary = made.get_vocab()
        write_text(
            folder / "vocab.txt",
            "".join(f"{token}\n" for token, _ in sorted(vocabulary.items(), key=lambda entry: entry[1])),
        )


def _refuse(path: Path, what: str, lines: Sequence[int]) -> None:
    if lines:
        rest = f" and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        shown = ", ".join(map(str, lines[:_SHOWN])) + rest
        raise BundleError(f"{path}: {what} on line {shown}; a vocabulary has one token a line, each once")
