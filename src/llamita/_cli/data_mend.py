"""data check --fix: the mended copy, and what was set aside beside it."""

from __future__ import annotations

import argparse
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llamita._cli.language import said
from llamita.core.errors import require
from llamita.data.columns import ROLES
from llamita.data.files import stem_of

if TYPE_CHECKING:
    from llamita.data.faults import Faults
    from llamita.data.finding import DataFinding
    from llamita.data.mend import Mended
    from llamita.data.rows import Row
    from llamita.data.table import Table


def aside_of(out: Path) -> Path:
    """Where the rows go that were set aside."""
    return out.with_name(f"{stem_of(out)}.aside{'.csv' if out.suffix.lower() == '.txt' else out.suffix}")


def write_mended(
    args: argparse.Namespace, tables: Mapping[str, Table], findings: Sequence[DataFinding], out: Path
) -> str:
    """Write the mended copy and what was set aside; what was done, in the language spoken."""
    from llamita.data.cells import rows_text
    from llamita.data.decode import encoding_among
    from llamita.data.mend import mend
    from llamita.data.passes import read_with_rows
    from llamita.data.write import write_rows

    faults: Faults = []
    encoding = encoding_among(args.file, [args.select, args.test, args.unlabelled], args.encoding)
    table = tables["train"]
    _, names, every = read_with_rows(args.file, columns=args.columns, encoding=encoding, faults=faults)
    inside = next(
        (column for column in table.columns.values() if column not in names and column.split(".")[0] in names), None
    )
    require(
        inside is None,
        f"--fix writes columns, and {inside} stands inside objects; write it as a column of its own first",
    )
    done = mend(table, findings, tables.get("test"), strays=_rows_of_lines(table, faults))
    aside, lost = aside_of(out), [fault for fault in faults if fault.raw]
    if done.aside or lost:
        more = tuple(name + "_" * (name in names) for name in ("line", "reason"))
        write_rows(aside, (*more, *names), _held(done, every, lost, len(names)), args.file)
    try:
        write_rows(out, names, _rewritten(done, table, names, every), args.file)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    changed = sum(label in done.labels for label in table.labels or ())
    mended = sum(row in done.texts for row in done.kept)
    put = len(done.aside) + len(lost)
    told = said(f"written: {out}, {rows_text(len(done.kept))}")
    told += said(f"; {aside}, {rows_text(put)} set aside" if put else "; nothing was set aside")
    told += said(f"; {rows_text(changed)} with a label written anew") if changed else ""
    return told + (said(f"; {rows_text(mended)} with a text mended") if mended else "")


def _rows_of_lines(table: Table, faults: Faults) -> dict[int, str]:
    """The rows that hold a line which was read somehow, and why that isn't good enough."""
    found, lost = {}, sorted(fault.line for fault in faults if fault.raw is not None)
    for fault in faults:
        if fault.raw is not None or fault.kind not in ("bytes", "nul"):
            continue
        row, before = bisect_right(table.lines, fault.line) - 1, bisect_right(lost, fault.line) - 1
        if row >= 0 and (before < 0 or lost[before] <= table.lines[row]):  # else it is the lost row's
            found[row] = fault.message
    return found


def _held(done: Mended, every: Sequence[Row], lost: Faults, width: int) -> Iterator[Row]:
    """What was set aside, in the order of the file: line, reason and the row; of one that can't be read all in one field."""
    held = [(line, done.aside[i], values) for i, (line, values) in enumerate(every) if i in done.aside]
    held += [(fault.line, fault.message, [fault.raw, *[""] * (width - 1)]) for fault in lost]
    for line, reason, values in sorted(held, key=lambda one: one[0]):
        yield line, (line, said(reason), *values)


def _rewritten(done: Mended, table: Table, names: Sequence[str], every: Sequence[Row]) -> Iterator[Row]:
    """The rows that stay, with their texts and labels mended."""
    place = {role: names.index(table.columns[role]) for role in ROLES if role in table.columns}
    kept = set(done.kept)
    for row, (number, values) in enumerate(every):
        if row not in kept:
            continue
        new: list[Any] = list(values)
        if (at := place.get("label")) is not None and not isinstance(values[at], list):
            said = values[at].strip() if isinstance(values[at], str) else values[at]
            new[at] = done.labels.get(said, said)
        if row in done.texts:
            mended = done.texts[row]
            for role, part in zip(("text", "pair"), (mended,) if isinstance(mended, str) else mended, strict=False):
                new[place[role]] = part
        yield number, new
