"""A piece of running text has the tokens that it has there, whatever the tokenizer puts before a text by itself."""

from __future__ import annotations

import re
from typing import Any

import pytest

from llamita.tasks._running import puts_a_space, tokens_alone, tokens_within


class Pieces:
    """Longest pieces first, of a text with or without a space put before it; a space is written ▁."""

    def __init__(self, *pieces: str, spaced: bool):
        self.pieces, self.spaced = sorted(pieces, key=lambda piece: -len(piece)), spaced

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        assert not add_special_tokens
        written = "▁" * self.spaced + text.replace(" ", "▁")
        found = re.findall("|".join([*map(re.escape, self.pieces), "."]), written, flags=re.DOTALL)
        return {"input_ids": [ord(one) if len(one) == 1 else 10**6 + self.pieces.index(one) for one in found]}

    def ids(self, *pieces: str) -> list[int]:
        return [ord(one) if len(one) == 1 else 10**6 + self.pieces.index(one) for one in pieces]


def opened(*pieces: str, spaced: bool) -> Any:
    return Pieces("▁a", "▁b", "▁good", *pieces, spaced=spaced)


def test_a_piece_by_itself_begins_with_a_space_that_running_text_has_not() -> None:
    tokenizer = opened(spaced=True)
    assert puts_a_space(tokenizer)
    assert tokens_alone(tokenizer, " good") == tokenizer.ids("▁", "▁good")
    assert tokens_within(tokenizer, " good") == tokenizer.ids("▁good")
    assert tokens_within(tokenizer, "\n:") == tokenizer.ids("\n", ":")
    assert tokens_within(tokenizer, "好") == tokenizer.ids("好")


def test_an_anchor_that_melts_into_the_piece_is_passed_over() -> None:
    tokenizer = opened("\n\n", spaced=True)
    assert tokens_within(tokenizer, "\ngood") == tokenizer.ids("\n", *"good")


@pytest.mark.parametrize("text", [" good", "\n:", "好", ""])
def test_other_tokenizers_read_a_piece_as_it_stands(text: str) -> None:
    tokenizer = opened(spaced=False)
    assert not puts_a_space(tokenizer)
    assert tokens_within(tokenizer, text) == tokens_alone(tokenizer, text)
    assert tokens_within(opened(spaced=True), "") == []
