"""The one exception for what the user can put right: it becomes one line and exit code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """The user's input or machine was at fault; the message says what was given, what is allowed and what to do."""


class RefusedText(UserError):
    """One of the texts that were given can't be read so; who knows their file says its row, too."""

    def __init__(self, message: str, index: int):
        super().__init__(message)
        self.index = index
        """Its place among the texts."""


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """A trailing hint such as " Did you mean 'prune.width'?", or nothing when no known name is close."""
    near = difflib.get_close_matches(given, list(known), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


def first_line(error: BaseException) -> str:
    """The first line of what an error says; its kind where it says nothing."""
    said = str(error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def require(claim: bool, message: str) -> None:
    """Raise `UserError(message)` unless the claim holds; for `__post_init__`."""
    if not claim:
        raise UserError(message)
