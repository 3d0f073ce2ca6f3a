"""Rows of a file: CSV, TSV, JSONL, JSON, Parquet or plain text, one at a time, each with its line."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from llamita.core.errors import UserError, first_line
from llamita.data.decode import LONGEST_LINE, existing_file, lines_of_stream, text_lines
from llamita.data.files import FORMATS, PIPED, STDIN, format_of

Row = tuple[int, Sequence[Any]]
"""1-based line where the row starts, and one value per column."""
MISSING = object()
"""Stands for a key that an object lacks."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A table on its way in."""

    names: tuple[str, ...]
    rows: Iterator[Row]
    first_line: int = 1
    """Where the names stand."""
    headed: bool = True
    """Whether the names come from the file."""


def open_rows(path: Path, encoding: str | None = None, *, same_keys: bool = False) -> Rows:
    """Start reading a file in the format its name ends with.

    Args:
        same_keys: Refuse an object with a key that the first one lacks, for who must lose none.
    """
    if path == STDIN:
        return _piped(lines_of_stream(sys.stdin.buffer, PIPED, encoding), same_keys)
    existing_file(path)
    suffix = format_of(path)
    if suffix == ".parquet" and path.suffix.lower() == suffix:
        return _parquet(path)
    if suffix not in FORMATS or suffix == ".parquet":
        advice = " Save the sheet as CSV (UTF-8)." if suffix.startswith((".xls", ".ods", ".num")) else ""
        raise UserError(
            f"{path}: can't read {path.suffix.lower() or 'a file without an ending'}; allowed: {', '.join(FORMATS)}, also"
            f" packed as .gz or .zst.{advice}"
        )
    lines = text_lines(path, encoding, 1 << 31 if suffix == ".json" else LONGEST_LINE)
    if suffix == ".txt":
        return Rows(names=("text",), rows=_plain(lines), headed=False)
    if suffix == ".json":
        return _json(path, lines, same_keys)
    if suffix in (".jsonl", ".ndjson"):
        return _records(path, _json_lines(path, lines), same_keys)
    return _delimited(path, lines, tabs=suffix in (".tsv", ".tab"))


def _piped(lines: Iterator[str], same_keys: bool) -> Rows:
    """Standard input: objects one a line, a list of them, or a table with a header."""
    start: list[str] = []
    for line in lines:
        start.append(line)
        if line.strip():
            break
    first = start[-1].lstrip() if start and start[-1].strip() else ""
    if not first:
        raise UserError("nothing came from standard input; pipe a table in: … | llamita data check -")
    lines = chain(start, lines)
    if first.startswith("["):
        return _json(PIPED, lines, same_keys)
    if first.startswith("{"):
        return _records(PIPED, _json_lines(PIPED, lines), same_keys)
    return _delimited(PIPED, lines, tabs="\t" in first and "," not in first)


def _plain(lines: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if text := line.strip("\r\n"):
            yield number, (text,)


def _delimited(path: Path, lines: Iterator[str], *, tabs: bool) -> Rows:
    start = list(islice(lines, 1000))
    first = next((line for line in start if line.strip()), "")
    delimiter = "\t" if tabs else next((d for d in ",;\t" if d in first), ",")
    if tabs and (listed := [*start, *lines]) and _is_plain(listed):
        rows = _unquoted_tabs(listed)
    else:
        rows = _parsed(path, chain(listed if tabs else start, lines), delimiter)
    number, header = next(rows, (1, ()))
    names = tuple(str(name).strip() for name in header)
    if not any(names):
        raise UserError(f"{path} holds only blank lines; it needs a header and at least one row")
    if any(len(name) > 60 for name in names):
        raise UserError(
            f"{path}:{number}: no header: the first row looks like data; add a first line such as text,label"
        )
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{path}:{number}: two columns are named {twice!r}; rename one in the first line")
    return Rows(names=names, rows=_even(path, names, rows, delimiter), first_line=number)


def _parsed(path: Path, lines: Iterable[str], delimiter: str) -> Iterator[Row]:
    """CSV records, blank lines skipped; the module's limit for a field is raised while a record is parsed."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        start = reader.line_num + 1
        limit = csv.field_size_limit(LONGEST_LINE)
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise UserError(f"{path}:{start}: {_quote_advice(str(error), start, reader.line_num)}") from None
        finally:
            csv.field_size_limit(limit)
        if record is None:
            return
        if any(record):
            yield start, record


def _quote_advice(error: str, start: int, end: int) -> str:
    if "field larger" in error:
        return f"a field longer than {LONGEST_LINE:,} characters; a closing quote is missing in this row"
    if "unexpected end" in error:
        return 'a quote (") opens in this row and never closes; close it, or double it inside a quoted text ("")'
    if "expected after" in error:
        lines = f" (the row runs to line {end})" if end > start else ""
        return f'text after a closing quote{lines}; put the whole text in quotes and double the quotes inside it ("")'
    return f"not CSV: {error}"


def _is_plain(lines: Iterable[str]) -> bool:
    """Whether each line is a row: all have as many tabs, and, of a single column, none opens a quote that a later one closes."""
    filled = [line for line in lines if line.strip()]
    tabs = {line.count("\t") for line in filled}
    return len(tabs) == 1 and (tabs != {0} or all(line.count('"') % 2 == 0 for line in filled if line.startswith('"')))


def _unquoted_tabs(lines: Iterable[str]) -> Iterator[Row]:
    """Lines of the same number of tabs are rows; only fields wholly in quotes lose them."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, [_unquoted(field) for field in line.rstrip("\r\n").split("\t")]


def _unquoted(field: str) -> str:
    inner = field[1:-1]
    whole = len(field) > 1 and field[0] == field[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if whole else field


def _even(path: Path, names: Sequence[str], rows: Iterable[Row], delimiter: str) -> Iterator[Row]:
    for number, values in rows:
        if len(values) != len(names):
            shown = {"\t": "tab"}.get(delimiter, delimiter)
            raise UserError(
                f"{path}:{number}: {len(values)} fields where the header has {len(names)} ({', '.join(names)});"
                f" put texts that hold {shown!r} in double quotes"
            )
        yield number, values


def _json_lines(path: Path, lines: Iterable[str]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise UserError(
                f"{path}:{number}: not JSON ({error}); each line holds one object such as {EXAMPLE}"
            ) from None


EXAMPLE = '{"text": "…", "label": "…"}'


def _json(path: Path, lines: Iterable[str], same_keys: bool) -> Rows:
    text = "".join(lines)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        hint = " One object a line? Then name the file .jsonl." if error.msg == "Extra data" else ""
        raise UserError(f"{path}:{error.lineno}: not JSON: {error.msg} at column {error.colno}.{hint}") from None
    except RecursionError:
        raise UserError(f"{path}: nested too deeply; expected a list of objects such as [{EXAMPLE}]") from None
    if isinstance(data, Mapping) and isinstance(data.get("data"), list):
        data = data["data"]
        return _records(path, enumerate(data, 1), same_keys)
    if isinstance(data, Mapping) and data and all(isinstance(v, list) for v in data.values()):
        if len({len(v) for v in data.values()}) > 1:
            raise UserError(
                f"{path}: its columns have different lengths: {', '.join(f'{k} {len(v)}' for k, v in data.items())}"
            )
        names = tuple(str(k) for k in data)
        return Rows(names=names, rows=enumerate(zip(*data.values(), strict=True), 1))
    if not isinstance(data, list):
        raise UserError(f"{path}: expected a list of objects such as [{EXAMPLE}], got {type(data).__name__}")
    return _records(path, zip(_starts(text), data, strict=True), same_keys)


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


def _records(path: Path, records: Iterable[tuple[int, Any]], same_keys: bool) -> Rows:
    """Objects with the keys of the first one."""
    records = iter(records)
    first = next(records, None)
    if first is None:
        raise UserError(f"{path} holds no rows")
    if not isinstance(first[1], Mapping) or not first[1]:
        if isinstance(first[1], str):
            return Rows(names=("text",), rows=((n, (r,)) for n, r in chain([first], records)), headed=False)
        raise UserError(f"{path}:{first[0]}: expected an object such as {EXAMPLE}, got {type(first[1]).__name__}")
    names = tuple(str(key) for key in first[1])

    def values() -> Iterator[Row]:
        for number, record in chain([first], records):
            if not isinstance(record, Mapping):
                raise UserError(f"{path}:{number}: expected an object such as {EXAMPLE}, got {type(record).__name__}")
            if same_keys and (new := next((key for key in record if str(key) not in names), None)) is not None:
                raise UserError(
                    f"{path}:{number}: this object has {new!r}, which the first one lacks; give the first one that key, too"
                )
            yield number, [record.get(name, MISSING) for name in names]

    return Rows(names=names, rows=values(), first_line=first[0])


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

    def values() -> Iterator[Row]:
        number = 0
        for batch in table.iter_batches(batch_size=1024):
            for record in batch.to_pylist():
                number += 1
                yield number, [record[name] for name in names]

    return Rows(names=names, rows=values())
