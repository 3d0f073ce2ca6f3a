"""Texts and labels from a file, a Python list, a pandas table or a dataset: always the same Table."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from llamita.core.errors import UserError
from llamita.core.task import Text
from llamita.data.columns import ROLES, find_columns
from llamita.data.decode import text_lines
from llamita.data.faults import BadRow, Faults, note, raw_row
from llamita.data.files import PIPED, STDIN, Labelled, files_of
from llamita.data.hub import hub_dataset, is_hub_id
from llamita.data.objects import rows_of
from llamita.data.rows import MISSING, Row, Rows, open_rows

logger = logging.getLogger(__name__)
SAMPLE = 500
"""Rows that columns are guessed from."""


@dataclass(kw_only=True)
class Table:
    """Texts in the order of their source."""

    texts: list[Text]
    labels: list[str] | None
    """Label names as text, one per text; None when the source has none."""
    lines: list[int]
    """1-based line of each row in its file; 1-based position where there are no lines."""
    columns: dict[str, str]
    """Which column was read as text, pair and label."""
    source: str
    """What the user named: a file, a folder, a pattern; or what else the texts came from."""
    files: list[str] | None = None
    """Each row's file where the source is more than one."""

    def __len__(self) -> int:
        return len(self.texts)

    def place(self, index: int) -> str:
        """A row's file and line."""
        return f"{self.files[index] if self.files else self.source}:{self.lines[index]}"

    def take(self, indices: Sequence[int]) -> Table:
        """The rows at these indices, in the order given."""
        return Table(
            texts=[self.texts[i] for i in indices],
            labels=None if self.labels is None else [self.labels[i] for i in indices],
            lines=[self.lines[i] for i in indices], columns=self.columns, source=self.source,
            files=None if self.files is None else [self.files[i] for i in indices],
        )  # fmt: skip


def read_table(
    source: Any, *, columns: Mapping[str, str] | None = None, encoding: str | None = None, labelled: bool | None = None,
    faults: Faults | None = None,
) -> Table:  # fmt: skip
    """Read everything.

    Args:
        source: A path (CSV, TSV, JSONL, JSON, Parquet, plain text; also packed as .gz or .zst), a folder or pattern of
            such files, a folder with a folder of .txt files for each label, "-" for standard input; a data set of the Hub
            (owner/name, owner/name:split, owner/name:config:split); a list of texts, pairs or dicts, `(texts, labels)`,
            a pandas DataFrame, a datasets.Dataset; or a Table, which is handed back.
        columns: Which column is what, such as {"text": "review", "label": "stars"}; the rest is guessed.
        encoding: Of a file that is not UTF-8.
        labelled: True refuses a source without labels, False leaves its labels unread, None takes what is there.
        faults: Collects rows that can't be read, and lets empty labels pass; without it the first such row is refused.
    """
    if isinstance(source, Table):
        return source
    chunks = read_chunks(source, columns=columns, encoding=encoding, labelled=labelled, size=1 << 62, faults=faults)
    table = _joined(list(chunks), source)
    _finish(table, labelled, faults)
    logger.info(
        "%s: %s; %s", table.source, rows_text(len(table)), ", ".join(f"{k} = {v}" for k, v in table.columns.items())
    )
    return table


def read_with_rows(
    file: str, *, columns: Mapping[str, str] | None = None, encoding: str | None = None, faults: Faults | None = None
) -> tuple[Table, tuple[str, ...], list[Row]]:
    """One file, or standard input, as a Table and as it stands: the names of its columns, and every row with its line.

    Raises:
        UserError: a folder or a pattern, beside what `read_table` refuses.
    """
    path = Path(file).expanduser()
    of_hub = is_hub_id(file)
    if path != STDIN and not of_hub and not path.is_file() and any(mark in file for mark in "*?["):
        raise UserError(f"{file}: this takes one file, not a pattern; name it")
    if of_hub:
        rows = rows_of(hub_dataset(file))[1]
    else:
        rows = open_rows(path, encoding, same_keys=True, faults=faults)
    every = list(rows.rows)
    name = str(PIPED if path == STDIN else file)
    how = Reading(columns=columns, faults=faults)
    (table,) = _chunks_of(name, replace(rows, rows=iter(every)), how, max(1, len(every)))
    _finish(table, None, faults)
    if len(table) < len(every):
        read = set(table.lines)
        every = [row for row in every if row[0] in read]
    return table, rows.names, every


def _finish(table: Table, labelled: bool | None, faults: Faults | None = None) -> None:
    """Labels that are all empty are none; single empty ones are refused."""
    if table.labels is not None and not any(table.labels):
        table.labels = None
        table.columns.pop("label")
    _check_labels(table, labelled, faults)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How rows are read: see `read_table`."""

    columns: Mapping[str, str] | None = None
    labelled: bool | None = None
    faults: Faults | None = None


def read_chunks(
    source: Any, *, columns: Mapping[str, str] | None = None, encoding: str | None = None, labelled: bool | None = None,
    size: int = 1024, faults: Faults | None = None,
) -> Iterator[Table]:  # fmt: skip
    """Read `size` rows at a time, so that a file of any size fits; arguments as for `read_table`.

    Files of a folder or pattern come one after the other, each chunk from one file; the first one's columns hold for all.
    """
    how = Reading(columns=columns, labelled=labelled, faults=faults)
    if not isinstance(source, (str, Path)) or not str(source):
        yield from _chunks_of(*rows_of(source), how, size)
        return
    if is_hub_id(str(source)):
        yield from _chunks_of(str(source), rows_of(hub_dataset(str(source)))[1], how, size)
        return
    files = files_of(str(source))
    if isinstance(files, Labelled):
        if columns:
            raise UserError(f"{source} has a folder for each label and no columns; leave --columns out")
        yield from _labelled_chunks(files, encoding, labelled, size)
        return
    for path in files:
        name = str(PIPED if path == STDIN else path)
        for table in _chunks_of(name, open_rows(path, encoding, faults=faults), how, size):
            how = replace(how, columns=table.columns)
            yield table


def _chunks_of(name: str, rows: Rows, how: Reading, size: int) -> Iterator[Table]:
    given = {k: v for k, v in (how.columns or {}).items() if how.labelled is not False or k != "label"}
    sample = list(islice(rows.rows, SAMPLE))
    if not sample:
        if how.faults:
            raise how.faults[0]
        raise UserError(f"{name}: {'only a header, no rows' if rows.headed else 'no texts in it'}; add at least one")
    plain = [[_plain(value) for value in values] for _, values in sample]
    if rows.headed or given:
        roles = find_columns(rows.names, plain, given, f"{name}:{rows.first_line}")
    else:
        roles = {role: role for role in ("text", "pair", "label") if role in rows.names}
    if how.labelled is False:
        roles.pop("label", None)
    places = {role: rows.names.index(column) for role, column in roles.items()}
    stream = chain(sample, rows.rows)
    while chunk := list(islice(stream, size)):
        yield _table(name, chunk, roles, places, how.faults)


def _labelled_chunks(found: Labelled, encoding: str | None, labelled: bool | None, size: int) -> Iterator[Table]:
    """Texts of a folder that has a folder for each label; a file is one text."""
    for start in range(0, len(found.files), size):
        part = found.files[start : start + size]
        yield Table(
            texts=["".join(text_lines(path, encoding)).strip("\r\n") for path, _ in part],
            labels=None if labelled is False else [label for _, label in part], lines=[1] * len(part),
            columns={"text": "the file"} | ({} if labelled is False else {"label": "its folder"}), source=str(found.folder),
            files=[str(path) for path, _ in part],
        )  # fmt: skip


def _joined(tables: Sequence[Table], source: Any) -> Table:
    """One table of all; a row's file is kept where there are several."""
    first = tables[0]
    if len(tables) == 1:
        return first
    labelled = [table for table in tables if table.labels is not None]
    if labelled and len(labelled) < len(tables):
        bare = next(table for table in tables if table.labels is None)
        raise UserError(f"{bare.source} has no labels, but {labelled[0].source} has; read them apart")
    return Table(
        texts=[text for table in tables for text in table.texts],
        labels=[label for table in tables for label in table.labels or ()] if labelled else None,
        lines=[line for table in tables for line in table.lines], columns=first.columns, source=str(source),
        files=[table.source for table in tables for _ in table.texts],
    )  # fmt: skip


def _table(
    name: str, chunk: Sequence[Row], roles: dict[str, str], places: Mapping[str, int], faults: Faults | None
) -> Table:
    texts: list[Text] = []
    labels: list[str] = []
    lines: list[int] = []
    for number, values in chunk:
        try:
            text, *more = (
                cell_text(name, number, values[places[role]], roles[role]) for role in ROLES if role in places
            )
        except BadRow as fault:
            fault.raw = raw_row(values)
            note(faults, fault)
            continue
        texts.append((text, more[0]) if "pair" in places else text)
        labels += more[-1:] if "label" in places else []
        lines.append(number)
    return Table(
        texts=texts, labels=labels if "label" in places else None, lines=lines, columns=dict(roles), source=name
    )


def cell_text(name: str, number: int, value: Any, column: str) -> str:
    """A cell as text; what is no text is refused with the name and line of its source."""
    if value is MISSING:
        raise BadRow(name, number, f"this object has no {column!r}, which the first one has", kind="key")
    if isinstance(value, (Mapping, list, tuple, set)):
        what = f"{column!r} must be one text or number, got a {type(value).__name__}"
        raise BadRow(name, number, what, kind="cell")
    text = _plain(value)
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        what = f"{column!r} holds half a character (a lone surrogate); delete it or write it whole"
        raise BadRow(name, number, what, kind="cell")
    return text


def _plain(value: Any) -> str:
    """A value as text: nothing and NaN are empty, 1.0 is 1, true is true."""
    if (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or type(value).__name__ in ("NAType", "NaTType")
    ):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def rows_text(number: int) -> str:
    """ "1 row" or "1,178 rows"."""
    return "1 row" if number == 1 else f"{number:,} rows"


def _check_labels(table: Table, labelled: bool | None, faults: Faults | None) -> None:
    if table.labels is None:
        if labelled:
            raise UserError(f"{table.source} has no labels; add a label column, or name it: --columns label=COLUMN")
        return
    if faults is not None:
        return
    empty = [i for i, label in enumerate(table.labels) if not label.strip()]
    if empty:
        more = f" (and {len(empty) - 1} more)" if len(empty) > 1 else ""
        raise UserError(
            f"{table.place(empty[0])}: the label is empty{more}; fill it in, or move these rows to a"
            " file of unlabelled texts"
        )
