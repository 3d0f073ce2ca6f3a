"""Which method of a room a command names, and what a room's methods are."""

from __future__ import annotations

from collections.abc import Sequence

from llamita._cli.language import said
from llamita.core.errors import UserError, did_you_mean
from llamita.core.registry import Entry, entries


def methods_of(room: str) -> list[str]:
    """Their short names."""
    return [name.split(".")[1] for name in entries() if name.startswith(f"{room}.")]


def methods_help(room: str, usage: str) -> str:
    """The methods of a room, a line each."""
    lines = [said("usage: ") + usage, ""]
    lines += [f"  {n.split('.')[1]:<12} {said(e.summary)}" for n, e in entries().items() if n.startswith(f"{room}.")]
    return "\n".join([*lines, "", said(f"`{' '.join(usage.split()[:3])} --help` shows a method's flags.")])


def chosen_method(argv: Sequence[str], room: str, usage: str) -> Entry:
    """The method that the first word names; `usage` is what stands before it."""
    known = methods_of(room)
    if not argv or argv[0] not in known:
        if not argv or argv[0].startswith("-"):
            raise UserError(f"{usage} takes one of: {', '.join(known)}.")
        raise UserError(f"{usage} takes one of: {', '.join(known)}, got {argv[0]!r}.{did_you_mean(argv[0], known)}")
    return entries()[f"{room}.{argv[0]}"]


def taken_out(argv: Sequence[str], flag: str, default: str) -> tuple[str, list[str]]:
    """The value of a flag that decides which other flags there are, and the other words."""
    words = list(argv)
    for i, word in enumerate(words):
        if word == "--":
            break
        if word == flag:
            if i + 1 == len(words) or words[i + 1].startswith("--"):
                raise UserError(f"{flag} needs a value, such as {flag} {default}")
            return words[i + 1], words[:i] + words[i + 2 :]
        if word.startswith(f"{flag}="):
            return word.removeprefix(f"{flag}="), words[:i] + words[i + 1 :]
    return default, words
