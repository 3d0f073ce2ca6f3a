"""What `data check` finds, mended where there is one right way, and set aside with a reason where there isn't."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from llamita.core.task import Text, parts_of
from llamita.data.characters import CONTROL, INVISIBLE, MARKUP, MOJIBAKE
from llamita.data.copies import kept_of, same_texts
from llamita.data.finding import DataFinding
from llamita.data.misread import chinese_meant
from llamita.data.table import Table
from llamita.data.text import is_empty, reading_key

SET_ASIDE = {
    "empty": "empty text", "encoding": "characters of a wrong encoding", "leakage": "stands in another split",
    "near_leakage": "says nearly what a text of another split says", "nothing_said": "a word for nothing",
    "spreadsheet": "changed by a spreadsheet", "number": "only a number", "swapped": "text and label exchanged",
    "empty_label": "no label",
}  # fmt: skip
"""Findings whose rows leave the data, and why."""
CLEANED = ("control", "invisible", "markup", "decomposed")
"""Findings whose texts are written anew."""


@dataclass(frozen=True, kw_only=True)
class Mended:
    """Which rows stay, which leave and why, and which labels are written otherwise; rows are numbered from 0."""

    kept: tuple[int, ...]
    aside: dict[int, str]
    """Row and reason."""
    labels: dict[str, str]
    """A misspelt label and what is meant."""
    texts: dict[int, Text] = field(default_factory=dict)
    """Row and text, where a text could be mended."""


def mend(
    table: Table, findings: Sequence[DataFinding], test: Table | None = None, *, strays: Mapping[int, str] | None = None
) -> Mended:
    """Take out what spoils a model, leave everything else as it stands.

    A text that stands there again is dropped, under the label most of its copies have; where two labels are as common all
    of its rows are set aside, since one of them is wrong. Labels that differ by case, width or space, or in being
    traditional Chinese, are written as the commonest is; one that differs by a letter is left, since it may be meant. UTF-8
    that was read as Latin-1, and Chinese that was read in another encoding, is read rightly; control and invisible
    characters and HTML are taken out.

    Args:
        strays: Rows that are to be set aside for another reason.
    """
    labels = {
        wrong: right for f in findings if f.kind == "label_spelling" and (wrong := f.given) and (right := f.meant)
    }
    own = [f for f in findings if f.file in {table.source, *(table.files or ())}]
    texts = _mended_texts(table, own)
    aside: dict[int, str] = dict(strays or {})
    for finding in own:
        if finding.kind in SET_ASIDE:
            rows = [row for row in finding.rows if finding.kind != "encoding" or row not in texts]
            aside |= dict.fromkeys(rows, SET_ASIDE[finding.kind])
    tested = {reading_key(text) for text in test.texts} if test else set()
    aside |= {row: SET_ASIDE["empty"] for row, text in texts.items() if any(map(is_empty, parts_of(text)))}
    aside |= {row: SET_ASIDE["leakage"] for row, text in texts.items() if reading_key(text) in tested}
    compared = table.compared_labels()
    written = [labels.get(label, label) for label in compared] if compared else None
    for rows in same_texts([texts.get(row, text) for row, text in enumerate(table.texts)], reading_key):
        left = [row for row in rows if row not in aside]
        dropped, undecided = kept_of([left], written) if left else (set(), 0)
        reason = "the same text has different labels" if undecided else "repeats an earlier text"
        aside |= dict.fromkeys(sorted(dropped), reason)
    kept = tuple(row for row in range(len(table)) if row not in aside)
    return Mended(kept=kept, aside=dict(sorted(aside.items())), labels=labels, texts=texts)


def _mended_texts(table: Table, findings: Sequence[DataFinding]) -> dict[int, Text]:
    """The texts that can be written as they were meant."""
    texts: dict[int, Text] = {}
    for finding in findings:
        for row in finding.rows if finding.kind == "encoding" else ():
            if (read := read_again(table.texts[row])) is not None:
                texts[row] = read
    for finding in findings:
        for row in finding.rows if finding.kind in CLEANED else ():
            text = texts.get(row, table.texts[row])
            texts[row] = cleaned(text) if isinstance(text, str) else (cleaned(text[0]), cleaned(text[1]))
    return texts


def cleaned(text: str) -> str:
    """The text without control and invisible characters and HTML, its accents composed."""
    if MARKUP.search(text):
        text = " ".join(html.unescape(MARKUP.sub(_tag_or_entity, text)).split())
    return unicodedata.normalize("NFC", INVISIBLE.sub("", CONTROL.sub("", text)))


def _tag_or_entity(match: object) -> str:
    found = match.group()  # type: ignore[attr-defined]
    return " " if found.startswith("<") else found


def read_again(text: Text) -> str | None:
    """The text whose UTF-8 bytes were read as Latin-1 or Windows-1252, once or twice, or Chinese that was read in another
    encoding; None where that isn't what happened, or something is lost."""
    if not isinstance(text, str):
        return None
    first = text
    for _ in range(2):
        read = next((read for encoding in ("cp1252", "latin-1") if (read := _reread(text, encoding))), None)
        if read is None:
            break
        if not MOJIBAKE.search(read):
            return read
        text = read
    meant = chinese_meant(first)
    return meant[0] if meant and meant[1] else None


def _reread(text: str, encoding: str) -> str | None:
    try:
        return text.encode(encoding).decode("utf-8")
    except UnicodeError:
        return None
