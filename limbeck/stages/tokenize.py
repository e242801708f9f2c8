"""Cut a corpus into tokens once, so that every pre-training on it reads ids from disk: a token store.

Documents are cut into sentences and these into tokens, with the words marked, by one pure function over as many
processes or machines as there are; the store is the same for any number of them. Finished shards are kept: the same
command goes on behind the last one. Documents whose text has the lowest hashes are held out as `dev`, whatever their
order: more text never moves one from `dev` to `train` but by pushing it over the limit.
"""

import contextlib
import shutil
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from limbeck.core.bundle import Bundle, Draft, create_bundle, open_bundle
from limbeck.core.errors import DataError
from limbeck.core.files import remove
from limbeck.core.holding import held
from limbeck.core.journal import Journal
from limbeck.core.shelf import on_shelf
from limbeck.core.spec import Spec as CoreSpec
from limbeck.core.spec import incidental
from limbeck.engine.parallel import Engine, mapped
from limbeck.engine.shards import Place, Shards, working_directory
from limbeck.nn.tokenizers import check_cut_by, lay_tokenizer, tokenizer_hashes
from limbeck.text.corpus import MOST_DOCUMENT_CHARACTERS, RawCorpus, Tally, chunks, open_corpus
from limbeck.text.encode import open_tokenizer
from limbeck.text.token_documents import TokenisedDocuments, hold_out, token_type, write_shard
from limbeck.text.token_store import TokenStore, open_store, shard_name, store_given, write_index
from limbeck.text.tokenise import Tokenise

_CHUNK_CHARACTERS = 1_000_000
"""What a process is given at a time. Shards end between two chunks, so that the store depends on this number."""
_MUCH_UNKNOWN = 0.02
_MB = 1_000_000


class Spec(CoreSpec):
    """A corpus, and how it is cut."""

    corpus: str
    """A file, a folder of files, or `hf:org/name[@revision][:split]`. A token store that was cut by the same
    tokenizer is taken as it is."""
    format: Annotated[CoreSpec, on_shelf("corpora")] | None = None
    """How it is written, a format of the corpora shelf; null goes by the names of the files."""
    column: str = ""
    """Of formats with columns or keys, the one of the text; empty: `text`."""
    tokenizer: str = "minilm-l6"
    """Whose tokens, if no Bundle of the stage `tokenizer` is given: a directory, `hf:org/name[@revision]`, or
    `minilm-l6`."""
    shard_tokens: int = Field(16_000_000, ge=1000, le=2_000_000_000)
    """A shard ends once it has so many tokens; what is being made takes some 4 bytes of memory for each."""
    dev_tokens: int = Field(200_000, ge=0)
    """Most tokens of documents that are held out as `dev`."""
    dev_fraction: float = Field(0.05, ge=0, le=0.5)
    """Of a small corpus, the largest part that is held out."""
    max_line_chars: int = Field(MOST_DOCUMENT_CHARACTERS, ge=1000)
    """A longer paragraph is cut, at spaces where there are any; one of more than 100 000 always."""
    max_broken_fraction: float = Field(0.01, ge=0, le=1)
    """Lines that are no text are left out and told of, up to this part of all."""
    workers: int = incidental(0, ge=0)
    """Processes; 0 takes all cores. The store is the same for any number."""
    engine: Engine = incidental("local")
    """`local`: processes of this machine; `ray`: those of a Ray cluster, which needs `limbeck[ray]`."""


def outside(spec: Spec) -> dict[str, str]:
    """Hashes of the corpus and of the tokenizer's files."""
    store = store_given(spec.corpus)
    text = _corpus(spec).hashes() if store is None else {"corpus": store.digest}
    return {**text, **tokenizer_hashes(spec.tokenizer)}


def run(spec: Spec, inputs: Mapping[str, Bundle], out: Path, log: Journal) -> Bundle:
    """Make the store.

    Args:
        spec: The corpus, and how it is cut.
        inputs: Perhaps `tokenizer`, a Bundle of that stage.
        out: Where the Bundle goes; shards lie beside it until it is there.
        log: Where progress goes.

    Raises:
        DataError: The corpus cannot be read, or too much of it is broken.
        BundleError: There is no such tokenizer.
    """
    if (store := store_given(spec.corpus)) is not None:
        return _taken(spec, store, inputs, out, log)
    corpus = _corpus(spec)
    work = working_directory(out)
    with create_bundle(out, "tokenize", spec, inputs, outside(spec)) as draft:
        lay_tokenizer(inputs.get("tokenizer", spec.tokenizer), draft.path)
        tokenise = Tokenise((draft.path / "tokenizer.json").read_text(encoding="utf-8"))
        log.warn_all(f"{name}: of no known format, left out" for name in corpus.unused)
        with _emptied(work), held(work, within=True):
            shards = Shards(out, str(draft.origin["step_hash"]), tokenise.vocabulary, log)
            shards.drop_others()
            place, dev = _make(spec, corpus, tokenise, shards, log)
            draft.facts |= {"name": Path(spec.corpus).name, **_lay_out(shards, place, dev, tokenise, draft)}
        log.warn_all(_warnings(place, draft.facts, spec))
        draft.facts["warnings"] = log.warnings
    remove(work)
    made = open_bundle(out)
    for split in ("train", "dev"):
        open_store(made, split)
    log.say(_told(made.facts))
    return made


def _taken(spec: Spec, store: Bundle, inputs: Mapping[str, Bundle], out: Path, log: Journal) -> Bundle:
    """A store that is there already, under another name."""
    with create_bundle(out, "tokenize", spec, inputs, outside(spec)) as draft:
        lay_tokenizer(inputs.get("tokenizer", spec.tokenizer), draft.path)
        wanted = open_tokenizer(draft.path / "tokenizer.json")
        remedy = "cut the raw text by that one, or set tokenize.tokenizer to the one that it was cut by"
        check_cut_by(store, wanted, "is wanted here", remedy)
        for name in store.check_hashes().check_plain().files():
            target = draft.path / name
            target.parent.mkdir(exist_ok=True)
            if not target.exists():
                shutil.copyfile(store.file(name), target)
        draft.facts |= store.facts
    log.say(f"{store.path}: is cut into tokens already, and taken as it is")
    return open_bundle(out)


@contextlib.contextmanager
def _emptied(work: Path) -> Iterator[None]:
    """Leave no working directory that has nothing in it, whatever happens in the block."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            work.rmdir()


def _corpus(spec: Spec) -> RawCorpus:
    return open_corpus(spec.corpus, spec.format, spec.column)


def _make(
    spec: Spec, corpus: RawCorpus, tokenise: Tokenise, shards: Shards, log: Journal
) -> tuple[Place, TokenisedDocuments]:
    """Make the shards that are not there yet; where the last one ends, and what is held out."""
    place, dev = Place(), TokenisedDocuments.none(token_type(tokenise.vocabulary))
    while not place.ended:
        if found := shards.after(place.shards):
            place, dev = found
            continue
        if place.shards:
            log.say(f"going on behind {place.shards} shards: {place.documents} documents, {place.tokens} tokens")
        with contextlib.closing(_cut(spec, corpus, tokenise, place, dev, log)) as made:
            for parts, place, dev in made:  # where one shard ends is where to go on
                shards.save(place, parts, dev)
                if shards.path(place.shards).is_dir():
                    break  # it is there from before, and perhaps others behind it
    return place, dev


def _cut(
    spec: Spec, corpus: RawCorpus, tokenise: Tokenise, place: Place, dev: TokenisedDocuments, log: Journal
) -> Generator[tuple[list[TokenisedDocuments], Place, TokenisedDocuments], None, None]:
    """The documents of each shard from a place on, where it ends, and what is held out by then."""
    tally = Tally(spec.max_line_chars, spec.max_broken_fraction)
    read: deque[tuple[int, int]] = deque()  # of each list that is under way: its documents, and bytes read until then
    parts, size, reached = [], 0, 0

    def lists() -> Iterator[list[list[str]]]:
        for found in chunks(islice(corpus.documents(tally), place.documents, None), _CHUNK_CHARACTERS):
            read.append((len(found), tally.read))
            yield found

    with log.bar("tokenize", max(corpus.total // _MB, 1), "MB") as bar:
        for made in mapped(tokenise, lists(), spec.workers, spec.engine):
            documents, at = read.popleft()
            place = replace(
                place,
                documents=place.documents + documents,
                tokens=place.tokens + len(made.tokens),
                sentences=place.sentences + len(made.sentences) - 1,
            )
            train, dev, border = hold_out(made, dev, place.border, spec.dev_tokens)
            place = replace(place, border=border)
            parts.append(train)
            size += len(train.tokens)
            bar.advance(at // _MB - reached, tokens=f"{place.tokens / 1e6:.1f} M")
            reached = at // _MB
            if size >= spec.shard_tokens:
                place = replace(place, shards=place.shards + 1)
                yield parts, place, dev
                parts, size = [], 0
    if not place.tokens:
        raise DataError(f"{spec.corpus}: its {place.documents} documents give no token; give a corpus of words")
    most = min(_limits(spec, place).values())
    rest, dev, _ = hold_out(TokenisedDocuments.none(dev.tokens.dtype), dev, place.border, most)
    told = {"lines": tally.lines, "broken": tally.broken, "cut": tally.cut, "warnings": tally.warnings()}
    yield [*parts, rest], replace(place, shards=place.shards + 1, ended=True, told=told), dev


def _limits(spec: Spec, place: Place) -> dict[str, int]:
    """How many tokens may be held out of all, by the field that says so."""
    return {"dev_tokens": spec.dev_tokens, "dev_fraction": int(spec.dev_fraction * place.tokens)}


def _lay_out(shards: Shards, place: Place, dev: TokenisedDocuments, tokenise: Tokenise, draft: Draft) -> dict[str, Any]:
    """Lay shards, held-out documents and counts into the Bundle; what is known of them."""
    counts = [found for number in range(place.shards) if (found := shards.counts(number))["tokens"]]
    for split in ("train", "dev"):
        (draft.path / split).mkdir()
    for number in range(len(counts)):  # only the last one can be empty
        shards.lay(number, draft.path / "train")
    write_index(draft.path / "train", tokenise.vocabulary, counts)
    write_index(
        draft.path / "dev",
        tokenise.vocabulary,
        [write_shard(draft.path / "dev", shard_name(0), [dev], tokenise.vocabulary)] if len(dev) else [],
    )
    occurrences = TokenStore.open(draft.path / "train").counts()
    np.save(draft.path / "counts.npy", occurrences)
    documents, sentences, tokens = (sum(c[kind] for c in counts) for kind in ("documents", "sentences", "tokens"))
    unknown = int(occurrences[tokenise.unknown]) if tokenise.unknown is not None else 0
    return {
        "vocabulary": tokenise.vocabulary,
        "documents": documents,
        "sentences": sentences,
        "tokens": tokens,
        "shards": len(counts),
        "dev_documents": len(dev),
        "dev_tokens": len(dev.tokens),
        "mean_sentence_tokens": round(tokens / sentences, 2),
        "mean_document_tokens": round(tokens / documents, 2),
        "unknown_fraction": round(unknown / tokens, 6),
        "lines": place.told["lines"],
        "broken_lines": place.told["broken"],
        "cut_lines": place.told["cut"],
    }


def _warnings(place: Place, facts: Mapping[str, Any], spec: Spec) -> Iterator[str]:
    yield from place.told["warnings"]
    if not facts["dev_documents"] and spec.dev_tokens and spec.dev_fraction:
        limit, most = min(_limits(spec, place).items(), key=itemgetter(1))
        yield (
            f"nothing is held out: each of the {facts['documents']} documents has more than the {most} tokens that "
            f"{limit} = {getattr(spec, limit)} allows; separate documents by blank lines, or set {limit} higher"
        )
    if facts["unknown_fraction"] > _MUCH_UNKNOWN:
        yield (
            f"{facts['unknown_fraction']:.1%} of the tokens are unknown to this tokenizer, and nothing is learnt of "
            "them; train one on this corpus: limbeck tokenizer CORPUS --out DIR"
        )


def _told(facts: Mapping[str, Any]) -> str:
    return (
        f"{facts['tokens']:,} tokens in {facts['documents']:,} documents and {facts['sentences']:,} sentences "
        f"({facts['mean_sentence_tokens']} tokens a sentence), {facts['shards']} shards; held out: "
        f"{facts['dev_tokens']:,} tokens in {facts['dev_documents']:,} documents"
    )
