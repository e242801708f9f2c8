"""Texts and pairs of texts with a label beside them: which columns hold what, and what a user types."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from limbeck.core.errors import DataError
from limbeck.core.predictions import Answer
from limbeck.core.table import Table, refuse
from limbeck.text.columns import (
    holds_label_sets,
    is_quantity,
    longest,
    look_like_labels,
    named,
    of_lists,
    of_text,
    wanted_column,
)
from limbeck.text.port import Example

_TEXTS = (
    *("text", "sentence", "review", "content", "comment", "body", "message", "document", "tweet", "post", "utterance"),
    *("question", "query", "passage", "paragraph", "description", "abstract", "headline", "title"),
)
_PAIRS = (
    *(("sentence1", "sentence2"), ("sentence_1", "sentence_2"), ("sentence_a", "sentence_b")),
    *(("text1", "text2"), ("text_1", "text_2"), ("text_a", "text_b"), ("premise", "hypothesis")),
    *(("question1", "question2"), ("question_1", "question_2"), ("question", "sentence"), ("query", "passage")),
    *(("text", "pair"), ("text", "text_pair")),
)
_LABELS = (
    *("label", "labels", "label_text", "label_name", "gold_label", "class", "category", "sentiment", "target"),
    *("intent", "topic", "polarity", "stance", "emotion", "relation", "is_duplicate"),
)
_VALUES = ("score", "similarity", "similarity_score", "relatedness", "relatedness_score", "rating", "grade")
_LABEL_SETS = ("classes", "categories", "emotions", "topics", "genres", "tags", "keywords")
_NAMES: Mapping[Answer, Sequence[str]] = {
    "class": _LABELS,
    "classes": (*_LABELS, *_LABEL_SETS),
    "value": (*_VALUES, *_LABELS),
}


def input_columns(table: Table, wanted: Mapping[str, str | None], task: str, answer: Answer) -> Sequence[str] | None:
    """Columns of the text, of the second text (empty for single texts) and of the label, or None if they do not fit.

    Flags overrule. A label column is known by its name, or by being the only one with few short values that repeat, or
    the only quantity; what stands in it tells the kind of answer. A pair is known by its names only. Of several columns
    that could be the text, the one with the longest texts is taken.

    Args:
        table: The rows to train on.
        wanted: `text`, `pair` and `label` → column that a flag names; `task` → the task that one names, which is then
            taken at its word.
        task: The task that asks.
        answer: What it gives each text.

    Raises:
        DataError: A flag names a column that there is not.
    """
    text, pair, label = (wanted_column(table, wanted, role) for role in ("text", "pair", "label"))
    columns = [name for name in table.columns if name not in (text, pair)]
    told = wanted.get("task") == task
    label = label or (_label_of(table, columns, answer) if told else None) or _find_label(table, columns)
    if label is None or not (told or answer_in(table.columns[label]) == answer):
        return None
    texts = [name for name in of_text(table) if name not in (text, pair, label)]
    if text is None and pair is None:
        text, pair = next(_pairs(table, texts), (None, None))
    if text is None and (among := named(table, _TEXTS, texts) or texts):
        text = longest(table, among)
    if text is None or not {text, pair or text} <= set(of_text(table)) or label in (text, pair):
        return None
    return text, pair or "", label


def _label_of(table: Table, columns: Sequence[str], answer: Answer) -> str | None:
    """The column whose name tells of such labels, best one that holds such."""
    found = named(table, _NAMES[answer], columns)
    return next((name for name in found if answer_in(table.columns[name]) == answer), found[0] if found else None)


def _find_label(table: Table, columns: Sequence[str]) -> str | None:
    usable = {*of_text(table), *of_lists(table)}
    columns = [name for name in columns if name in usable]
    if by_name := named(table, _LABELS, columns):
        return by_name[0]
    for names, answer in ((_VALUES, "value"), (_LABEL_SETS, "classes")):
        if by_name := [name for name in named(table, names, columns) if answer_in(table.columns[name]) == answer]:
            return by_name[0]
    texts = [name for name in columns if name in of_text(table)]
    quantities = [name for name in texts if is_quantity(_distinct(table.columns[name]))]
    by_content = look_like_labels(table, texts) or quantities
    return by_content[0] if len(by_content) == 1 else None


def _pairs(table: Table, columns: Sequence[str]) -> Iterator[Sequence[str]]:
    return (found for names in _PAIRS if len(found := named(table, names, columns)) == 2)


def answer_in(values: Sequence[Any]) -> Answer:
    """What labels like these ask for; one class where nothing else is clear.

    >>> answer_in(["b", "a", None]), answer_in([["a"], []]), answer_in([str(x / 4) for x in range(20)])
    ('class', 'classes', 'value')
    """
    if any(isinstance(value, list) for value in values) or holds_label_sets([v for v in values if v is not None]):
        return "classes"
    return "value" if is_quantity(_distinct(values)) else "class"


def _distinct(values: Collection[str | None]) -> set[str]:
    return {value for value in values if value is not None}


def read_inputs(table: Table, text: str, pair: str) -> list[tuple[str, str | None]]:
    """The text of each row, and the second text if `pair` names a column.

    Raises:
        DataError: There is no such column, or a text is blank.
    """
    columns = {name: table.column(name, role) for name, role in ((text, "text"), (pair, "pair")) if name}
    for name, values in columns.items():
        refuse(
            [
                f"{table.place(row, name)}: {'blank' if value is None else 'a list'}"
                for row, value in enumerate(values)
                if not isinstance(value, str)
            ],
            f"rows without a text in column {name!r}; give each row one or leave the row out",
        )
    return list(zip(columns[text], columns[pair] if pair else [None] * len(table), strict=True))


def parse_inputs(texts: Sequence[Any], *, paired: bool) -> list[Example]:
    """Texts; of a pair task `(text, pair)` or `{"text": …, "pair": …}`.

    Raises:
        DataError: An input has another form.
    """
    return [_parse(number, text, paired) for number, text in enumerate(texts, 1)]


def _parse(number: int, text: Any, paired: bool) -> Example:
    if not paired:
        if isinstance(text, str):
            return Example(text)
        raise DataError(f"input {number}: a text is needed, found {type(text).__name__}")
    parts = [text.get("text"), text.get("pair")] if isinstance(text, Mapping) else text
    if isinstance(parts, list | tuple) and len(parts) == 2 and all(isinstance(part, str) for part in parts):
        return Example(parts[0], parts[1])
    raise DataError(
        f'input {number}: this model reads pairs; give (text, pair) or {{"text": …, "pair": …}}, '
        f"found {type(text).__name__}"
    )
