"""Words of a text with their places; each Chinese or Japanese character is a word of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from llamita.core.task import Text

HAN_AND_KANA = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
UNIT = re.compile(
    rf"[{HAN_AND_KANA}]|[^\W_{HAN_AND_KANA}]+(?:['’\-.,:/@_][^\W_{HAN_AND_KANA}]+)*|[^\w\s]+|_+", re.UNICODE
)
"""A character; or letters and digits, held together by marks inside ("isn't", "3.5", "a@b.c"); or a run of marks."""


@dataclass(frozen=True, kw_only=True)
class Units:
    """Where the words of a text stand."""

    text: Text
    spans: tuple[tuple[int, int], ...]
    """Start and end of each word in its part."""
    parts: tuple[int, ...]
    """For each word 0, or 1 for the second text of a pair."""

    @property
    def words(self) -> list[str]:
        pieces = (self.text,) if isinstance(self.text, str) else self.text
        return [pieces[part][start:end] for part, (start, end) in zip(self.parts, self.spans, strict=True)]

    def without(self, index: int, replacement: str = "") -> Text:
        """The text with one word taken out, or replaced."""
        pieces = [self.text] if isinstance(self.text, str) else list(self.text)
        part = self.parts[index]
        start, end = self.spans[index]
        pieces[part] = (
            take_out(pieces[part], start, end)
            if replacement == ""
            else (pieces[part][:start] + replacement + pieces[part][end:])
        )
        return pieces[0] if isinstance(self.text, str) else (pieces[0], pieces[1])


def units_of(text: Text, most: int) -> Units:
    """The words of a text or pair; where they are more than `most`, neighbours are joined into equal runs."""
    spans: list[tuple[int, int]] = []
    parts: list[int] = []
    pieces = (text,) if isinstance(text, str) else text
    found = [[match.span() for match in UNIT.finditer(piece)] for piece in pieces]
    total = sum(map(len, found))
    run = max(1, -(-total // most))
    for part, words in enumerate(found):
        for first in range(0, len(words), run):
            spans.append((words[first][0], words[min(first + run, len(words)) - 1][1]))
            parts.append(part)
    return Units(text=text, spans=tuple(spans), parts=tuple(parts))


def take_out(text: str, start: int, end: int) -> str:
    """The text without a stretch, and without the space that would double or hang at an end."""
    before, after = text[:start], text[end:]
    if not before or before[-1].isspace():
        after = after.lstrip()
    return (before if after else before.rstrip()) + after
