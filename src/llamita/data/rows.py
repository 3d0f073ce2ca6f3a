"""Rows of a file: CSV, TSV, JSONL, JSON, Parquet or plain text, one at a time, each with its line."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from llamita.core.errors import UserError, first_line
from llamita.data.columns import LABELS, TEXTS, known_form
from llamita.data.decode import LONGEST_LINE, existing_file, text_lines
from llamita.data.delimited import delimited_rows
from llamita.data.faults import BadRow, Faults, note
from llamita.data.files import FORMATS, PIPED, STDIN, format_of
from llamita.data.on_disk import TextsOnDisk

Row = tuple[int, Sequence[Any]]
"""1-based line where the row starts, and one value per column."""
MISSING = object()
"""Stands for a key that an object lacks."""
LOOKED_AT = 200
"""Lines of plain text by which a table is told from it."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A table on its way in."""

    names: tuple[str, ...]
    """Of the columns; of objects the keys of the first one, then those that others add."""
    rows: Iterator[Row]
    first_line: int = 1
    """Where the names stand."""
    headed: bool = True
    """Whether the names come from the file."""
    in_a_line: bool = False
    """Whether they are a line of a delimited table, which may be a row in truth."""
    added: int = 0
    """How many of the names, the last ones, the first object lacks; texts and labels are not looked for in them."""


def require_different(source: Path | str, names: Sequence[str]) -> None:
    """Refuse two columns of one name, of which only one would be read."""
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise UserError(f"{source}: two columns are named {twice!r}; rename one")


def open_rows(
    path: Path, encoding: str | None = None, *, every_key: bool | Sequence[str] = False, empty_rows: bool = False,
    faults: Faults | None = None,
) -> Rows:  # fmt: skip
    """Start reading a file in the format its name ends with.

    Args:
        every_key: Of objects also give the keys that the first one lacks, for who must lose none; all are looked at first,
            unless they are given here as they were found before.
        empty_rows: Also give rows of a delimited table whose cells are all empty, for whoever must keep every row's place.
        faults: Collects rows that can't be read, which are left out; without it the first is refused.
    """
    if path == STDIN:
        return piped_rows(text_lines(STDIN, encoding, faults=faults), every_key, empty_rows=empty_rows, faults=faults)
    existing_file(path)
    suffix = format_of(path)
    if suffix == ".parquet":
        if path.suffix.lower() != suffix:
            raise UserError(
                f"{path}: a Parquet file is packed already; unpack it (gzip -d, zstd -d) and name the .parquet"
            )
        return _parquet(path)
    if suffix not in FORMATS:
        advice = " Save the sheet as CSV (UTF-8)." if suffix.startswith((".xls", ".ods", ".num")) else ""
        raise UserError(
            f"{path}: can't read {path.suffix.lower() or 'a file without an ending'}; allowed: {', '.join(FORMATS)}, also"
            f" packed as .gz or .zst.{advice}"
        )
    lines = text_lines(path, encoding, 1 << 31 if suffix == ".json" else LONGEST_LINE, faults)
    if suffix == ".txt":
        return Rows(names=("text",), rows=_plain(_no_table(path, lines)), headed=False)
    if suffix == ".json":
        return _json(path, lines, every_key, faults)

    def again() -> Generator[str]:
        return text_lines(path, encoding, LONGEST_LINE, None if faults is None else [])

    if suffix in (".jsonl", ".ndjson"):
        return _object_lines(path, lines, again, every_key, faults)
    tabs = suffix in (".tsv", ".tab")
    return _delimited(path, lines, again, tabs=tabs, empty_rows=empty_rows, faults=faults)


def piped_rows(
    lines: Iterable[str],
    every_key: bool | Sequence[str] = False,
    *,
    empty_rows: bool = False,
    faults: Faults | None = None,
) -> Rows:
    """Standard input: objects one a line, a list of them, or a table with a header; what must be read twice is put on disk."""
    start: list[str] = []
    stream = iter(lines)
    for line in stream:
        start.append(line)
        if line.strip():
            break
    first = start[-1].lstrip() if start and start[-1].strip() else ""
    if not first:
        raise UserError("nothing came from standard input; pipe a table in: … | llamita data check -")
    whole = chain(start, stream)
    if first.startswith("["):
        return _json(PIPED, whole, every_key, faults)
    objects, tabs = first.startswith("{"), "\t" in first and "," not in first
    again: Callable[[], Generator[str]] | None = None
    if every_key is True if objects else tabs:
        kept = lines if isinstance(lines, TextsOnDisk) else TextsOnDisk(whole)
        whole, again = iter(kept), kept.__iter__
    if objects:
        return _object_lines(PIPED, whole, again, every_key, faults)
    return _delimited(PIPED, whole, again, tabs=tabs, empty_rows=empty_rows, faults=faults)


def _object_lines(
    path: Path, lines: Iterable[str], again: Callable[[], Generator[str]] | None, every_key: bool | Sequence[str],
    faults: Faults | None,
) -> Rows:  # fmt: skip
    """Objects one a line; where every key is wanted all are read for their keys first."""
    more: Iterable[str] = ()
    if every_key is True and again is not None:
        found = _json_lines(path, again(), None if faults is None else [])
        more = _keys(record for _, record in found)
    elif isinstance(every_key, Sequence):
        more = every_key
    return _records(path, _json_lines(path, lines, faults), more, faults)


def _keys(records: Iterable[Any]) -> Iterator[str]:
    return (str(key) for record in records if isinstance(record, Mapping) for key in record)


def _delimited(
    path: Path, lines: Iterator[str], again: Callable[[], Generator[str]] | None, *, tabs: bool, empty_rows: bool,
    faults: Faults | None,
) -> Rows:  # fmt: skip
    names, number, rows = delimited_rows(path, lines, tabs=tabs, empty_rows=empty_rows, faults=faults, again=again)
    return Rows(names=names, rows=rows, first_line=number, in_a_line=True)


def _no_table(path: Path, lines: Iterator[str]) -> Iterator[str]:
    """The lines, unless all have as many tabs: a table that a spreadsheet saved as text, whose labels would stand in the texts."""
    start = list(islice(lines, LOOKED_AT))
    tabs = {line.count("\t") for line in start if line.strip()}
    if len(start) > 1 and len(tabs) == 1 and (number := tabs.pop()):
        raise UserError(
            f"{path}: every line has {number + 1} parts with tabs between, as a table has; name it .tsv, with the names of the"
            " columns in the first line, such as text and label"
        )
    return chain(start, lines)


def _plain(lines: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if text := line.strip("\r\n"):
            yield number, (text,)


def _json_lines(path: Path, lines: Iterable[str], faults: Faults | None) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line, object_pairs_hook=_each_key_once)
        except _KeyTwice as error:
            what = f"the key {error.key!r} stands twice in one object; leave one out"
            note(faults, BadRow(path, number, what, kind="json", raw=line.rstrip("\r\n")))
        except (ValueError, RecursionError) as error:
            what = f"not JSON ({error}); each line holds one object such as {EXAMPLE}"
            note(faults, BadRow(path, number, what, kind="json", raw=line.rstrip("\r\n")))


EXAMPLE = '{"text": "…", "label": "…"}'


class _KeyTwice(ValueError):
    """An object has this key twice, of which one would be lost."""

    def __init__(self, key: str):
        super().__init__(key)
        self.key = key


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, whose keys must differ."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _KeyTwice(next(key for key in found if keys.count(key) > 1))
    return found


def _json(path: Path, lines: Iterable[str], every_key: bool | Sequence[str], faults: Faults | None) -> Rows:
    text = "".join(lines)
    try:
        data = json.loads(text, object_pairs_hook=_each_key_once)
    except _KeyTwice as error:
        raise UserError(f"{path}: the key {error.key!r} stands twice in one object; leave one out") from None
    except json.JSONDecodeError as error:
        hint = " One object a line? Then name the file .jsonl." if error.msg == "Extra data" else ""
        raise UserError(f"{path}:{error.lineno}: not JSON: {error.msg} at column {error.colno}.{hint}") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON: {error}") from None
    except RecursionError:
        raise UserError(f"{path}: nested too deeply; expected a list of objects such as [{EXAMPLE}]") from None
    if isinstance(data, Mapping) and isinstance(data.get("data"), list):
        data = data["data"]
        return _records(path, enumerate(data, 1), _keys(data) if every_key else (), faults)
    if isinstance(data, Mapping) and (written := as_pandas_writes(data)) is not None:
        return written
    if isinstance(data, Mapping) and data and all(isinstance(v, list) for v in data.values()):
        if len({len(v) for v in data.values()}) > 1:
            raise UserError(
                f"{path}: its columns have different lengths: {', '.join(f'{k} {len(v)}' for k, v in data.items())}"
            )
        names = tuple(str(k) for k in data)
        return Rows(names=names, rows=enumerate(zip(*data.values(), strict=True), 1))
    if not isinstance(data, list):
        raise UserError(f"{path}: expected a list of objects such as [{EXAMPLE}], got {type(data).__name__}")
    return _records(path, zip(_starts(text), data, strict=True), _keys(data) if every_key else (), faults)


def as_pandas_writes(data: Mapping[Any, Any]) -> Rows | None:
    """Rows of a dict of dicts as `DataFrame.to_json` and `to_dict` make it, a column or a row each; None of any other.

    Rows are told from columns by their numbers, or, where the index has names, by columns that are called what texts or labels are.
    """
    inner = list(data.values())
    if not inner or not all(isinstance(one, Mapping) and one and list(one) == list(inner[0]) for one in inner):
        return None
    by_row, by_column = (all(str(key).isdecimal() for key in keys) for keys in (data, inner[0]))
    if not (by_row or by_column):
        by_column, by_row = (
            any(known_form(str(key)) in (*TEXTS, *LABELS) for key in keys) for keys in (data, inner[0])
        )
    if by_row == by_column:
        return None
    if by_row:
        return Rows(names=tuple(map(str, inner[0])), rows=enumerate((list(one.values()) for one in inner), 1))
    return Rows(names=tuple(map(str, data)), rows=enumerate(zip(*(one.values() for one in inner), strict=True), 1))


def _starts(text: str) -> Iterator[int]:
    """The line where each item of a JSON list begins."""
    decoder, at, line, seen = json.JSONDecoder(), text.index("[") + 1, 1, 0
    while True:
        while text[at] in " \t\r\n,":
            at += 1
        if text[at] == "]":
            return
        line += text.count("\n", seen, at)
        seen = at
        yield line
        at = decoder.raw_decode(text, at)[1]


def _records(path: Path, records: Iterable[tuple[int, Any]], more: Iterable[str], faults: Faults | None) -> Rows:
    """Objects with the keys of the first one, and more of them."""
    records = iter(records)
    first = next(records, None)
    if first is None:
        raise UserError(f"{path} holds no rows")
    if not isinstance(first[1], Mapping) or not first[1]:
        if isinstance(first[1], str):
            return Rows(names=("text",), rows=((n, (r,)) for n, r in chain([first], records)), headed=False)
        raise UserError(f"{path}:{first[0]}: expected an object such as {EXAMPLE}, got {type(first[1]).__name__}")
    own = tuple(str(key) for key in first[1])
    names = tuple(dict.fromkeys(chain(own, more)))

    def values() -> Iterator[Row]:
        for number, record in chain([first], records):
            if not isinstance(record, Mapping):
                what = f"expected an object such as {EXAMPLE}, got {type(record).__name__}"
                note(faults, BadRow(path, number, what, kind="json", raw=str(record)))
                continue
            yield number, [record.get(name, MISSING) for name in names]

    return Rows(names=names, rows=values(), first_line=first[0], added=len(names) - len(own))


def _batches(path: Path, table: Any) -> Iterator[Any]:
    import pyarrow

    try:
        yield from table.iter_batches(batch_size=1024)
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path} is damaged: {first_line(error)}; copy or make it again") from None


def _parquet(path: Path) -> Rows:
    try:
        import pyarrow.parquet
    except ImportError:
        raise UserError(f"reading {path} needs pyarrow: pip install 'llamita[train]' (or save it as CSV)") from None
    try:
        table = pyarrow.parquet.ParquetFile(str(path))
    except pyarrow.ArrowException as error:
        raise UserError(f"{path} is not a Parquet file: {first_line(error)}") from None
    names = tuple(table.schema_arrow.names)
    require_different(path, names)

    def values() -> Iterator[Row]:
        number = 0
        for batch in _batches(path, table):
            for record in batch.to_pylist():
                number += 1
                yield number, [record[name] for name in names]

    return Rows(names=names, rows=values())
