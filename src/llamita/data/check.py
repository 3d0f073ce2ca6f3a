"""The data doctor: what in the files would spoil a model or its measurement, with line and remedy.

Each kind of check has a file of its own: characters, lengths, labels, copies, manner; this one puts them together.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from llamita.core.encoding import TextEncoder
from llamita.data.cells import rows_text
from llamita.data.characters import damaged
from llamita.data.columns import LABELS, PAIRS, TEXTS, known_form
from llamita.data.copies import near_pairs, same_texts
from llamita.data.dialogues import as_said
from llamita.data.faults import BadRow, Faults
from llamita.data.finding import SHOWN_LINES, DataFinding, Severity, found_in, place
from llamita.data.labels import labels_found, labels_of_test
from llamita.data.lengths import lengths_found
from llamita.data.manner import written_otherwise
from llamita.data.read import read_table
from llamita.data.table import Table
from llamita.data.text import is_empty, reading_key, text_key

WRONG_LABELS = ("empty_label", "label_spelling", "swapped")
"""Findings whose labels no test file need have."""
APART = (("train", "test"), ("train", "select"), ("select", "test"), ("unlabelled", "test"))
"""Splits of which the first shall say nothing of what the second asks."""


def check(
    train: Any,
    test: Any = None,
    unlabelled: Any = None,
    *,
    select: Any = None,
    max_length: int | None = None,
    encoder: TextEncoder | None = None,
    allow_leakage: bool = False,
    likeness: float | None = None,
) -> list[DataFinding]:
    """Everything found in the splits, errors first.

    Args:
        train: A `Table`, or anything `read_table` takes, such as a DataFrame or (texts, labels); so are the others.
        select: Texts for choices and early stopping.
        max_length: Tokens a text is cut to; needs an encoder, whose own limit is taken when this is None.
        encoder: Counts tokens; without it only texts of very many characters are called over-long.
        likeness: Also look for near copies, texts with at least this share of their character n-grams in common.
        allow_leakage: Make texts that training and test share a warning, not an error.
    """
    found: list[DataFinding] = []
    train = read_table(train)
    test, unlabelled, select = (None if given is None else read_table(given) for given in (test, unlabelled, select))
    for table in (train, select, test, unlabelled):
        if table is not None:
            said = as_said(table)
            found += [*lengths_found(said, encoder, max_length), *damaged(said), *_header(table)]
    found += [*_copies(train), *labels_found(train)]
    own = {train.source, *(train.files or ())}
    wrong = {row for f in found if f.kind in WRONG_LABELS and f.file in own for row in f.rows}
    if select is not None:
        found += [*_copies(select), *_leakage(train, select, True), *labels_of_test(train, select, wrong)]
    if test is not None:
        found += [*_copies(test), *_leakage(train, test, allow_leakage), *labels_of_test(train, test, wrong)]
        found += written_otherwise(train, test)
        for other in (select, unlabelled):
            if other is not None:
                found += _leakage(other, test, True)
    if likeness is not None:
        tables = {"train": train, "select": select, "test": test, "unlabelled": unlabelled}
        found += _near(tables, likeness)
    return by_severity(found)


def by_severity(found: list[DataFinding]) -> list[DataFinding]:
    """Errors first."""
    order = {"error": 0, "warning": 1, "info": 2}
    return sorted(found, key=lambda finding: order[finding.severity])


def faults_found(faults: Faults) -> list[DataFinding]:
    """The rows that couldn't be read, one finding for each kind and file."""
    groups: dict[tuple[str, str], list[BadRow]] = defaultdict(list)
    for fault in faults:
        groups[fault.file, fault.kind].append(fault)
    found = []
    for (file, kind), group in groups.items():
        severity: Severity = "warning" if kind in ("empty_row", "header", "header_again") else "error"
        message = group[0].message if len(group) == 1 else f"{rows_text(len(group))} such as this: {group[0].message}"
        lines = tuple(dict.fromkeys(fault.line for fault in group))[:SHOWN_LINES]
        found.append(
            DataFinding(
                kind=kind, severity=severity, file=file, line=lines[0], lines=lines, message=message,
                remedy=group[0].remedy or "mend the row or take it out", count=len(group),
            )
        )  # fmt: skip
    return found


def leaking_rows(train: Table, test: Table) -> list[int]:
    """Indices of the training rows whose text also stands in another split."""
    known = {reading_key(text) for text in test.texts}
    return [i for i, text in enumerate(train.texts) if reading_key(text) in known and _says_something(text_key(text))]


def _says_something(key: str) -> bool:
    return any(not is_empty(part) for part in key.split("\x1f"))


def _header(table: Table) -> Iterator[DataFinding]:
    """A column that was found by what stands in it, whose name nearly is one that means what it holds."""
    if table.source == "list" or table.files:
        return
    known = {"text": TEXTS, "label": LABELS, "pair": tuple(name for pair in PAIRS for name in pair)}
    for role, column in table.columns.items():
        if role not in known:
            continue
        written = known_form(column)
        near = next((name for name in known[role] if _is_slip(written, name)), None)
        if near is not None and written not in known[role]:
            message = f"column {column!r} is taken for the {role}; its name looks like {near!r} misspelt"
            finding = found_in(
                table, [], "header", "warning", message, f"rename it, or say so: --columns {role}={column}"
            )
            yield replace(finding, line=1, lines=(1,), count=1)


def _is_slip(name: str, meant: str) -> bool:
    """Whether a name is a known one with two letters exchanged, one left out, one doubled or one wrong."""
    if name == meant or len(meant) < 4 or abs(len(name) - len(meant)) > 1 or name == meant + "s":
        return False
    if len(name) == len(meant):
        wrong = [i for i, (a, b) in enumerate(zip(name, meant, strict=True)) if a != b]
        exchanged = len(wrong) == 2 and wrong[1] == wrong[0] + 1 and name[wrong[0]] == meant[wrong[1]]
        return (exchanged and sorted(name) == sorted(meant)) or (len(wrong) == 1 and len(meant) > 4)
    long, short = (name, meant) if len(name) > len(meant) else (meant, name)
    return re.sub(r"\d+$", "", long) != short and any(long[:i] + long[i + 1 :] == short for i in range(len(long)))


def _near(tables: Mapping[str, Table | None], likeness: float) -> Iterator[DataFinding]:
    """Texts that are nearly, but not wholly, like an earlier one in training, or like one of another split."""
    given = {name: table for name, table in tables.items() if table is not None}
    keys = {name: [reading_key(text) for text in table.texts] for name, table in given.items()}
    every = [key for own in keys.values() for key in own]
    alike: dict[str, set[str]] = defaultdict(set)
    for one, other in near_pairs([text for table in given.values() for text in table.texts], likeness, reading_key):
        alike[every[one]].add(every[other])
        alike[every[other]].add(every[one])
    for one, other in APART:
        if one in given and other in given:
            yield from _near_leakage(given[one], keys[one], given[other], keys[other], alike)
    seen: set[str] = set()
    again: list[int] = []
    for i, key in enumerate(keys["train"]):
        again += [i] if key not in seen and alike[key] & seen else []
        seen.add(key)
    if again:
        message = f"{rows_text(len(again))} that nearly repeat an earlier text"
        remedy = "keep one of each: llamita data dedup FILE --out NEW"
        yield found_in(given["train"], again, "near_duplicate", "info", message, remedy)


def _near_leakage(
    table: Table, keys: Sequence[str], other: Table, others: Sequence[str], alike: Mapping[str, set[str]]
) -> Iterator[DataFinding]:
    """Texts that say nearly what one of another split says; copies of one are told elsewhere."""
    places = {key: row for row, key in reversed(list(enumerate(others)))}
    twins = {
        row: min(places[near] for near in alike.get(key, ()) if near in places)
        for row, key in enumerate(keys)
        if key not in places and not alike.get(key, set()).isdisjoint(places)
    }
    if twins:
        rows = list(twins)
        first = f"first: much like {place(other, twins[rows[0]])} of {other.source}"
        message = f"{rows_text(len(rows))} that say nearly what a text of {other.source} says ({first})"
        remedy = "take them out here, or the score is too good"
        yield found_in(table, rows, "near_leakage", "warning", message, remedy)


def _copies(table: Table) -> Iterator[DataFinding]:
    """The same text again: under the same label (duplicate) or under another (conflict)."""
    groups = same_texts(table.texts, reading_key)
    copies = [rows for rows in groups if _says_something(text_key(table.texts[rows[0]]))]
    labels = table.compared_labels() or [""] * len(table)
    clashing = [rows for rows in copies if len({labels[i] for i in rows}) > 1]
    if clashing:
        first = clashing[0]
        other = next(i for i in first if labels[i] != labels[first[0]])
        places = f"{place(table, first[0])} and {place(table, other)}"
        where = f"{places}: {labels[first[0]]!r} and {labels[other]!r}"
        number = f"{len(clashing):,} text{'s' * (len(clashing) > 1)}"
        message = f"{number} under different labels (first: {where})"
        rows = [rows[0] for rows in clashing]
        yield found_in(table, rows, "conflict", "warning", message, "decide which label is right")
    repeated = [i for rows in copies for i in rows[1:] if labels[i] == labels[rows[0]]]
    if repeated:
        severity: Severity = "warning" if len(repeated) > len(table) // 20 else "info"
        message = f"{rows_text(len(repeated))} that repeat an earlier text and label"
        remedy = "keep one of each, unless they are meant"
        yield found_in(table, sorted(repeated), "duplicate", severity, message, remedy)


def _leakage(train: Table, test: Table, allowed: bool) -> Iterator[DataFinding]:
    rows = leaking_rows(train, test)
    if rows:
        seen: dict[str, int] = {}
        for i, text in enumerate(test.texts):
            seen.setdefault(reading_key(text), i)
        twin = seen[reading_key(train.texts[rows[0]])]
        message = f"{rows_text(len(rows))} whose text also stands in {test.source} (first: its {place(test, twin)})"
        remedy = "take them out of the training data: a score on texts seen in training says nothing"
        yield found_in(train, rows, "leakage", "warning" if allowed else "error", message, remedy)
