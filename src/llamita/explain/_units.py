"""Words of a text with their places; a Chinese or Japanese character is a word of its own, unless Chinese words are asked for."""

from __future__ import annotations

import logging
import re
import warnings
from dataclasses import dataclass
from itertools import chain

from llamita.core.task import Text, parts_of
from llamita.data.text import is_mark

HAN_AND_KANA = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
HAN = re.compile(f"[{HAN_AND_KANA}]")
MARKED = (range(0x300, 0x1E00), range(0x20D0, 0x2100), range(0x302A, 0x309B), range(0xA660, 0xABF0), range(0xFE00, 0xFE30),
          range(0xE0100, 0xE01F0))  # fmt: skip
"""Where Unicode has its marks, but for those of scripts that nobody writes any more."""
ON = "\u200c\u200d" + "".join(filter(is_mark, map(chr, chain(*MARKED))))
"""What belongs to the letter before it, though `\\w` takes it for none: joiners, accents, vowel signs, variants of a character."""
LETTERS = f"[^\\W_{HAN_AND_KANA}](?:[^\\W_{HAN_AND_KANA}]|[{ON}])*"
UNIT = re.compile(rf"[{HAN_AND_KANA}][{ON}]*|{LETTERS}(?:['’\-.,:/@_]{LETTERS})*|[^\w\s]+|_+", re.UNICODE)
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
        """The words themselves, in order."""
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


def units_of(text: Text, most: int, kind: str = "characters") -> Units:
    """The words of a text or pair; where they are more than `most`, neighbours are joined into equal runs.

    Args:
        kind: what Chinese is cut into, characters or words; words need jieba.
    """
    spans: list[tuple[int, int]] = []
    parts: list[int] = []
    pieces = parts_of(text)
    found = [[match.span() for match in UNIT.finditer(piece)] for piece in pieces]
    if kind == "words":
        found = [_joined(piece, spans) for piece, spans in zip(pieces, found, strict=True)]
    total = sum(map(len, found))
    run = max(1, -(-total // most))
    for part, words in enumerate(found):
        for first in range(0, len(words), run):
            spans.append((words[first][0], words[min(first + run, len(words)) - 1][1]))
            parts.append(part)
    return Units(text=text, spans=tuple(spans), parts=tuple(parts))


def _joined(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans with the characters of each Chinese word made one."""
    words = _chinese_words(text)
    joined: dict[tuple[int, int], None] = {}
    for start, end in spans:
        joined[words.get(start, (start, end)) if HAN.fullmatch(text[start:end]) else (start, end)] = None
    return list(joined)


def _chinese_words(text: str) -> dict[int, tuple[int, int]]:
    """For each place in a word of Chinese characters alone, where that word begins and ends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jieba
    jieba.setLogLevel(logging.WARNING)
    found = ((start, end) for word, start, end in jieba.tokenize(text) if all(map(HAN.fullmatch, word)))
    return {place: (start, end) for start, end in found for place in range(start, end)}


def take_out(text: str, start: int, end: int) -> str:
    """The text without a stretch, and without the space that would double or hang at an end."""
    before, after = text[:start], text[end:]
    if not before or before[-1].isspace():
        after = after.lstrip()
    return (before if after else before.rstrip()) + after
