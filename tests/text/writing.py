"""Rows, and the ways in which files may legally write them."""

import csv
import io
import json

from hypothesis import strategies as st

# Neither NUL, which is refused, nor lone surrogates, which UTF-8 cannot hold; line ends within cells are CSV's right.
characters = st.characters(codec="utf-8", exclude_characters="\0")
odd = st.sampled_from(
    ["NA", "null", "None", '"', '""', ",", "\t", "\r\n", "\u2028", "\u200b", "👩\u200d🚀", "\ufeff", "=1"]
)
texts = st.lists(st.one_of(st.text(characters, min_size=1, max_size=12), odd), min_size=1, max_size=4).map("".join)
blank = st.sampled_from([None])
cells = st.one_of(texts.filter(lambda text: not text.isspace()), blank)
names = ("text", "label", "more")


@st.composite
def tables(draw):
    """Columns of at least one row; a first column never blank, so that no line is empty."""
    width = draw(st.integers(2, 3))
    rows = draw(
        st.lists(st.tuples(texts.filter(lambda t: not t.isspace()), *[cells] * (width - 1)), min_size=1, max_size=6)
    )
    return names[:width], rows


@st.composite
def csv_files(draw):
    """A table with a CSV file that means it."""
    header, rows = draw(tables())
    ends = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    mark = draw(st.sampled_from([",", ";", "|"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=mark, lineterminator=ends, quoting=quoting)
    writer.writerow(header)
    for row in rows:
        writer.writerow([cell or "" for cell in row])
        file.write(ends * draw(st.integers(0, 1)))
    content = file.getvalue()
    if draw(st.booleans()):
        content = content.removesuffix(ends)
    return header, rows, draw(st.sampled_from(["", "\ufeff"])) + content


@st.composite
def jsonl_files(draw):
    """A table with a JSON lines file that means it; here texts may have lone surrogates and NULs, as escapes."""
    header, rows = draw(tables())
    anything = st.text(st.characters(), min_size=1, max_size=8).filter(lambda text: not text.isspace())
    if ascii_only := draw(st.booleans()):
        rows = [(draw(anything), *row[1:]) for row in rows]
    ends = draw(st.sampled_from(["\n", "\r\n", "\n\n"]))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " :  ")]))
    written = []
    for row in rows:
        keys = draw(st.permutations(range(len(header))))
        one = {header[k]: row[k] for k in keys if row[k] is not None or draw(st.booleans())}
        written.append(json.dumps(one, ensure_ascii=ascii_only, separators=separators))
    return header, rows, draw(st.sampled_from(["", "\ufeff"])) + ends.join(written) + draw(st.sampled_from(["", ends]))


words = st.text(characters, min_size=1, max_size=8).filter(
    lambda word: not set(word) & set("\t\n\r ") and word != "-DOCSTART-" and not word.startswith(("#", "\ufeff"))
)
tags = st.sampled_from(["O", "B-PER", "B-LOC", "I-PER", "B-x-y"])


@st.composite
def conll_files(draw):
    """Sentences of (word, IOB2 tag) with a CoNLL file that means them."""
    drawn = draw(st.lists(st.lists(st.tuples(words, tags), min_size=1, max_size=5), min_size=1, max_size=5))
    sentences = [
        [(word, tag) for word, tag in zip([w for w, _ in one], _legal([t for _, t in one]), strict=True)]
        for one in drawn
    ]
    ends = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    between = draw(st.sampled_from(["\t", " ", "  "]))
    more = draw(st.sampled_from([[], ["NN"]]))
    parts = [ends.join(between.join([word, *more, tag]) for word, tag in one) for one in sentences]
    start = draw(
        st.sampled_from(["", "\ufeff", f"-DOCSTART-{between}{between.join(['X'] * len(more) + ['O'])}{ends}{ends}"])
    )
    gap = ends * draw(st.integers(2, 3))
    return sentences, start + gap.join(parts) + ends * draw(st.integers(0, 2))


def _legal(found):
    """Tags in which I- goes on, so that IOB2 fits best."""
    before = "O"
    legal = []
    for tag in found:
        before = "B" + tag[1:] if tag.startswith("I-") and before[1:] != tag[1:] else tag
        legal.append(before)
    return legal
