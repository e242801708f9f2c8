"""Special tokens by what they are for, whichever of their usual names a tokenizer has: BERT's or RoBERTa's."""

from collections.abc import Mapping

from tokenizers import Tokenizer

NAMES: Mapping[str, tuple[str, str]] = {
    "pad_token": ("[PAD]", "<pad>"),
    "unk_token": ("[UNK]", "<unk>"),
    "cls_token": ("[CLS]", "<s>"),
    "sep_token": ("[SEP]", "</s>"),
    "mask_token": ("[MASK]", "<mask>"),
}
"""What stock classes call them → BERT's name and RoBERTa's, in the order of BERT's ids. ALBERT's are of both."""


def special_id(tokenizer: Tokenizer, role: str) -> int | None:
    """Id of the token of a role, as `mask_token`; None where there is none of either name."""
    return next((i for i in map(tokenizer.token_to_id, NAMES[role]) if i is not None), None)


def unknown_id(tokenizer: Tokenizer) -> int | None:
    """Id of what stands for text that the tokenizer does not know; None where there is none."""
    named = getattr(tokenizer.model, "unk_token", None)  # which Unigram, of the library's models, does not tell
    return tokenizer.token_to_id(named) if named else special_id(tokenizer, "unk_token")
