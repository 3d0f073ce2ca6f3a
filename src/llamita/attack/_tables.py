"""What a slip of the finger, the ear or the eye puts in a character's place: keys, homophones, look-alikes."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import Path

KEY_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
"""A QWERTY keyboard; each row stands half a key to the right of the one above."""


@cache
def neighbouring_keys() -> dict[str, str]:
    """Letters that touch each letter's key."""
    places = {key: (row, column) for row, keys in enumerate(KEY_ROWS) for column, key in enumerate(keys)}
    touching = {(0, -1), (0, 1), (1, -1), (1, 0), (-1, 0), (-1, 1)}
    return {
        key: "".join(k for k, (r, c) in places.items() if (r - row, c - column) in touching)
        for key, (row, column) in places.items()
    }


NEGATIONS = frozenset("不没无未非别莫勿否")


@cache
def homophones() -> dict[str, str]:
    """For each common Chinese character those of the same syllable and tone; of any tone where there is none."""
    by_sound: dict[str, str] = dict(line.split("\t") for line in _lines("homophones.tsv"))
    by_syllable: dict[str, str] = defaultdict(str)
    for sound, characters in by_sound.items():
        by_syllable[sound[:-1]] += characters
    found = {}
    for sound, characters in by_sound.items():
        for one in characters:
            alike = without(characters, one) or without(by_syllable[sound[:-1]], one)
            if alike:
                found[one] = alike
    return found


@cache
def look_alikes() -> dict[str, str]:
    """For each character those drawn much like it."""
    found: dict[str, str] = defaultdict(str)
    for group in _lines("lookalikes.txt"):
        for one in group:
            found[one] += without(group, one + found[one])
    return {one: alike for one, alike in found.items() if alike}


def without(characters: str, known: str) -> str:
    """The others; none is a negation, which would turn what a text says and not its spelling."""
    return "".join(one for one in characters if one not in known and one not in NEGATIONS)


def _lines(name: str) -> list[str]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
