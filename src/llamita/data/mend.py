"""What `data check` finds, mended where there is one right way, and set aside with a reason where there isn't."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llamita.core.task import Text
from llamita.data.check import MOJIBAKE, DataFinding
from llamita.data.copies import kept_of, same_texts
from llamita.data.read import Table
from llamita.data.text import text_key

SET_ASIDE = {
    "empty": "empty text", "encoding": "characters of a wrong encoding", "leakage": "stands in the test data",
    "near_leakage": "says nearly what a test text says",
}  # fmt: skip
"""Findings whose rows leave the data, and why."""


@dataclass(frozen=True, kw_only=True)
class Mended:
    """Which rows stay, which leave and why, and which labels are written otherwise; rows are numbered from 0."""

    kept: tuple[int, ...]
    aside: dict[int, str]
    """Row and reason."""
    labels: dict[str, str]
    """A misspelt label and what is meant."""
    texts: dict[int, str]
    """Row and text, where bytes that were once read in the wrong encoding could be read rightly."""


def mend(table: Table, findings: Sequence[DataFinding], test: Table | None = None) -> Mended:
    """Take out what spoils a model, leave everything else as it stands.

    A text that stands there again is dropped, under the label most of its copies have; where two are as common all of its rows
    are set aside, since one of them is wrong. Labels that differ by case, width or space are written as the commonest is; one
    that differs by a letter is left, since it may be meant. UTF-8 that was read as Latin-1 is read as UTF-8.
    """
    labels = {
        wrong: right for f in findings if f.kind == "label_spelling" and (wrong := f.given) and (right := f.meant)
    }
    aside: dict[int, str] = {}
    damaged = [
        row
        for f in findings
        if f.kind == "encoding"
        for row in f.rows
        if f.file in {table.source, *(table.files or ())}
    ]
    texts = {row: text for row in damaged if (text := read_again(table.texts[row])) is not None}
    for finding in findings:
        if finding.kind in SET_ASIDE and finding.file in {table.source, *(table.files or ())}:
            aside |= {
                row: SET_ASIDE[finding.kind] for row in finding.rows if finding.kind != "encoding" or row not in texts
            }
    tested = {text_key(text) for text in test.texts} if test else set()
    aside |= {row: SET_ASIDE["leakage"] for row, text in texts.items() if text_key(text) in tested}
    written = [labels.get(label, label) for label in table.labels] if table.labels else None
    for rows in same_texts([texts.get(row, text) for row, text in enumerate(table.texts)]):
        left = [row for row in rows if row not in aside]
        dropped, undecided = kept_of([left], written) if left else (set(), 0)
        reason = "the same text has different labels" if undecided else "repeats an earlier text"
        aside |= dict.fromkeys(sorted(dropped), reason)
    kept = tuple(row for row in range(len(table)) if row not in aside)
    return Mended(kept=kept, aside=dict(sorted(aside.items())), labels=labels, texts=texts)


def read_again(text: Text) -> str | None:
    """The text whose UTF-8 bytes were read as Latin-1 or Windows-1252; None where that isn't what happened."""
    if not isinstance(text, str):
        return None
    for encoding in ("cp1252", "latin-1"):
        try:
            read = text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        return read if not MOJIBAKE.search(read) else None
    return None
