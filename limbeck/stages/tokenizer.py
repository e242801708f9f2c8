"""Learn a WordPiece tokenizer from a corpus, or take a vocabulary that is there, for pre-training from the beginning.

The corpus is read twice: its characters are counted, so that the alphabet is decided by rule, then its words. Memory
grows with the number of different words, not with the corpus. The same corpus gives the same vocabulary.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field
from tokenizers import Tokenizer

from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.errors import BundleError, RecipeError
from limbeck.core.files import sha256_file
from limbeck.core.intake import check_entry
from limbeck.core.journal import Journal
from limbeck.core.shelf import on_shelf
from limbeck.core.spec import Spec as CoreSpec
from limbeck.nn.tokenizers import lay_tokenizer
from limbeck.text.corpus import MOST_DOCUMENT_CHARACTERS, RawCorpus, Tally, open_corpus
from limbeck.text.encode import open_tokenizer
from limbeck.text.token_store import store_given
from limbeck.text.wordpiece import Reading, alphabet_of, from_file, from_vocabulary, train, write_tokenizer

_MB = 1_000_000


class Spec(CoreSpec):
    """A tokenizer; of a corpus or of a vocabulary."""

    corpus: str = ""
    """What it is learnt from: a file, a folder of files, or `hf:org/name[@revision][:split]`. Of a token store its
    own tokenizer is taken."""
    vocabulary: str = ""
    """What is taken instead: a `vocab.txt`, read as the fields below say, or a `tokenizer.json`, taken as it is."""
    format: Annotated[CoreSpec, on_shelf("corpora")] | None = None
    """How the corpus is written, a format of the corpora shelf; null goes by the names of the files."""
    column: str = ""
    """Of formats with columns or keys, the one of the text; empty: `text`."""
    size: int = Field(30_522, ge=6)
    """Tokens of the vocabulary, special ones included; BERT has 30522, for Chinese 21128."""
    lowercase: bool = True
    """Whether case is lost, as in BERT's uncased models."""
    strip_accents: bool | None = None
    """Whether accents are lost; null: where case is."""
    handle_chinese_chars: bool = True
    """Whether each Chinese character is a word of its own."""
    alphabet: int = Field(8_000, ge=1)
    """Most characters that the vocabulary knows, the most frequent ones; others become [UNK]."""
    min_frequency: int = Field(2, ge=1)
    """Pairs of pieces, and characters, that occur less often are left out."""
    max_length: int = Field(512, ge=8)
    """Tokens of the longest input, as stock classes are told; BERT has 512."""
    max_line_chars: int = Field(MOST_DOCUMENT_CHARACTERS, ge=1000)
    """A longer paragraph is cut, at spaces where there are any; one of more than 100 000 always."""
    max_broken_fraction: float = Field(0.01, ge=0, le=1)
    """Lines that are no text are left out and told of, up to this part of all."""

    @property
    def reading(self) -> Reading:
        """How texts are made plain."""
        return Reading(self.lowercase, self.strip_accents, self.handle_chinese_chars)


def outside(spec: Spec) -> dict[str, str]:
    """Hashes of the corpus, or of the vocabulary.

    Raises:
        RecipeError: Neither of them is given, or both.
    """
    if bool(spec.corpus) == bool(spec.vocabulary):
        raise RecipeError(
            "tokenizer: give a corpus to learn from, or --vocabulary with a vocab.txt or tokenizer.json "
            f"({'both are' if spec.corpus else 'neither is'} given)"
        )
    if spec.corpus:
        store = store_given(spec.corpus)
        return _corpus(spec).hashes() if store is None else {"corpus": store.digest}
    path = Path(spec.vocabulary).expanduser()
    if not path.is_file():
        raise BundleError(f"{path}: missing, or no file; give tokenizer.vocabulary a vocab.txt or a tokenizer.json")
    check_entry(path)
    return {path.name: sha256_file(path)}


def run(spec: Spec, inputs: Mapping[str, Bundle], out: Path, log: Journal) -> Bundle:
    """Make the tokenizer.

    Args:
        spec: Of what, and how large.
        inputs: None.
        out: Where the Bundle goes.
        log: Where progress goes.

    Raises:
        DataError: The corpus cannot be read.
        RecipeError: Its alphabet is larger than the vocabulary is to be.
        BundleError: The vocabulary is none.
    """
    with create_bundle(out, "tokenizer", spec, inputs, outside(spec)) as draft:
        store = store_given(spec.corpus) if spec.corpus else None
        if store is None:
            made = _learnt(spec, log) if spec.corpus else _taken(spec)
            write_tokenizer(made, draft.path, spec.max_length)
        else:
            log.say(f"{store.path}: is cut into tokens already; its tokenizer is taken, and none learnt")
            lay_tokenizer(store, draft.path)
            made = open_tokenizer(draft.path / "tokenizer.json")
        draft.facts |= {
            "name": Path(spec.corpus or spec.vocabulary).name,
            "vocabulary": made.get_vocab_size(),
            "max_length": spec.max_length,
            "warnings": log.warnings,
        }
    log.say(f"{made.get_vocab_size()} tokens")
    return open_bundle(out)


def _corpus(spec: Spec) -> RawCorpus:
    return open_corpus(spec.corpus, spec.format, spec.column)


def _learnt(spec: Spec, log: Journal) -> Tokenizer:
    corpus = _corpus(spec)
    log.warn_all(f"{name}: of no known format, left out" for name in corpus.unused)
    characters: Counter[str] = Counter()
    tally = Tally(spec.max_line_chars, spec.max_broken_fraction)
    for paragraph in _paragraphs(corpus, tally, "characters", log):
        characters.update(paragraph)
    log.warn_all(tally.warnings())
    alphabet = alphabet_of(characters, spec.reading, spec.alphabet, spec.min_frequency)
    again = _paragraphs(corpus, Tally(spec.max_line_chars, spec.max_broken_fraction), "words", log)
    made = train(again, spec.reading, spec.size, alphabet, spec.min_frequency)
    if (found := made.get_vocab_size()) < spec.size:
        log.warn(f"{found} tokens instead of {spec.size}: no further pair occurs {spec.min_frequency} times; add text")
    return made


def _paragraphs(corpus: RawCorpus, tally: Tally, what: str, log: Journal) -> Iterator[str]:
    done = 0
    with log.bar(what, max(corpus.total // _MB, 1), "MB") as bar:
        for document in corpus.documents(tally):
            yield from document.paragraphs
            bar.advance(tally.read // _MB - done)
            done = tally.read // _MB


def _taken(spec: Spec) -> Tokenizer:
    path = Path(spec.vocabulary).expanduser()
    return from_file(path) if path.suffix == ".json" else from_vocabulary(path, spec.reading)
