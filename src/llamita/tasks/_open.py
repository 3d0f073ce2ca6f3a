"""From data to the splits of a task: one way for texts with one label and for texts with any."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from llamita.core.errors import UserError, require
from llamita.core.task import Split
from llamita.data.cells import rows_text
from llamita.data.columns import named_columns
from llamita.data.copies import near_ones, quickly_looked_through
from llamita.data.label_names import written_twice
from llamita.data.label_sets import likely_separator, parts
from llamita.data.read import read_table
from llamita.data.table import Table, part_labels, refuse_bare_list
from llamita.data.text import reading_key
from llamita.tasks.splits import cut, is_share, label_names, listed_names, openable, without

log = logging.getLogger(__name__)
MOST_NEAR = 0.1
"""Share of the training texts that may be left out since they are nearly like a test text; where more are, texts are like that."""
MANY = 50
"""Labels up to which it is no matter that few texts have each of them."""


def open_splits(
    *,
    train: Any = None,
    test: Any = None,
    unlabelled: Any = None,
    columns: Mapping[str, str] | None = None,
    labels: Any = None,
    select: Any = 0.1,
    seed: int = 0,
    max_length: int | None = None,
    several: bool | None = None,
) -> tuple[dict[str, Any], bool]:
    """Read the data and cut its splits: the fields of a task, and whether a text may have any labels.

    Args:
        several: Whether a text has any labels; found in the data when left out.
    """
    seed, max_length = openable(train, test, select, seed, max_length)
    require(
        not isinstance(labels, Mapping),
        f"labels must be names in order, got {labels!r}; put the names in the place of the numbers first: [names[one] for one in"
        " labels]",
    )
    wanted = listed_names(labels)
    untested = isinstance(test, list) and not test
    apart = not is_share(select)
    given = {"train": train, "test": None if untested else test, "select": select if apart else None}
    tables = {
        name: read_table(data, columns=columns, one_label=several is False)
        for name, data in given.items()
        if data is not None
    }
    several = any(table.several for table in tables.values()) if several is None else several
    if not several and (table := next((one for one in tables.values() if one.several), None)):
        raise UserError(f"{table.source}: a text has several labels; the task is multilabel")
    if several:
        _part_alike(tables, wanted or ())
    names = label_names(tables, wanted)
    splits = {name: _split_of(table, names, name, several) for name, table in tables.items()}
    splits |= {"test": Split(texts=())} if untested else {}
    extra = read_table(unlabelled, columns=columns, labelled=False) if unlabelled is not None else None
    free = Split(texts=tuple(extra.texts), source=extra.source) if extra else Split(texts=())
    fields: dict[str, Any] = {
        "labels": names,
        "max_length": max_length,
        "columns": named_columns(columns),
        **_cut_splits(splits, free, 0 if apart else select, seed),
    }
    if "train" in tables:
        for doubt in _doubts(fields["train"], names, tables["train"]):
            log.warning("warning: %s", doubt)
            fields["notes"] += (doubt,)
    if several:
        note = f"a text may have any of the labels: {', '.join(names)}"
        log.info(note)
        fields["notes"] = (note, *fields["notes"])
    return fields, several


def _doubts(train: Split, names: Sequence[str], table: Table) -> Iterator[str]:
    """Says so where a label has no text to be learned from, two are one number, or nearly each text has a label of its own."""
    learned = {*train.labels, *(label for labels in train.label_sets for label in labels)}
    missing = [name for i, name in enumerate(names) if i not in learned]
    if missing:
        listed = ", ".join(map(repr, missing[:5])) + (" …" if len(missing) > 5 else "")
        yield f"no training text is left with the label {listed}: the model can't learn it; give such texts"
    if alike := written_twice(names):
        yield alike
    if len(names) > max(MANY, len(table) / 2):
        yield f"{len(names)} labels in {rows_text(len(table))}; is {table.label_column!r} the column of the labels?"


def _part_alike(tables: dict[str, Table], known: Sequence[str]) -> None:
    """What stands between labels in one table does so in the others; a table where no text has several shows none.

    A table that is read anew takes the place of the one given, which may be the user's.
    """
    found = next((one.columns["separator"] for one in tables.values() if "separator" in one.columns), None)
    for name, given in tables.items():
        if not given.several and given.labels is not None:
            tables[name] = table = replace(given, columns=dict(given.columns))
            part_labels(table, found or likely_separator(given.labels, known) or "|")


def _cut_splits(splits: Mapping[str, Split], free: Split, select_share: float, seed: int) -> dict[str, Any]:
    """Cut test and select where they aren't given; what stands in test is taken out of the others, and then what is in select."""
    notes: list[str] = []
    train, test = splits.get("train", Split(texts=())), splits.get("test")
    if test is None:
        train, test = cut(train, 0.1, seed + 1)
        test = replace(test, source="")  # its file has the training texts too
        notes.append(f"no test data given: {len(test)} of the training texts were cut off as the test split")
        train = _nearly_apart(train, test, notes)
    train = _apart(
        train, test, notes, "Left out of training, since the test split has them too: {} of the training texts"
    )
    require(
        bool(train.texts) or "train" not in splits,
        "every training text also stands in the test split; give other test data, or none",
    )
    if given := splits.get("select"):
        select = _apart(given, test, notes, "Left out, since the test split has them too: {} of the texts for choices")
        told = "Left out of training, since the select split has them too: {} of the training texts"
        train = _apart(train, select, notes, told)
        require(bool(train.texts), "every training text also stands in the select split; give other texts for choices")
    else:
        train, select = cut(train, select_share, seed) if train.texts else (train, Split(texts=()))
    free = _apart(free, test, notes, "Left out, since the test split has them too: {} of the unlabelled texts")
    free = _apart(free, select, notes, "Left out, since the select split has them too: {} of the unlabelled texts")
    for note in notes:
        log.info(note)
    return {"train": train, "select": select, "test": test, "unlabelled": free, "notes": tuple(notes)}


def _nearly_apart(train: Split, test: Split, notes: list[str]) -> Split:
    """Training texts without those that nearly say what a test text does, where these are few; looked for in little text only."""
    if not quickly_looked_through(train.texts, test.texts):
        return train
    near = {reading_key(train.texts[i]) for i in near_ones(train.texts, test.texts, key=reading_key)}
    left = [i for i, text in enumerate(train.texts) if not near or reading_key(text) not in near]
    number = len(train) - len(left)
    if not number:
        return train
    if number > MOST_NEAR * len(train):
        notes.append(
            f"{number} of the training texts are nearly like one that was cut off for the test: the scores are of texts that are"
            " much alike; give test data of their own"
        )
        return train
    notes.append(f"Left out of training, since the test split has nearly the same: {number} of the training texts")
    return train.take(left)


def _apart(split: Split, other: Split, notes: list[str], told: str) -> Split:
    """The split without the texts of the other, and a note of how many those were."""
    kept, number = without(split, other)
    notes += [told.format(number)] if number else []
    return kept


def _split_of(table: Table, names: tuple[str, ...], which: str, several: bool) -> Split:
    if table.labels is None:
        refuse_bare_list(table)
        raise UserError(
            f"{table.source or which} has no labels; name their column (--columns label=COLUMN; columns of 0 and 1:"
            " --label-columns A,B), or give it as unlabelled data"
        )
    place = {name: i for i, name in enumerate(names)}
    texts, source = tuple(table.texts), str(table.source)
    if several:
        sets = tuple(tuple(sorted(place[label] for label in parts(cell))) for cell in table.labels)
        return Split(texts=texts, label_sets=sets, source=source)
    return Split(texts=texts, labels=tuple(place[label] for label in table.labels), source=source)
