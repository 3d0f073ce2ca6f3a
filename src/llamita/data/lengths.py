"""Texts that are empty, too long for the model, or were cut off by whoever stored them; texts in another script."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator

from llamita.core.encoding import TextEncoder
from llamita.core.task import parts_of
from llamita.data.cells import rows_text
from llamita.data.finding import DataFinding, found_in
from llamita.data.table import Table
from llamita.data.text import is_empty

MANY_CHARACTERS = 10_000
"""A text longer than this is over-long whatever the model."""
CUT, BELOW, TIMES = 5, 20, 5.0
"""Texts are called cut off when at least so many have the greatest length of all, and so many times as many as the lengths of
the so many characters below it have on average."""
ENDS = frozenset(".!?。！？…\"'”’)）」』~～;；:")
MAIN_SCRIPT, OTHER_SCRIPT, ENOUGH = 0.95, 0.9, 10
"""A row is in another script when so many of its letters are, at least so many, in data that is in one script."""
SCRIPTS = {
    "LATIN": "Latin script", "CJK": "Chinese script", "CYRILLIC": "Cyrillic script", "ARABIC": "Arabic script",
    "HANGUL": "Hangul script", "HIRAGANA": "Hiragana script", "KATAKANA": "Katakana script", "GREEK": "Greek script",
    "HEBREW": "Hebrew script", "DEVANAGARI": "Devanagari script", "THAI": "Thai script", "OTHER": "another script",
}  # fmt: skip
"""What Unicode calls a letter, and what its script is called here."""
SMALLEST = 50
"""Rows that data must have to say what is usual in it."""


def lengths_found(table: Table, encoder: TextEncoder | None, max_length: int | None) -> Iterator[DataFinding]:
    """Empty, over-long and cut texts, and those in another script.

    Args:
        encoder: Counts tokens; without it only texts of very many characters are called over-long.
        max_length: Tokens a text is cut to; the encoder's own limit when None.
    """
    yield from _empty(table)
    yield from _over_long(table, encoder, max_length)
    yield from _cut_off(table)
    yield from _other_script(table)


def _empty(table: Table) -> Iterator[DataFinding]:
    rows = [i for i, text in enumerate(table.texts) if any(is_empty(part) for part in parts_of(text))]
    if rows:
        severity = "error" if len(rows) == len(table) else "warning"
        yield found_in(
            table, rows, "empty", severity, f"{rows_text(len(rows))} with an empty text", "delete them or fill them in"
        )


def _over_long(table: Table, encoder: TextEncoder | None, max_length: int | None) -> Iterator[DataFinding]:
    rows = [i for i, text in enumerate(table.texts) if sum(map(len, parts_of(text))) > MANY_CHARACTERS]
    limit, what, remedy = MANY_CHARACTERS, "characters", "cut them, or check that a row holds one text"
    if encoder is not None:
        limit = max_length or encoder.max_length
        uncut = encoder.cut(1 << 20)
        rows = [i for i, (ids, _) in enumerate(uncut.encode(table.texts)) if len(ids) > limit]
        what, remedy = "tokens", "what lies beyond is not read; cut the texts yourself if their end matters"
    if rows:
        share = f" ({100 * len(rows) / len(table):.1f} %)"
        message = f"{rows_text(len(rows))}{share} of more than {limit:,} {what}"
        yield found_in(table, rows, "long", "warning", message, remedy)


def _cut_off(table: Table) -> Iterator[DataFinding]:
    """A heap of texts that all have the greatest length, most of them in the middle of a sentence."""
    sizes = [max(map(len, parts_of(text))) for text in table.texts]
    longest = max(sizes)
    counts = Counter(sizes)
    usual = sum(counts[longest - k] for k in range(1, BELOW + 1)) / BELOW
    rows = [i for i, size in enumerate(sizes) if size == longest]
    if len(table) < SMALLEST or len(rows) < max(CUT, TIMES * usual) or len(rows) == len(table):
        return
    open_ended = [i for i in rows if max(parts_of(table.texts[i]), key=len).rstrip()[-1:] not in ENDS]
    if len(open_ended) > len(rows) / 2 and longest >= 20:
        message = f"{rows_text(len(rows))} of exactly {longest:,} characters, the greatest length, most without an end"
        yield found_in(
            table, rows, "cut_off", "warning", message, "texts were cut there; take the whole ones if you can"
        )


def _other_script(table: Table) -> Iterator[DataFinding]:
    counts = [_scripts(" ".join(parts_of(text))) for text in table.texts]
    main, rows_of_main = (
        Counter(c.most_common(1)[0][0] for c in counts if c).most_common(1)[0] if any(counts) else ("", 0)
    )
    filled = sum(bool(c) for c in counts)
    if len(table) < SMALLEST or rows_of_main < MAIN_SCRIPT * filled:
        return
    rows = [
        i for i, c in enumerate(counts)
        if c.total() >= ENOUGH and c[main] <= (1 - OTHER_SCRIPT) * c.total() and not (main == "CJK" and _japanese(c))
    ]  # fmt: skip
    if rows:
        other = counts[rows[0]].most_common(1)[0][0]
        message = f"{rows_text(len(rows))} in {SCRIPTS[other]}, where the others are in {SCRIPTS[main]}"
        yield found_in(table, rows, "script", "warning", message, "take them out unless the model must read them")


def _japanese(counts: Counter[str]) -> bool:
    return counts["HIRAGANA"] + counts["KATAKANA"] > 0 and counts["CJK"] > 0


def _scripts(text: str) -> Counter[str]:
    """How many letters of each script a text has; words of other tongues in the same script are not told apart."""
    if text.isascii():
        return Counter({"LATIN": n}) if (n := sum(c.isalpha() for c in text)) else Counter()
    counts: Counter[str] = Counter()
    for c in text[:2000]:
        if c.isalpha():
            counts[_script(c)] += 1
    return counts


def _script(letter: str) -> str:
    if letter.isascii():
        return "LATIN"
    if "\u4e00" <= letter <= "\u9fff":
        return "CJK"
    first = unicodedata.name(letter, "").split(" ")[0]
    return (
        first
        if first in SCRIPTS
        else "LATIN"
        if first in ("FULLWIDTH", "MODIFIER", "FEMININE", "MASCULINE")
        else "OTHER"
    )
