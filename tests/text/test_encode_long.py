"""Of a long text only a beginning is read, and nothing comes out otherwise; of many words each is read once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, pre_tokenizers

from limbeck.text import encode
from limbeck.text.encode import Encoder
from tests.makers import WORDS, byte_level_tokenizer, byte_tokenizer, plain, tiny_tokenizer, unigram_tokenizer

MILLION = 1_000_000


def metaspace_tokenizer():
    tokenizer = unigram_tokenizer()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    return tokenizer


MAKERS = (tiny_tokenizer, byte_level_tokenizer, unigram_tokenizer, byte_tokenizer, metaspace_tokenizer)
PIECES = (
    *WORDS,
    *("filmx", "a" * 150, "x" * 30, " " * 40, "\n", "\t ", "'s", "...", "[SEP]", "</s>", "<mask", "3,000"),
    *("京", "京" * 20, "👩\u200d👧", "e\u0301", "\u0301" * 5, "\u200b" * 9, "ﬁ", "\ud800", "\u202e", "İ"),
)
long_texts = st.builds(
    lambda parts, glue, times: (glue.join(parts) + glue) * times,
    st.lists(st.sampled_from(PIECES), max_size=25),
    st.sampled_from(["", " ", "  "]),
    st.integers(1, 12),
)
lengths = st.integers(8, 40)


def whole(make, texts, max_length):
    """What the library makes of all characters."""
    tokenizer = make()
    tokenizer.enable_truncation(max_length)
    cleaned = [tuple(map(encode.clean, t)) if isinstance(t, tuple) else encode.clean(t) for t in texts]
    return tokenizer.encode_batch(cleaned)


@pytest.mark.parametrize("make", MAKERS)
@given(text=long_texts, max_length=lengths)
def test_a_long_text_is_encoded_as_if_all_of_it_were_read(make, text, max_length):
    read = max_length * encode._CHARACTERS_PER_TOKEN[-1]
    [found] = Encoder(make(), max_length).texts([text])
    [wanted] = whole(make, [text[:read]], max_length)
    assert (found.ids.tolist(), found.type_ids.tolist()) == (wanted.ids, wanted.type_ids)
    assert found.cut == (bool(wanted.overflowing) or len(text) > read)


@pytest.mark.parametrize("make", [tiny_tokenizer, byte_level_tokenizer, unigram_tokenizer])
@given(first=long_texts, second=long_texts, max_length=lengths)
def test_a_pair_is_cut_as_if_all_of_it_were_read(make, first, second, max_length):
    tokenizer = make()
    read = max_length * encode._CHARACTERS_PER_TOKEN[-1]
    parts = [tokenizer.encode(encode.clean(text[:read]), add_special_tokens=False).ids for text in (first, second)]
    one, other = map(len, parts)
    room = max_length - tokenizer.num_special_tokens_to_add(is_pair=True)
    half = room // 2
    if min(one, other) > half:  # which of the two gets the odd token may differ from what the library would say
        takes = [(half, room - half), (room - half, half)]
    else:
        takes = [(min(one, max(half, room - other)), min(other, max(half, room - one)))]
    [found] = Encoder(make(), max_length).texts([first], [second])
    [frame] = whole(make, [("good", "good")], max_length)
    special = [token for token, text in zip(frame.ids, frame.sequence_ids, strict=True) if text is None]
    middle = special[1:-1]
    wanted = [[special[0], *parts[0][:n], *middle, *parts[1][:m], special[-1]] for n, m in takes]
    assert found.ids.tolist() in wanted
    _, kept = takes[wanted.index(found.ids.tolist())]
    assert found.type_ids.tolist().count(1) == (kept + 1 if frame.type_ids[-2] else 0)
    assert found.cut == (one + other > room or max(len(first), len(second)) > read)


@given(st.lists(st.tuples(long_texts, st.one_of(st.none(), long_texts)), max_size=6))
def test_texts_and_pairs_long_and_short_keep_their_places(given_texts):
    encoder = Encoder(tiny_tokenizer(), 12)
    together = encoder.texts([a for a, _ in given_texts], [b for _, b in given_texts])
    assert [plain(one) for one in together] == [plain(encoder.texts([a], [b])[0]) for a, b in given_texts]


def library_windows(make, words, max_length):
    """Ids of the library's own windows over a sequence of words."""
    tokenizer = make()
    tokenizer.enable_truncation(max_length, stride=(max_length - 2) // 4)
    before = " " if Encoder(make(), max_length)._byte_level else ""
    encoding = tokenizer.encode([before + encode.clean(w) for w in words], is_pretokenized=True)
    return [(e.ids, e.type_ids, e.word_ids) for e in [encoding, *encoding.overflowing]]


@pytest.mark.parametrize("make", MAKERS)
@given(words=st.lists(st.sampled_from(PIECES), max_size=60), max_length=lengths)
def test_windows_are_those_of_the_library_and_each_word_stands_in_its_best(make, words, max_length):
    wanted = library_windows(make, words, max_length)
    [found] = Encoder(make(), max_length).words([words])
    assert [(w.ids.tolist(), w.type_ids.tolist()) for w in found] == [(ids, types) for ids, types, _ in wanted]
    places = {}  # word → (margin, window, position) of its first sub-word, the best
    seen = {}
    for number, (ids, _, word_ids) in enumerate(wanted):
        step = max_length - sum(w is None for w in word_ids) - (max_length - 2) // 4
        for position, word in enumerate(word_ids):
            if word is None or seen.setdefault(word, number * step + position) != number * step + position:
                continue
            margin = min(position, len(ids) - 1 - position)
            if word not in places or margin > places[word][0]:
                places[word] = (margin, number, position)
    assert {w: (n, p) for n, x in enumerate(found) for w, p in zip(x.words, x.firsts, strict=True)} == {
        word: (number, position) for word, (_, number, position) in places.items()
    }


class Counting:
    """A tokenizer that counts the characters that it is given."""

    def __init__(self, tokenizer):
        self.tokenizer, self.characters = tokenizer, 0

    def __getattr__(self, name):
        return getattr(self.tokenizer, name)

    def encode_batch(self, inputs, **options):
        self.characters += sum(len(part) for one in inputs for part in ([one] if isinstance(one, str) else one))
        return self.tokenizer.encode_batch(inputs, **options)


ENGLISH = ("the film is very good, and Anna's not in Oslo. " * 30_000)[:MILLION]
CHINESE = ("张三在北京大学学习，李四在上海工作。" * 60_000)[:MILLION]
HOSTILE = {name: (c * MILLION)[:MILLION] for name, c in {"a": "a", "spaces": " ", "zero": "\u200b", "😀": "😀"}.items()}


@pytest.mark.parametrize(("text", "most"), [(ENGLISH, 1100), (CHINESE, 1100), *((t, 22_000) for t in HOSTILE.values())])
def test_of_a_million_characters_few_are_read(text, most):
    tokenizer = Counting(tiny_tokenizer())
    encoder = Encoder(tokenizer, 128)
    for texts, pairs in (([text], None), ([text], [text]), (["good"], [text])):
        tokenizer.characters = 0
        [found] = encoder.texts(texts, pairs)
        assert found.cut
        assert tokenizer.characters <= most * (2 if pairs else 1)


def test_of_many_words_each_is_read_once(monkeypatch):
    made = []

    class Spy:
        @staticmethod
        def from_str(text):
            made.append(Counting(Tokenizer.from_str(text)))
            return made[-1]

    encoder = Encoder(tiny_tokenizer(), 128)
    monkeypatch.setattr(encode, "Tokenizer", Spy)
    [windows] = encoder.words([["good", "film", "京"] * 30_000])
    assert made[0].characters == len("goodfilm京")
    assert sum(len(window.words) for window in windows) == 90_000
    assert all(len(window) <= 128 for window in windows)
