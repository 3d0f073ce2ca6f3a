"""What --help shows, in the language spoken; Chinese is wrapped by the columns it takes."""

from __future__ import annotations

import argparse
import re
import unicodedata
from collections.abc import Iterable

from llamita._cli.language import said

UNIT = re.compile(r"\s+|[\u2e80-\uffef][、。，；：！？）】》”’]*|[^\s\u2e80-\uffef]+[、。，；：！？）】》”’]*")
"""What a line isn't broken within: a word, or a Chinese character, each with the closing marks behind it."""


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """argparse's, saying each part in the language spoken."""

    def add_usage(
        self, usage: str | None, actions: Iterable[argparse.Action], groups: Iterable[argparse._MutuallyExclusiveGroup],
        prefix: str | None = None,
    ) -> None:  # fmt: skip
        super().add_usage(usage, actions, groups, said("usage: ") if prefix is None else prefix)

    def start_section(self, heading: str | None) -> None:
        super().start_section(heading and said(heading))

    def add_text(self, text: str | None) -> None:
        super().add_text(text and said(text))

    def _get_help_string(self, action: argparse.Action) -> str:
        return said(super()._get_help_string(action) or "")

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrapped(text, width)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` columns, of which a Chinese character takes two; a longer word stands alone."""
    lines, taken = [""], 0
    for unit in UNIT.findall(" ".join(text.split())):
        needed = width_of(unit)
        if taken and taken + needed > width:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
            taken = 0
        if taken or unit.strip():
            lines[-1] += unit
            taken += needed
    return lines


def width_of(text: str) -> int:
    """How many columns of a terminal a text takes (as rich's cell_len says; rich is slow to import)."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
