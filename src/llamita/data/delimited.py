"""Rows of tables with commas, semicolons or tabs; what is wrong with their header, quotes and number of fields."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import Any

from llamita.core.errors import UserError
from llamita.data.columns import LABELS, TEXTS, known_form
from llamita.data.decode import LONGEST_LINE
from llamita.data.faults import BadRow, Faults, note

Record = tuple[int, Sequence[Any]]
Parsed = tuple[int, Sequence[Any], Sequence[str]]
"""A record with the lines it was read from."""
OTHER_DELIMITERS = ("|", "\t", ";", "\x01", "^")
PREDICTED = "probability_"
"""How columns begin that `predict` names after labels, of any length."""
WIDE = ("，", "；", "｜")
"""Marks of full width that a Chinese keyboard gives."""


SAID = re.compile("sep=([,;\t|])", re.IGNORECASE)
"""A first line by which a spreadsheet is told what divides the columns; it is no row."""
FIRST = 1000
"""Lines that are looked at before any row is given."""


def delimited_rows(
    path: Path, lines: Iterator[str], *, tabs: bool, empty_rows: bool = False, faults: Faults | None = None,
    again: Callable[[], Generator[str]] | None = None,
) -> tuple[tuple[str, ...], int, Iterator[Record]]:  # fmt: skip
    """The names of the columns, the line they stand in, and the rows below.

    Args:
        empty_rows: Give rows whose cells are all empty, too; lines with nothing in them are never rows.
        again: Reads all lines once more, so that of a table with tabs, whose every line must be looked at first, none need
            be held; without it they are.

    Raises:
        UserError: the header; a row, where faults aren't collected.
    """
    start = list(islice(lines, FIRST))
    said = SAID.fullmatch(start[0].strip("\r\n")) if start else None
    if said:
        start[0] = "\n"
    first = next((line for line in start if line.strip()), "")
    delimiter = "\t" if tabs else said[1] if said else next((d for d in ",;\t" if d in first), ",")
    if tabs and not (again and len(start) == FIRST):
        start += lines
        again = None
    plain = tabs and _is_plain(again or (lambda: (line for line in start)))
    spaced = bool(re.search(rf"\S{re.escape(delimiter)} ", first)) and not re.search(
        rf"{re.escape(delimiter)}\S", first
    )
    if spaced:
        spaced = _num_faults(path, start, delimiter, spaced=True) <= _num_faults(path, start, delimiter, spaced=False)
    lines = chain(start, lines)
    rows = _unquoted_tabs(lines) if plain else _parsed(path, lines, delimiter, faults, spaced=spaced)
    number, header, _ = next(filter(_is_filled, rows), (1, (), ()))
    names = tuple(str(name).strip() for name in header)
    _check_header(path, number, names)
    even = _even(path, names, rows, delimiter, faults)
    if len(names) > 1 and faults is not None:
        return names, number, _filled(path, even, delimiter, faults)
    return names, number, even if empty_rows or faults is not None else filter(_is_filled, even)


def _is_filled(record: Record | Parsed) -> bool:
    return any(record[1])


def _filled(path: Path, rows: Iterable[Record], delimiter: str, faults: Faults) -> Iterator[Record]:
    """The rows with something in them; the others are noted."""
    for number, values in rows:
        if any(values):
            yield number, values
        else:
            what = f"a row of nothing but {delimiter!r}; delete it"
            faults.append(BadRow(path, number, what, kind="empty_row", raw=""))


def _check_header(path: Path, number: int, names: Sequence[str]) -> None:
    if not any(names):
        raise UserError(f"{path} holds only blank lines; it needs a header and at least one row")
    known = any(known_form(name) in (*TEXTS, *LABELS) for name in names if len(name) > 1)
    if not known and any(len(name) > 60 and not name.startswith(PREDICTED) for name in names):
        raise UserError(
            f"{path}:{number}: no header: the first row looks like data; add a first line such as text,label"
        )
    if len(names) == 1 and (mark := next((d for d in (*OTHER_DELIMITERS, ",") if d in names[0]), None)):
        shown = {"\t": "tabs", "\x01": "\\x01"}.get(mark, f"{mark!r}")
        raise UserError(
            f"{path}:{number}: the columns are divided by {shown}; write the table with commas (.csv) or tabs (.tsv)"
        )
    if len(names) == 1 and (mark := next((d for d in WIDE if _divides_names(d, names[0])), None)):
        raise UserError(
            f"{path}:{number}: the columns are divided by {mark!r}, a mark of full width; put a half-width comma (,) between"
            " them, and texts that hold one in double quotes"
        )
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{path}:{number}: two columns are named {twice!r}; rename one in the first line")


def _divides_names(mark: str, header: str) -> bool:
    """Whether the mark stands between names of columns, and isn't part of a text that took the header's place."""
    parts = [known_form(part) for part in header.split(mark)]
    return len(parts) > 1 and any(part in (*TEXTS, *LABELS) for part in parts)


class _Lines:
    """Lines that can be given back, so that reading goes on below a row that is broken."""

    def __init__(self, lines: Iterable[str]):
        self.lines = iter(lines)
        self.given_back: deque[str] = deque()
        self.number = 0
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.given_back.popleft() if self.given_back else next(self.lines)
        self.number += 1
        self.taken.append(line)
        return line

    def keep_one(self) -> str:
        """Give back all lines of the record but its first, which is returned."""
        first, *rest = self.taken
        self.given_back.extendleft(reversed(rest))
        self.number -= len(rest)
        self.taken = []
        return first


def _parsed(
    path: Path, lines: Iterable[str], delimiter: str, faults: Faults | None, *, spaced: bool = False
) -> Iterator[Parsed]:
    """CSV records, blank lines skipped; the module's limit for a field is raised while a record is parsed.

    Args:
        spaced: A space behind the delimiter belongs to it, and a quote may follow.
    """
    source = _Lines(lines)
    reader = csv.reader(source, delimiter=delimiter, strict=True, skipinitialspace=spaced)
    while True:
        start, source.taken = source.number + 1, []
        limit = csv.field_size_limit(LONGEST_LINE)
        try:
            record = next(reader, None)
        except csv.Error as error:
            what = _quote_advice(str(error), start, source.number)
            raw = source.taken[0].rstrip("\r\n") if source.taken else ""
            note(faults, BadRow(path, start, what, kind="quote", raw=raw))
            source.keep_one()
            reader = csv.reader(source, delimiter=delimiter, strict=True, skipinitialspace=spaced)
            continue
        finally:
            csv.field_size_limit(limit)
        if record is None:
            return
        if record:
            yield start, record, source.taken


def _num_faults(path: Path, lines: Iterable[str], delimiter: str, *, spaced: bool) -> int:
    """How many of the rows can't be read so."""
    found: Faults = []
    deque(_parsed(path, lines, delimiter, found, spaced=spaced), maxlen=0)
    return len(found)


def _quote_advice(error: str, start: int, end: int) -> str:
    if "field larger" in error:
        return f"a field longer than {LONGEST_LINE:,} characters; a closing quote is missing in this row"
    if "unexpected end" in error:
        return 'a quote (") opens in this row and never closes; close it, or double it inside a quoted text ("")'
    if "expected after" in error:
        lines = f" (the row runs to line {end})" if end > start else ""
        return f'text after a closing quote{lines}; put the whole text in quotes and double the quotes inside it ("")'
    return f"not CSV: {error}"


def _is_plain(again: Callable[[], Generator[str]]) -> bool:
    """Whether each line is a row, as quotes don't divide it: all lines have as many tabs as the first, or more have, less those
    that haven't, than rows have so many fields, less those that haven't, where quotes may hold tabs and ends of lines.

    Of a single column that is so where no line opens a quote that a later one closes.
    """
    tabs, even, uneven = None, 0, 0
    with closing(again()) as lines:
        for line in filter(str.strip, lines):
            number = line.count("\t")
            tabs = number if tabs is None else tabs
            even += number == tabs
            uneven += number != tabs
            if not tabs and (uneven or (line[0] == '"' and line.count('"') % 2)):
                return False
    if not uneven or tabs is None:
        return tabs is not None
    with closing(again()) as lines:
        found: Faults = []
        fits = [len(fields) == tabs + 1 for _, fields, _ in _parsed(Path(), lines, "\t", found)]
    whole, broken = sum(fits), len(found) + len(fits) - sum(fits)
    return bool(broken) and even - uneven > whole - broken


def _unquoted_tabs(lines: Iterable[str]) -> Iterator[Parsed]:
    """Lines of the same number of tabs are rows; only fields wholly in quotes lose them."""
    divided = False
    for number, line in enumerate(lines, 1):
        divided = divided or "\t" in line
        if line.strip(" \r\n" if divided else "\r\n"):
            yield number, [_unquoted(field) for field in line.rstrip("\r\n").split("\t")], [line]


def _unquoted(field: str) -> str:
    inner = field[1:-1]
    whole = len(field) > 1 and field[0] == field[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if whole else field


def _even(
    path: Path, names: Sequence[str], rows: Iterable[Parsed], delimiter: str, faults: Faults | None
) -> Iterator[Record]:
    for number, values, lines in rows:
        if not any(values):
            yield number, [""] * len(names)
        elif len(values) != len(names):
            shown = {"\t": "tab"}.get(delimiter, delimiter)
            what = (
                f"{len(values)} fields where the header has {len(names)} ({', '.join(names)});"
                f" put texts that hold {shown!r} in double quotes"
            )
            note(faults, BadRow(path, number, what, kind="fields", raw=_joined(lines)))
        elif faults is not None and len(names) > 1 and tuple(str(value).strip() for value in values) == tuple(names):
            what = "the header again; delete this line: were files joined?"
            faults.append(BadRow(path, number, what, kind="header_again", raw=_joined(lines)))
        else:
            yield number, values


def _joined(lines: Sequence[str]) -> str:
    """A record as it stands in the file."""
    return "".join(lines).rstrip("\r\n")
