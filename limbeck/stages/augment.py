"""Add variants of the training rows to a data Bundle, for a student to learn on from its teacher.

TinyBERT (Jiao et al. 2020, arXiv:1909.10351, §3.2, Algorithm 1) distils on some 20 variants of each row. A variant has
no label of its own: the teacher gives it one. Rows are read and written one at a time; dev and test are copied.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal

from pydantic import Field

from limbeck.augmenters.neighbours import Spec as Neighbours
from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.errors import DataError
from limbeck.core.journal import Bar, Journal
from limbeck.core.shelf import on_shelf, shelf
from limbeck.core.spec import Spec as CoreSpec
from limbeck.text.chinese import join_chinese
from limbeck.text.examples import each_example, write_examples
from limbeck.text.port import Augmenter, Example
from limbeck.text.sentence import Sentence
from limbeck.text.split import plain_key
from limbeck.text.words import is_cjk, joined_spans, split_words

_MEASURED = ("dev", "test")
_DIGEST_BYTES = 16


class Spec(CoreSpec):
    """Augmentation."""

    augmenter: Annotated[CoreSpec, on_shelf("augmenters")] = Neighbours()
    """How variants are made: an algorithm of the augmenters shelf."""
    copies: int = Field(20, ge=1, le=1000)
    """N_a, variants drawn of each row, of which repeated ones are dropped; TinyBERT has 20, its code 10 to 30 by task.
    The texts of a pair take turns: a variant alters one of them."""
    chinese: Literal["words", "characters"] = "words"
    """What a word of Chinese is: what jieba cuts, or a single character."""
    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Decides, with a row's own text, what its variants are, whatever other rows there are."""


def outside(spec: Spec) -> dict[str, str]:
    """Hashes of the models and files that the augmenter reads."""
    hashes: Callable[[CoreSpec], dict[str, str]] | None
    hashes = getattr(shelf("augmenters").load(spec.augmenter.kind), "outside", None)
    return hashes(spec.augmenter) if hashes else {}


def run(spec: Spec, inputs: Mapping[str, Bundle], out: Path, log: Journal) -> Bundle:
    """Make the larger data Bundle.

    Args:
        spec: How.
        inputs: `data`, made by `prepare`, and perhaps `teacher`, a PyTorch Bundle.
        out: Where the Bundle goes.
        log: Where progress goes.

    Raises:
        BundleError: A model cannot be used.
        DataError: Not a single variant could be made.
    """
    data, teacher = inputs["data"], inputs.get("teacher")
    measured = frozenset(_digest(example) for split in _MEASURED for example in each_example(data, split))
    counts = data.facts["counts"]
    if teacher:
        teacher.check_plain()
    augmenter: Augmenter = shelf("augmenters").build(spec.augmenter, teacher.path if teacher else None)
    writer = _Writer(spec, augmenter, data.facts["task"], measured)
    log.say(f"augmenting {counts['train']} rows, {spec.copies} variants each: {augmenter.title}")
    with create_bundle(out, "augment", spec, inputs, outside(spec)) as draft:
        for split in _MEASURED:
            shutil.copyfile(data.file(f"{split}.jsonl"), draft.path / f"{split}.jsonl")
        with log.bar("augment", counts["train"], "rows") as bar:
            write_examples(draft.path / "train.jsonl", writer.rows(each_example(data, "train"), bar))
        added = writer.tally["added"]
        if not added:
            raise DataError(f"{data.path}: none of its {counts['train']} rows could be changed: {augmenter.title}")
        told = _told(counts["train"], writer.tally)
        log.say(told)
        draft.facts |= data.facts | {
            "counts": {**counts, "train": counts["train"] + added, "unlabelled": counts["unlabelled"] + added},
            "detected": [*data.facts["detected"], told],
            "augmented": {"by": augmenter.title, "originals": counts["train"], **writer.tally},
        }
    return open_bundle(out)


def _told(originals: int, tally: Mapping[str, int]) -> str:
    return (
        f"train: {tally['added']} variants added to {originals} rows; {tally['repeated']} repeated the row or another "
        f"of its variants, {tally['measured']} were rows of dev or test, and were left out"
    )


def _digest(example: Example) -> bytes:
    """What makes rows equal, in few bytes: case, width and white space do not count."""
    key = plain_key(example).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(key, digest_size=_DIGEST_BYTES).digest()


class _Writer:
    """Writes each row, followed by its variants, and counts.

    Args:
        spec: How many, by which seed.
        augmenter: What makes them.
        task: The task's fields.
        measured: Digests of the rows of dev and test.
    """

    def __init__(self, spec: Spec, augmenter: Augmenter, task: Mapping[str, Any], measured: frozenset[bytes]) -> None:
        self._spec = spec
        self._augmenter = augmenter
        self._glue = "" if task.get("words") == "characters" else " "
        self._measured = measured
        self.tally = Counter(added=0, repeated=0, measured=0)

    def rows(self, originals: Iterable[Example], bar: Bar) -> Iterator[Example]:
        """The originals, each with its variants after it."""
        for original in originals:
            yield original
            yield from self._variants(original)
            bar.advance(added=str(self.tally["added"]))

    def _variants(self, original: Example) -> Iterator[Example]:
        seen = {_digest(original)}
        for variant in self._drawn(original):
            digest = _digest(variant)
            fate = "repeated" if digest in seen else "measured" if digest in self._measured else "added"
            self.tally[fate] += 1
            seen.add(digest)
            if fate == "added":
                yield variant

    def _drawn(self, original: Example) -> Iterator[Example]:
        """As many draws as are wanted; a text without words gives none."""
        sides = {"text": original.text} if original.pair is None else {"text": original.text, "pair": original.pair}
        sentences = {side: sentence for side, text in sides.items() if (sentence := self._sentence(text)).words}
        plans = [(side, sentence, self._augmenter.plan(sentence)) for side, sentence in sentences.items()]
        random = Random(json.dumps([self._spec.seed, original.text, original.pair]))
        for copy in range(self._spec.copies if plans else 0):
            side, sentence, draw = plans[copy % len(plans)]
            text = self._written(sides[side], sentence, draw(random))
            both = {"text": original.text, "pair": original.pair, side: text}
            yield Example(both["text"], both["pair"])

    def _sentence(self, text: str | Sequence[str]) -> Sentence:
        if isinstance(text, str):
            whole, spans = text, split_words(text)
        else:
            whole, spans = self._glue.join(text), joined_spans(text, self._glue)
        return Sentence(whole, tuple(join_chinese(whole, spans) if self._spec.chinese == "words" else spans))

    def _written(self, text: str | Sequence[str], sentence: Sentence, words: Sequence[str]) -> str | list[str]:
        """Words in the form of the original; where that is one of characters, Chinese words fall into theirs."""
        if isinstance(text, str):
            return sentence.rewritten(words)
        apart = not self._glue
        return [part for word in words if word for part in (word if apart and is_cjk(word) else [word])]
