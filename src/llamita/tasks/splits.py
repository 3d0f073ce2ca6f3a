"""Label names and seeded, stratified cuts that keep every copy of a text on one side."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Set
from typing import TYPE_CHECKING, Any

from llamita.core.checked import as_python, as_seed, as_whole, is_number
from llamita.core.errors import UserError, did_you_mean, require
from llamita.core.task import Split
from llamita.data.cells import plain
from llamita.data.columns import LABELS
from llamita.data.label_sets import parts
from llamita.data.portion import share_of_each
from llamita.data.text import reading_key

if TYPE_CHECKING:
    from llamita.core.task import Task, Text
    from llamita.data.table import Table


WHOLE = re.compile(r"-?\d{1,100}")
"""A label that is a whole number."""
NUMBER = re.compile(r"\s*-?\d*\.?\d+\s*")
"""A number in quotes, which is no name of data."""


def label_names(tables: dict[str, Table], wanted: Sequence[str] | None) -> tuple[str, ...]:
    """The labels in order: as wanted, else those of the training data by number or alphabet; strangers are refused."""
    found = {name: [_labels_of(table, i) for i in range(len(table.labels or ()))] for name, table in tables.items()}
    if wanted is not None:
        names = tuple(plain(name) for name in wanted)
        if len(set(names)) < len(names) or "" in names:
            raise UserError(f"labels must be different names, got {', '.join(map(repr, names))}")
    else:
        names = in_order({label for labels in found["train" if "train" in found else "test"] for label in labels})
    for which, rows in found.items():
        for row, labels in enumerate(rows):
            for label in labels:
                if label in names:
                    continue
                where = tables[which].place(row)
                known = "the labels given" if wanted is not None else "the labels of the training data"
                hint = did_you_mean(label, names) or _no_label_hint(tables[which], wanted)
                raise UserError(f"{where}: label {label!r} is not among {known} ({', '.join(names[:20])}).{hint}")
    if any(table.several for table in tables.values()):
        if not names:
            raise UserError("no text has a label; multi-label data needs one at least")
    elif any(found.values()) and len(names) < 2:
        raise UserError(f"every example has the label {names[0]!r}; a classifier needs two labels or more")
    return names


def _no_label_hint(table: Table, wanted: Sequence[str] | None) -> str:
    """How to say that the column, which was found by what stands in it, holds no labels."""
    column = table.label_column
    if wanted is None or not column or column.strip().lower() in LABELS:
        return ""
    return f" If {column!r} holds no labels, say so: --columns label=none."


def _labels_of(table: Table, row: int) -> tuple[str, ...]:
    assert table.labels is not None
    return parts(table.labels[row]) if table.several else (table.labels[row],)


def openable(train: Any, test: Any, select: Any, seed: int, max_length: int | None) -> tuple[int, int | None]:
    """The seed and the length as plain numbers, once a task can be opened with all of these.

    Raises:
        UserError: no data, or a number out of its range.
    """
    if is_share(select):
        require(0 <= select <= 0.5, f"select must be in [0, 0.5], or texts for choices, got {select!r}")
    else:
        require(train is not None, "select is for choices while a model learns; give training data too")
    length = None if max_length is None else as_whole("max_length", max_length, 1)
    require(train is not None or test is not None, "no data given; give training data, test data, or both")
    return as_seed("seed", seed), length


def is_share(select: Any) -> bool:
    """Whether `select` is a share to cut off, and not texts of its own.

    Raises:
        UserError: it is neither.
    """
    neither = select is None or isinstance(select, bool) or (isinstance(select, str) and NUMBER.fullmatch(select))
    require(not neither, f"select must be in [0, 0.5], or texts for choices, got {select!r}")
    return is_number(select)


def listed_names(labels: Any) -> list[str] | None:
    """Labels in the order wanted, from a list of any kind or a text with commas; None where none are named.

    Raises:
        UserError: no names, or names without an order.
    """
    if labels is None or isinstance(labels, str):
        return None if labels is None else [part.strip() for part in labels.split(",")]
    ordered = isinstance(labels, Iterable) and not isinstance(labels, Set)
    require(ordered, f"labels must be names in order, such as ['good', 'bad'], got {labels!r}")
    return [plain(as_python(name)) for name in labels]


def described(task: Task, *names: str) -> dict[str, Any]:
    """What every task tells of itself: its labels, sizes and sources of these splits, and what was done to the data."""
    named = {name: task.split(name) for name in names}
    first = next((split.texts[0] for split in named.values() if split.texts), "")
    return {
        "labels": list(task.labels), "pairs": not isinstance(first, str),
        "sizes": {name: len(split) for name, split in named.items()},
        "sources": {name: split.source for name, split in named.items() if split.source},
        "max_length": task.max_length, "notes": list(task.notes),
    }  # fmt: skip


def in_order(names: set[str]) -> tuple[str, ...]:
    """Whole numbers by size, and 01 before 1; anything else by alphabet."""
    numeric = all(WHOLE.fullmatch(name) for name in names)
    return tuple(sorted(names, key=lambda name: (int(name), name)) if numeric else sorted(names))


def cut(split: Split, share: float, seed: int) -> tuple[Split, Split]:
    """Cut off this share of each label's texts, at least one where it has two; copies of a text stay together.

    Returns:
        What is left and what was cut off, both in file order.
    """
    cut_off = share_of_each(split.texts, split.strata, share, seed)
    taken = set(cut_off)
    left = [i for i in range(len(split)) if i not in taken]
    return split.take(left), split.take(cut_off)


def without(split: Split, other: Split) -> tuple[Split, int]:
    """The split without the texts that stand in the other, and how many those were."""
    kept = rows_apart(split.texts, other.texts)
    return split.take(kept), len(split) - len(kept)


def rows_apart(texts: Sequence[Text], others: Sequence[Text]) -> list[int]:
    """Places of the texts that don't stand among the others."""
    known = {reading_key(text) for text in others}
    return [i for i, text in enumerate(texts) if reading_key(text) not in known]
