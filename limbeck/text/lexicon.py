"""What pretexts need to know of a corpus's vocabulary, read from its Bundle."""

import numpy as np
from tokenizers import Tokenizer

from limbeck.core.bundle import Bundle
from limbeck.core.errors import BundleError
from limbeck.text.encode import open_tokenizer
from limbeck.text.pretext import Lexicon
from limbeck.text.special_tokens import NAMES, special_id, unknown_id


def open_lexicon(corpus: Bundle) -> Lexicon:
    """The vocabulary of a tokenised corpus.

    Raises:
        BundleError: Its tokenizer has no mask, or what was counted does not fit it.
    """
    tokenizer = open_tokenizer(corpus.file("tokenizer.json"))
    mask = special_id(tokenizer, "mask_token")
    if mask is None:
        raise BundleError(
            f"{corpus.path}: its tokenizer has no token that hides another ({' or '.join(NAMES['mask_token'])}); take "
            "one that was made for masked language models, or train one: limbeck tokenizer"
        )
    counts = np.load(corpus.file("counts.npy"), allow_pickle=False)
    size = tokenizer.get_vocab_size()
    if counts.shape != (size,):
        raise BundleError(
            f"{corpus.path}: counts.npy has {len(counts)} numbers, the tokenizer {size} tokens; restore it"
        )
    return Lexicon(size, mask, _special(tokenizer), counts)


def _special(tokenizer: Tokenizer) -> np.ndarray:
    found = {i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    unknown = unknown_id(tokenizer)
    return np.array(sorted(found if unknown is None else found | {unknown}), np.int64)
