"""Which tokens of a vocabulary are words by themselves, whatever the tokenizer marks the beginning of a word with."""

from functools import cached_property

from tokenizers import Tokenizer

from limbeck.text.encode import clean
from limbeck.text.words import is_cjk


class Vocabulary:
    """The words of a tokenizer.

    Args:
        tokenizer: A fast tokenizer; its truncation and padding are switched off.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.tokenizer = tokenizer

    def pieces(self, word: str) -> list[int]:
        """The token ids of a word that stands within a text."""
        ids: list[int] = self.tokenizer.encode(f" {clean(word)}", add_special_tokens=False).ids
        return ids

    @cached_property
    def words(self) -> dict[int, str]:
        """Token id → word, of every token that is one: letters only, and read back as that token alone.

        A `##ing` is none, as `ing` is read as another token; nor is a single letter, unless it is a CJK character.
        """
        ids = sorted(self.tokenizer.get_vocab(with_added_tokens=False).values())
        texts = [text.strip() for text in self.tokenizer.decode_batch([[i] for i in ids])]
        found = [
            (i, text) for i, text in zip(ids, texts, strict=True) if text.isalpha() and (len(text) > 1 or is_cjk(text))
        ]
        read = self.tokenizer.encode_batch([f" {text}" for _, text in found], add_special_tokens=False)
        return {i: text for (i, text), encoding in zip(found, read, strict=True) if encoding.ids == [i]}
