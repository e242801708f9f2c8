"""What pretexts are told of a vocabulary."""

import json

import numpy as np
import pytest
from tokenizers import Tokenizer

from limbeck.core.bundle import create_bundle, open_bundle
from limbeck.core.errors import BundleError
from limbeck.core.spec import Spec
from limbeck.text.lexicon import open_lexicon
from tests.makers import byte_level_tokenizer, byte_tokenizer, tiny_tokenizer, unigram_tokenizer


def corpus(path, tokenizer):
    with create_bundle(path, "tokenize", Spec(), {}) as draft:
        tokenizer.save(str(draft.path / "tokenizer.json"))
        np.save(draft.path / "counts.npy", np.ones(tokenizer.get_vocab_size(), np.int64))
    return open_bundle(path)


@pytest.mark.parametrize("make", [tiny_tokenizer, byte_level_tokenizer, unigram_tokenizer])
def test_special_tokens_are_those_of_the_tokenizer(make, tmp_path):
    lexicon = open_lexicon(corpus(tmp_path / "store", make()))
    assert (lexicon.special.tolist(), lexicon.mask_id) == ([0, 1, 2, 3, 4], 4)


def test_unknown_text_is_special_even_where_its_token_is_an_ordinary_one(tmp_path):
    plain = json.loads(tiny_tokenizer().to_str())
    plain["added_tokens"] = [token for token in plain["added_tokens"] if token["content"] == "[MASK]"]
    lexicon = open_lexicon(corpus(tmp_path / "store", Tokenizer.from_str(json.dumps(plain))))
    assert lexicon.special.tolist() == [1, 4]


def test_a_tokenizer_without_a_mask_is_refused(tmp_path):
    with pytest.raises(
        BundleError, match=r"no token that hides another \(\[MASK\] or <mask>\); take one that was made"
    ):
        open_lexicon(corpus(tmp_path / "store", byte_tokenizer()))
