"""The language one command speaks: --language, else LLAMITA_LANGUAGE, else English."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from llamita.core.errors import UserError
from llamita.core.messages import LANGUAGES, translated

VARIABLE = "LLAMITA_LANGUAGE"
_spoken: ContextVar[str] = ContextVar("spoken", default="en")


def wanted(words: Sequence[str], environment: Mapping[str, str]) -> str:
    """The language a command line asks for, known before its flags are read; a bad flag is left to the parser to refuse.

    Raises:
        UserError: when the environment names another language.
    """
    flags = list(words[: words.index("--")] if "--" in words else words)
    for word, after in zip(flags, [*flags, ""][1:], strict=True):
        given = after if word == "--language" else word.removeprefix("--language=")
        if word.startswith("--language") and given in LANGUAGES:
            return given
    found = environment.get(VARIABLE, "") or "en"
    if found not in LANGUAGES:
        raise UserError(f"{VARIABLE} must be one of {', '.join(LANGUAGES)}, got {found!r}")
    return found


@contextmanager
def speaking(language: str) -> Generator[None]:
    """What is said inside is said in this language."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def spoken() -> str:
    """The language spoken to the user: en or zh."""
    return _spoken.get()


def said(english: str) -> str:
    """A line for the user in the language spoken."""
    return translated(english, spoken())
