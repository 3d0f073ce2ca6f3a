"""Which documents are worth learning from: copies and what is no running text are left out, and counted.

The rules are a few of Rae et al. 2021 (Gopher, https://arxiv.org/abs/2112.11446), read so that they hold for Chinese too.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from statistics import median

from llamita.core.errors import require
from llamita.data.copies import quickly_looked_through, repeated_nearly, same_texts
from llamita.data.text import han_share, is_mark, unspaced_share

log = logging.getLogger(__name__)
COPIES = ("auto", "near", "exact", "keep")
FEWEST_CHARACTERS = 20
SENTENCE, SAMPLE = 2, 1000
"""Documents whose median is below so many times as many characters are sentences; so many of the first ones are asked."""
LEAST_LETTERS = 0.6
"""Share of the characters other than spaces that are letters, digits, or the vowel signs and accents on them."""
MOST_REPEATED = 0.5
"""Share of the lines that stand there twice or more, of a text of four lines or more."""
WORD_LENGTHS = (2, 15)
"""Mean characters of a word, where words are parted by spaces."""


def dropped_documents(texts: Sequence[str], *, copies: str = "auto", filtered: bool = True) -> dict[str, list[int]]:
    """Indices to leave out, by reason, each document under the first that applies.

    Args:
        copies: keep; exact: of copies in all but case, width and marks the first stays; near: near copies too; auto: near
            where that takes half a minute at most, else exact.
        filtered: whether texts that aren't running text are left out.
    """
    require(copies in COPIES, f"copies must be one of {', '.join(COPIES)}, got {copies!r}")
    reasons: dict[str, list[int]] = {}
    gone: set[int] = set()

    def drop(reason: str, indices: Sequence[int]) -> None:
        new = sorted(set(indices) - gone)
        if new:
            reasons[reason] = new
            gone.update(new)

    if filtered:
        fewest = fewest_characters(texts)
        found = [fault_of(text, fewest) for text in texts]
        for reason in sorted({fault for fault in found if fault}):
            drop(reason, [i for i, fault in enumerate(found) if fault == reason])
    if copies != "keep":
        left = [i for i in range(len(texts)) if i not in gone]
        drop("copies", [left[i] for rows in same_texts([texts[i] for i in left]) for i in rows[1:]])
    quick = copies != "auto" or quickly_looked_through(texts)
    if not quick:
        log.info("near copies are not looked for among so many documents; copies=near does, in time and memory")
    if copies == "near" or (copies == "auto" and quick):
        left = [i for i in range(len(texts)) if i not in gone]
        drop("near copies", [left[i] for i in repeated_nearly([texts[i] for i in left], None)])
    return reasons


def fewest_characters(texts: Sequence[str]) -> int:
    """How short a document may be, by the first ones: where sentences are documents, no length speaks against one."""
    sizes = [_size(text) for text in texts[:SAMPLE] if text.strip()]
    return FEWEST_CHARACTERS if sizes and median(sizes) >= SENTENCE * FEWEST_CHARACTERS else 1


def _size(text: str) -> int:
    """Characters other than spaces; one of Chinese says as much as two."""
    return sum(not c.isspace() for c in text) * (2 if han_share(text) > 0.5 else 1)


def fault_of(text: str, fewest: int = FEWEST_CHARACTERS) -> str:
    """Why a text is not worth learning from; empty if it is.

    Args:
        fewest: characters below which it is too short, half as many of Chinese; see `fewest_characters`.
    """
    bare = [c for c in text if not c.isspace()]
    if _size(text) < fewest:
        return "too short"
    if sum(c.isalnum() or is_mark(c) for c in bare) < LEAST_LETTERS * len(bare):
        return "mostly marks"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    counts = Counter(lines)
    if len(lines) >= 4 and sum(n for n in counts.values() if n > 1) > MOST_REPEATED * len(lines):
        return "repeated lines"
    words = re.findall(r"\S+", text)
    mean = sum(map(len, words)) / len(words)
    if unspaced_share(text) < 0.1 and not WORD_LENGTHS[0] <= mean <= WORD_LENGTHS[1]:
        return "no words"
    return ""
