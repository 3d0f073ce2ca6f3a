"""Rows in chunks, each a Table: which column is what is named, or guessed from the first rows."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from llamita.core.errors import UserError, did_you_mean
from llamita.core.task import Text
from llamita.data.cells import cell_text, label_text, plain
from llamita.data.columns import NAMES, NO_LABEL, ROLES, find_columns, named_columns, reads_like_text
from llamita.data.faults import BadRow, Faults, note, raw_row
from llamita.data.label_sets import label_form, of_flags
from llamita.data.rows import MISSING, Row, Rows
from llamita.data.table import Table

logger = logging.getLogger(__name__)
SAMPLE, CHUNK = 500, 1024
"""Rows that columns are guessed from, and rows that are held as they stand in the file."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How rows are read: see `read_table`."""

    columns: Mapping[str, str] | None = None
    labelled: bool | None = None
    faults: Faults | None = None
    keep: Sequence[str] = ()
    """Further columns that are kept as they are; "all": every one but those of the texts."""
    one_label: bool = False
    """Whether a cell holds one label, whatever it looks like; so it is too where the user named a column of one."""
    names: str = ""
    """What the labels are called: the role `names` of the columns, which names none (`data/label_names.py`)."""

    def __post_init__(self) -> None:
        columns = named_columns(self.columns)
        object.__setattr__(self, "names", (columns or {}).pop(NAMES, self.names))
        object.__setattr__(self, "columns", columns or None)
        named = "label" in (self.columns or {}) and not self.no_label
        object.__setattr__(self, "one_label", self.one_label or named)

    @property
    def no_label(self) -> bool:
        """Whether the user said that no column holds labels."""
        return (self.columns or {}).get("label") == NO_LABEL


def chunks_of(name: str, rows: Rows, how: Reading, size: int) -> Iterator[Table]:
    """The rows of one source, so many at a time; their columns are found by the first ones."""
    known = len(rows.names)
    rows = with_inner(rows, [*(how.columns or {}).values(), *how.keep])
    unlabelled = how.labelled is False or (how.no_label and NO_LABEL not in rows.names)
    given = {k: v for k, v in (how.columns or {}).items() if not unlabelled or k in ("text", "pair")}
    if given and not rows.headed and rows.names == ("text",):
        logger.info("%s has texts without columns; those that --columns names are not looked for", name)
        given = {}
    named = rows.names[: len(rows.names) - rows.added]
    given, form = label_form(given, named, f"{name}:{rows.first_line}")
    sample = list(islice(rows.rows, SAMPLE))
    if not sample:
        if how.faults:
            raise how.faults[0]
        raise UserError(f"{name}: {'only a header, no rows' if rows.headed else 'no texts in it'}; add at least one")
    inner = rows.names[: len(rows.names) - known]
    if lost := next((c for i, c in enumerate(inner) if all(values[i] is MISSING for _, values in sample)), None):
        names = rows.names[len(inner) :]
        raise UserError(
            f"{name}:{rows.first_line}: no column {lost!r}.{did_you_mean(lost, names)} Columns: {', '.join(names)}."
        )
    cells = [[plain(value) for value in values] for _, values in sample]
    if rows.in_a_line and len(rows.names) == 1 and not how.columns:
        _doubt_header(name, rows, [row[0] for row in cells], how.faults)
    if rows.headed or given:
        free = [i for i, column in enumerate(named) if column not in form.columns]
        names, shown = [named[i] for i in free], [[row[i] for i in free] for row in cells]
        roles = find_columns(names, shown, given, f"{name}:{rows.first_line}")
    else:
        roles = {role: role for role in ("text", "pair", "label") if role in rows.names}
    if unlabelled or form.columns:
        roles.pop("label", None)
    flags = [rows.names.index(column) for column in form.columns]
    keep = _columns_to_keep(how.keep, rows.names, roles, f"{name}:{rows.first_line}")
    stream = chain(sample, rows.rows)
    while chunk := list(islice(stream, size)):
        table, read = _table(name, chunk, roles, rows.names, how.faults)
        if form.columns:
            _read_flags(table, read, form.columns, flags)
        elif form.several and "label" in table.columns:
            table.columns |= {"labels": table.columns.pop("label")}
            table.columns |= {"separator": form.separator} if form.separator else {}
        if how.keep:
            table.kept = [{column: _or_nothing(values[at]) for column, at in keep.items()} for _, values in read]
        yield table


def _columns_to_keep(
    wanted: Sequence[str], names: Sequence[str], roles: Mapping[str, str], where: str
) -> dict[str, int]:
    """These columns and their places."""
    texts = [column for role, column in roles.items() if role in ("text", "pair")]
    every = tuple(wanted) == ("all",) and "all" not in names
    chosen = [name for name in names if name and name not in texts] if every else wanted
    for name in chosen:
        if name not in names:
            raise UserError(f"{where}: no column {name!r}.{did_you_mean(name, names)} Columns: {', '.join(names)}.")
    return {name: list(names).index(name) for name in chosen}


def _or_nothing(value: Any) -> Any:
    return None if value is MISSING else value


def with_inner(rows: Rows, wanted: Sequence[str]) -> Rows:
    """The rows with a column for each name such as review.text that leads into the objects of a column."""
    inner = [name for name in dict.fromkeys(wanted) if name not in rows.names and name.split(".")[0] in rows.names]
    paths = [(rows.names.index(root), keys) for root, *keys in (name.split(".") for name in inner)]

    def found(value: Any, keys: Sequence[str]) -> Any:
        for key in keys:
            value = value.get(key, MISSING) if isinstance(value, Mapping) else MISSING
        return value

    if not inner:
        return rows
    more = ((number, [*(found(values[at], keys) for at, keys in paths), *values]) for number, values in rows.rows)
    return replace(rows, names=(*inner, *rows.names), rows=more)


def _doubt_header(name: str, rows: Rows, texts: Sequence[str], faults: Faults | None) -> None:
    """Say so where the name of the only column may be the first text."""
    if reads_like_text(rows.names[0], texts):
        what = (
            f"the only column is called {rows.names[0][:40]!r}, which reads like a text and is read as the header; if"
            " it is one, add a first line: text"
        )
        fault = BadRow(name, rows.first_line, what, kind="header")
        if faults is None:
            logger.warning("%s", fault)
        else:
            faults.append(fault)


def _read_flags(table: Table, chunk: Sequence[Row], names: Sequence[str], places: Sequence[int]) -> None:
    """Labels out of columns of 0 and 1."""
    table.labels = [
        of_flags(table.place(i), [plain(values[at]) for at in places], names) for i, (_, values) in enumerate(chunk)
    ]
    table.several = True
    table.columns["labels"] = ",".join(names)


def _table(
    name: str, chunk: Sequence[Row], roles: dict[str, str], names: Sequence[str], faults: Faults | None
) -> tuple[Table, list[Row]]:
    """A table, and the rows that could be read, which stand in it."""
    places = {role: names.index(column) for role, column in roles.items()}
    texts: list[Text] = []
    labels: list[str] = []
    read: list[Row] = []
    for number, values in chunk:
        try:
            text, *more = (
                (label_text if role == "label" else cell_text)(name, number, values[places[role]], roles[role])
                for role in ROLES
                if role in places
            )
        except BadRow as fault:
            fault.raw = raw_row(names, values)
            note(faults, fault)
            continue
        texts.append((text, more[0]) if "pair" in places else text)
        labels += more[-1:] if "label" in places else []
        read.append((number, values))
    listed = "label" in places and any(isinstance(values[places["label"]], (list, tuple)) for _, values in chunk)
    columns = {"labels" if listed and role == "label" else role: column for role, column in roles.items()}
    table = Table(
        texts=texts,
        labels=labels if "label" in places else None,
        lines=[number for number, _ in read],
        columns=columns,
        source=name,
        several=listed,
    )
    return table, read
