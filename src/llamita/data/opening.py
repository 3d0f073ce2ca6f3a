"""Rows of a file: CSV, TSV, JSONL, JSON, Parquet or plain text, one at a time, each with its line."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from llamita.core.errors import UserError, first_line
from llamita.data.decode import LONGEST_LINE, existing_file, text_lines
from llamita.data.delimited import delimited_rows
from llamita.data.faults import Faults
from llamita.data.files import FORMATS, PIPED, STDIN, format_of
from llamita.data.on_disk import TextsOnDisk
from llamita.data.records import json_rows, object_lines
from llamita.data.rows import Row, Rows, require_different

LOOKED_AT = 200
"""Lines of plain text by which a table is told from it."""


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
        return json_rows(path, lines, every_key, faults)

    def again() -> Generator[str]:
        return text_lines(path, encoding, LONGEST_LINE, None if faults is None else [])

    if suffix in (".jsonl", ".ndjson"):
        return object_lines(path, lines, again, every_key, faults)
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
        return json_rows(PIPED, whole, every_key, faults)
    objects, tabs = first.startswith("{"), "\t" in first and "," not in first
    again: Callable[[], Generator[str]] | None = None
    if every_key is True if objects else tabs:
        kept = lines if isinstance(lines, TextsOnDisk) else TextsOnDisk(whole)
        whole, again = iter(kept), kept.__iter__
    if objects:
        return object_lines(PIPED, whole, again, every_key, faults)
    return _delimited(PIPED, whole, again, tabs=tabs, empty_rows=empty_rows, faults=faults)


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
