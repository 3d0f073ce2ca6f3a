"""What the program says, in Chinese: English lines are recognised by their patterns (messages.zh.toml) and said anew.

Messages are written in English where they arise. The catalogue holds each with numbered slots for what differs, and beside it
the Chinese, which names the same slots. `python tools/missing_messages.py` prints what it lacks.
"""

from __future__ import annotations

import functools
import re
import tomllib
from pathlib import Path

LANGUAGES = ("en", "zh")
CATALOGUE = Path(__file__).with_name("messages.zh.toml")
HINT = re.compile(r" Did you mean (?:'[^']*'|\"[^\"]*\")\?| There is no folder \S+\.(?=\s|$)")
"""What may trail a message and holds marks that divide others; `MARK` stands for it while the message is recognised."""
MARK = "\ue000"
FEWEST_LETTERS = 4
"""A pattern such as "{0} of {1}" alone is no sign of a message: somebody's own text may look like it."""
LONGEST = 5000
"""A longer line holds somebody's text, which there are too many ways to divide; it stays as it is."""
SETTLED = 1
"""A slot that is empty or holds just a hint counts like a letter: where a mark stands in a value, too, it tells which divides."""
DEEPEST = 5
"""Messages within messages, such as a hint in a slot, are said anew down to this depth."""


def catalogue() -> dict[str, dict[str, str]]:
    """The Chinese of each message, under what stands for it in English: ours, and those of libraries that users see."""
    return tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))


def translated(line: str, language: str) -> str:
    """The line in a language; as it is where the catalogue doesn't know it."""
    if language != "zh" or len(line) > LONGEST:
        return line
    hints = HINT.findall(line)
    found = _in_chinese(HINT.sub(MARK, line), 0)
    for hint in hints:
        found = found.replace(MARK, _in_chinese(hint, 0), 1)
    return found


@functools.cache
def _patterns() -> tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...]:
    """For each message its fixed parts, its pattern and its Chinese; what has more fixed letters goes first."""
    entries = {english: chinese for part in catalogue().values() for english, chinese in part.items()}
    found = []
    for english, chinese in entries.items():
        pieces = [p.replace("{{", "{").replace("}}", "}") for p in re.split(r"(?<!\{)\{\d+\}(?!\})", english)]
        pattern = re.compile("(.*?)".join(map(re.escape, pieces)), re.DOTALL)
        found.append((tuple(pieces), pattern, chinese))
    return tuple(sorted(found, key=lambda entry: -sum(map(len, entry[0]))))


def _in_chinese(line: str, depth: int) -> str:
    return _recognised(line, depth)[0]


@functools.lru_cache(maxsize=4096)
def _recognised(line: str, depth: int) -> tuple[str, int]:
    """The line in Chinese, and how many of its letters belong to messages that are known; the division with most is right."""
    best = (line, 0)
    if depth > DEEPEST or not any(c.isalpha() for c in line):
        return best
    for pieces, pattern, chinese in _patterns():
        if not _in_order(pieces, line) or (match := pattern.fullmatch(line)) is None:
            continue
        own = sum(c.isalpha() for piece in pieces for c in piece)
        for slots in dict.fromkeys((match.groups(), _greedily(pattern, line))):
            inner = [_recognised(slot, depth + 1) if slot != line else (slot, 0) for slot in slots]
            letters = own + sum(known for _, known in inner) + SETTLED * sum(slot in ("", MARK) for slot in slots)
            if letters > best[1] and (not slots or own == 0 or letters >= FEWEST_LETTERS):
                best = (chinese.format(*(said for said, _ in inner)), letters)
    return best


def _greedily(pattern: re.Pattern[str], line: str) -> tuple[str, ...]:
    match = re.fullmatch(pattern.pattern.replace("(.*?)", "(.*)"), line, re.DOTALL)
    return match.groups() if match else ()


def _in_order(pieces: tuple[str, ...], line: str) -> bool:
    """Whether the fixed parts stand in the line one after the other: quick, and false for nearly every message."""
    at = 0
    for piece in pieces:
        at = line.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return line.startswith(pieces[0]) and line.endswith(pieces[-1])
