"""Rows of a user's file to a data Bundle: read, understood, checked, split; all that was detected is said.

Splits are drawn as `limbeck.text.split` tells. The order of labels, that of the logits, is set here for good.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from pydantic import Field

from limbeck.core import spec as core
from limbeck.core.bundle import Bundle, create_bundle, open_bundle
from limbeck.core.errors import DataError
from limbeck.core.files import sha256_file
from limbeck.core.journal import Journal
from limbeck.core.record import Record
from limbeck.core.shelf import on_shelf, shelf
from limbeck.core.table import Table, refuse
from limbeck.text import survey
from limbeck.text.columns import describe, mixed
from limbeck.text.examples import SPLITS, write_examples
from limbeck.text.folder import split_files
from limbeck.text.port import Example
from limbeck.text.source import told_by_signature
from limbeck.text.split import plain_key, shuffled, split_rows

_PLAUSIBLE_CLASSES, _PLAUSIBLE_SHARE = 5, 0.5
"""Classes, and classes per labelled row, above which a column is taken for free text."""
_PLAIN_STEMS = ("train", "training", "data", "dataset")


class Spec(core.Spec):
    """Where the rows are and what they mean; whatever is left empty is detected."""

    train: str
    """File or folder with the rows to train on; a folder may hold `dev` and `test` beside `train`."""
    dev: str = ""
    """File or folder with the rows to choose by; empty: some of train are set aside."""
    test: str = ""
    """File or folder with the rows to measure on; empty: some of train are set aside."""
    task: str = "auto"
    """Task kind, a name on the tasks shelf; `auto` takes the one that fits the columns."""
    text: str = ""
    """Column of the texts or the words; in CoNLL files a number, counted from 1, will do."""
    pair: str = ""
    """Column of the second texts of a pair task."""
    label: str = ""
    """Column of the labels or the tags; in CoNLL files a number, counted from 1, will do."""
    reader: Annotated[core.Spec, on_shelf("readers")] | None = None
    """How files are read; null takes the reader that knows a file's ending or its contents."""
    encoding: str = ""
    """Text encoding of the files; empty: the reader's own, UTF-8."""
    dev_fraction: float = Field(0.1, gt=0, le=0.3)
    """Share of the labelled rows of train that become dev if none is given."""
    test_fraction: float = Field(0.1, gt=0, le=0.3)
    """Share of the labelled rows of train that become test if none is given."""
    max_rows: int = Field(0, ge=0)
    """Most rows of each split, drawn by the seed, for a quick try; 0 takes all."""
    min_rows: int = Field(10, ge=1)
    """Fewest labelled rows that a split may have."""
    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Decides which rows go where."""


@dataclass(frozen=True)
class _Rows:
    """Examples with what makes them equal."""

    examples: list[Example]
    keys: list[str]

    @classmethod
    def of(cls, examples: Sequence[Example]) -> "_Rows":
        return cls(list(examples), [plain_key(e) for e in examples])

    def take(self, rows: Sequence[int]) -> "_Rows":
        return _Rows([self.examples[i] for i in rows], [self.keys[i] for i in rows])

    @property
    def labelled(self) -> int:
        return sum(e.target is not None for e in self.examples)

    @property
    def unlabelled(self) -> int:
        return len(self.examples) - self.labelled


def outside(spec: Spec) -> dict[str, str]:
    """sha256 of every source file.

    Raises:
        DataError: A file is missing.
    """
    return {name: sha256_file(path) for name, path in _source_files(spec)}


def _source_files(spec: Spec) -> Iterator[tuple[str, Path]]:
    for role, path in _sources(spec).items():
        if path.is_dir():
            yield from ((f"{role}/{f.relative_to(path)}", f) for f in sorted(path.rglob("*")) if f.is_file())
        else:
            yield role, path


def run(spec: Spec, inputs: Mapping[str, Bundle], out: Path, log: Journal) -> Bundle:
    """Make the data Bundle.

    Raises:
        DataError: The rows cannot be used as they are; the message says where and what to do.
    """
    tables = {role: _read(path, spec) for role, path in _sources(spec).items()}
    task, fields = _detect(tables["train"], spec)
    given = {role: _Rows.of(task.examples(table, fields)) for role, table in tables.items()}
    counts = _count(task, given["train"])
    _check_labels(tables["train"], task, fields, given["train"], counts)
    _refuse_unknown_labels(tables, task, fields, given, counts)
    splits = {role: _cut(rows, spec) for role, rows in _divide(given, task, spec).items()}
    detected = _detected(tables, splits, task, fields, counts)
    warnings = list(_warnings(splits, task, counts))
    for line in detected:
        log.say(line)
    log.warn_all(warnings)
    _check_sizes(splits, tables, spec)
    with create_bundle(out, "prepare", spec, inputs, outside(spec)) as draft:
        for role in SPLITS:
            write_examples(draft.path / f"{role}.jsonl", splits[role].examples)
        draft.facts.update(
            name=named_after(spec.train),
            task=fields.plain(),
            labels=list(task.label_names(given["train"].examples)),
            counts={
                **{role: len(splits[role].examples) for role in SPLITS},
                "unlabelled": splits["train"].unlabelled,
            },
            detected=detected,
            warnings=warnings,
        )
    return open_bundle(out)


def _sources(spec: Spec) -> dict[str, Path]:
    """Role → file or folder; a folder with splits of its own gives those that no field gives."""
    named = {role: Path(value).expanduser() for role in SPLITS if (value := getattr(spec, role))}
    for role, path in named.items():
        if not path.exists():
            raise DataError(f"{path}: no such file or folder ({role}); give the path of one that exists")
        if not (path.is_file() or path.is_dir()):
            raise DataError(f"{path}: neither a file nor a folder ({role}); save its rows to a file first")
        if not os.access(path, os.R_OK):
            raise DataError(f"{path}: may not be read ({role}); mend its permissions")
    if named["train"].is_dir() and (files := split_files(named["train"], _endings())):
        return {**files, **{role: path for role, path in named.items() if role != "train"}}
    splits_of = getattr(shelf("readers").load(_reader(named["train"], spec).kind), "splits", None)
    own: dict[str, Path] = splits_of(named["train"]) if splits_of else {}
    return {**named, **{role: path for role, path in own.items() if role == "train" or role not in named}}


def _reader(path: Path, spec: Spec) -> core.Spec:
    """The reader for a path: the given one, or the one that claims it; with what the flags say of it."""
    fields = spec.reader or shelf("readers").parse(_claimant(path), "prepare.reader")
    flags = {"encoding": spec.encoding, "word": spec.text, "tag": spec.label}
    return fields.model_copy(update={k: v for k, v in flags.items() if v and k in type(fields).model_fields})


def _claimant(path: Path) -> str:
    readers = shelf("readers")
    for name in readers.names():
        if readers.load(name).claims(path):
            return name
    if path.is_file():
        with path.open("rb") as file:
            if told := told_by_signature(file.read(16)):
                raise DataError(f"{path}: {told}")
    if path.is_dir():
        raise DataError(
            f"{path}: no reader knows this folder; give one written by datasets.save_to_disk, or one that holds a file "
            f"called train, and perhaps others called dev and test, with the ending {' '.join(_endings())}"
        )
    raise DataError(
        f"{path}: no reader knows this file; there are readers for {' '.join(_endings())} and "
        "for folders. Rename it, or name its reader with --set prepare.reader=NAME: " + ", ".join(readers.names())
    )


def _endings() -> list[str]:
    """Those of files that there are readers for."""
    readers = shelf("readers")
    return [ending for name in readers.names() for ending in readers.load(name).EXTENSIONS]


def _read(path: Path, spec: Spec) -> Table:
    table: Table = shelf("readers").build(_reader(path, spec)).read(path)
    return table


def named_after(train: str) -> str:
    """What a data set is called by the path of the rows to train on.

    >>> named_after("glue/sst2/train.tsv"), named_after("reviews.csv")
    ('sst2', 'reviews')
    """
    path = Path(train).expanduser().resolve()
    return (path.parent.name or path.stem) if path.stem.lower() in _PLAIN_STEMS else path.stem


def _detect(table: Table, spec: Spec) -> tuple[ModuleType, Record]:
    """The task's file, and its fields."""
    tasks = shelf("tasks")
    # A reader with fields of its own for words and tags has followed the flags already.
    followed = "tag" in type(_reader(table.path, spec)).model_fields
    wanted = {} if followed else {"text": spec.text, "pair": spec.pair, "label": spec.label}
    wanted["task"] = spec.task
    names = tasks.names() if spec.task == "auto" else (spec.task,)
    found = {name: fields for name in names if (fields := tasks.load(name).detect(table, wanted))}
    if not found:
        refuse(
            mixed(table), "cells of another kind than the rest of their column; make all of them texts, or all lists"
        )
        raise DataError(
            f"{table.path}: cannot tell which columns to learn {' or '.join(names)} from; there are {describe(table)}. "
            "Name the column of the labels with --label, that of the texts with --text"
        )
    if len(found) > 1:
        raise DataError(f"{table.path}: {' and '.join(found)} fit these columns; choose with --task")
    name, fields = next(iter(found.items()))
    return tasks.load(name), fields


def _count(task: ModuleType, rows: _Rows) -> Counter[str]:
    return Counter(name for example in rows.examples for name in task.classes(example))


def _check_labels(table: Table, task: ModuleType, fields: Any, given: _Rows, counts: Mapping[str, int]) -> None:
    """Refuse labels that teach nothing, and columns that hold no labels."""
    column = f"{table.path}: column {fields.label!r}"
    there = f"the columns are {', '.join(map(repr, table.columns))}; choose with --label"
    if not given.labelled:
        raise DataError(f"{column} has no label in any row; {there}")
    if sole := task.sole(given.examples):
        raise DataError(f"{column} holds nothing but {sole!r}, so there is nothing to learn; {there}")
    if len(counts) > max(_PLAUSIBLE_CLASSES, _PLAUSIBLE_SHARE * given.labelled):
        raise DataError(
            f"{column} has {len(counts)} different values in {given.labelled} labelled rows: free text, not labels "
            f"({min(counts)[:40]!r}, …); {there}"
        )


def _refuse_unknown_labels(
    tables: Mapping[str, Table], task: ModuleType, fields: Any, given: Mapping[str, _Rows], known: Mapping[str, int]
) -> None:
    for role in (role for role in ("dev", "test") if role in given):
        refuse(
            [
                f"{tables[role].place(row, fields.label)}: {name!r}"
                for row, example in enumerate(given[role].examples)
                for name in dict.fromkeys(task.classes(example))
                if name not in known
            ],
            f"{task.CLASS}s of {role} that no row of train has; add rows to train, or mend these "
            f"(train has {', '.join(sorted(known)[:20])})",
        )


def _divide(given: Mapping[str, _Rows], task: ModuleType, spec: Spec) -> dict[str, _Rows]:
    """Set rows of train aside for the splits that are not given."""
    fractions = {"dev": spec.dev_fraction, "test": spec.test_fraction}
    train = given["train"]
    lacking = {role: fraction for role, fraction in fractions.items() if role not in given}
    drawn = split_rows(train.keys, task.strata(train.examples), lacking, spec.seed)
    return {**given, **{role: train.take(rows) for role, rows in drawn.items()}}


def _cut(rows: _Rows, spec: Spec) -> _Rows:
    return rows.take(sorted(shuffled(rows.keys, spec.seed)[: spec.max_rows])) if spec.max_rows else rows


def _check_sizes(splits: Mapping[str, _Rows], tables: Mapping[str, Table], spec: Spec) -> None:
    for role, rows in splits.items():
        if rows.labelled < spec.min_rows:
            source = tables.get(role, tables["train"]).path
            remedy = "add rows"
            if role not in tables:
                remedy += f", or give a file of its own with --{role}, set prepare.{role}_fraction higher"
            raise DataError(
                f"{source}: {rows.labelled} labelled rows for {role}, at least {spec.min_rows} are needed; {remedy}, "
                "or set prepare.min_rows lower"
            )


def _detected(
    tables: Mapping[str, Table], splits: Mapping[str, _Rows], task: ModuleType, fields: Record, counts: Counter[str]
) -> list[str]:
    table = tables["train"]
    roles = {role: name for role in ("text", "pair", "label") if (name := getattr(fields, role, ""))}
    found = ", ".join(f"{role} → {name}" for role, name in roles.items())
    learnt = f"{len(counts)} {task.CLASS}{'s' * (len(counts) > 1)}: {survey.shares(counts)}"
    if values := survey.values(splits["train"].examples):
        learnt = survey.spread(values)
    lines = [f"{table.path}: {table.read_as}: {found}; {fields.kind} with {learnt}"]
    if unused := [name for name in table.columns if name not in roles.values()]:
        lines.append(f"columns not used: {', '.join(unused)} (choose others with --text, --pair, --label)")
    drawn = [role for role in SPLITS if role not in tables]
    sizes = ", ".join(f"{role} {len(splits[role].examples)}" for role in SPLITS)
    lines.append(f"rows: {sizes}" + (f"; {' and '.join(drawn)} set aside from train" if drawn else ""))
    if unlabelled := splits["train"].unlabelled:
        lines.append(f"{unlabelled} rows of train have no label: the student learns from the teacher on them")
    return lines


def _warnings(splits: Mapping[str, _Rows], task: ModuleType, counts: Counter[str]) -> Iterator[str]:
    train = splits["train"]
    for role in SPLITS:
        yield from _warnings_of(role, splits)
    if rare := survey.rare(_count(task, train), sorted(counts)):
        yield f"train: fewer than {survey.RARE} examples of {rare}; scores of such classes mean little"
    if name := survey.dominant(counts):
        yield f"train: at least nine in ten have the {task.CLASS} {name!r}; look at the scores of each class"
    if (values := survey.values(train.examples)) and survey.far_from_unit(values):
        yield f"train: {survey.spread(values)}: losses are in that unit; values that spread by about 1 are learnt best"


def _warnings_of(role: str, splits: Mapping[str, _Rows]) -> Iterator[str]:
    rows = splits[role]
    size = len(rows.keys)
    if n := survey.repeated(rows.keys):
        yield f"{role}: {n} of {size} rows repeat an earlier one; all are kept"
    if n := survey.conflicting(rows.keys, rows.examples):
        yield f"{role}: {n} rows have the text of another row but not its label; all are kept"
    if role == "train":
        return
    if n := survey.shared(rows.keys, splits["train"].keys):
        yield f"{role}: {n} of {size} rows stand in train too, so scores on {role} flatter; all are kept"
    if role == "test" and (n := survey.shared(rows.keys, splits["dev"].keys)):
        yield f"test: {n} of {size} rows stand in dev too, by which weights are chosen; all are kept"
    if n := rows.unlabelled:
        yield f"{role}: {n} rows have no label and are not scored"
