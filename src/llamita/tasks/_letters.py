"""Labels as letters: what a chat server's answer says of each, as shares that add up to 1."""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from typing import Any

LETTERS = string.ascii_uppercase
THINKING, THOUGHT = "<think>", "</think>"
"""What models that think put around it, where their server doesn't take it out."""
LEAST = 1e-9
"""No letter is less likely: servers write -9999 for what they have ruled out, whose probability is 0 to a computer."""


def content(choice: Mapping[str, Any]) -> str:
    """What an answer says, without what was thought before it; empty where it says nothing."""
    said = _said(choice, "content")
    if THOUGHT in said:
        return said.rpartition(THOUGHT)[2]
    return "" if said.lstrip().startswith(THINKING) else said


def thinks(choice: Mapping[str, Any]) -> bool:
    """Whether an answer begins with thinking, in it or beside it."""
    said = _said(choice, "content")
    shown = _said(choice, "reasoning_content") or _said(choice, "reasoning")
    return bool(shown.strip()) or said.lstrip().startswith(THINKING) or THOUGHT in said


def used_up(choice: Mapping[str, Any]) -> bool:
    """Whether an answer of a few tokens ended before it said anything, as one does that thinks where nobody sees it."""
    return choice.get("finish_reason") == "length" and not _said(choice, "content").strip()


def _said(choice: Mapping[str, Any], part: str) -> str:
    message = choice.get("message")
    said = message.get(part) if isinstance(message, dict) else None
    return said if isinstance(said, str) else ""


def first_tokens(choice: Mapping[str, Any]) -> list[tuple[str, float]]:
    """The likeliest first tokens with their log-probabilities; empty where the server tells none."""
    try:
        top = choice["logprobs"]["content"][0]["top_logprobs"]
        return [(str(one["token"]), float(one["logprob"])) for one in top]
    except (KeyError, IndexError, TypeError, ValueError):
        return []


def letter_shares(tokens: Sequence[tuple[str, float]], count: int) -> list[float] | None:
    """Shares of the labels' letters, adding up to 1; None where no letter is among the tokens.

    A letter that isn't among them is less likely than all that are: it gets the least one's probability, or what is left over if
    that is less.
    """
    found = [0.0] * count
    for token, logprob in tokens:
        said = token.replace("\u2581", " ").replace("\u0120", " ").strip()
        if len(said) == 1 and said in LETTERS[:count]:
            found[LETTERS.index(said)] += math.exp(logprob)
    if not any(found):
        return None
    rest = max(0.0, 1 - sum(math.exp(logprob) for _, logprob in tokens))
    least = max(LEAST, min(min(math.exp(logprob) for _, logprob in tokens), max(rest, 1e-6)))
    shares = [share or least for share in found]
    return [share / sum(shares) for share in shares]


def counted(answers: Sequence[int | None], count: int) -> list[float] | None:
    """Shares of drawn answers: each counts one, and one more is shared by all labels; None where none names a label."""
    given = [answer for answer in answers if answer is not None]
    if not given:
        return None
    return [(given.count(i) + 1 / count) / (len(given) + 1) for i in range(count)]
