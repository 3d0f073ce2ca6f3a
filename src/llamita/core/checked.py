"""Checked: a dataclass whose fields become what their annotations say, or are refused by their names."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from llamita.core.errors import UserError, require

PLAIN = {"int": int, "float": float, "str": str, "bool": bool}
"""What YAML, flags and Python give alike; a field of any other kind is taken as it comes."""


class Checked:
    """Settings given by a flag, a recipe or Python pass one check; a class's own `__post_init__` then judges their values."""

    def __post_init__(self) -> None:
        """Make each field what its annotation says."""
        for field in fields(self):  # type: ignore[arg-type]  # pyrefly: ignore
            if field.init:
                value = fitted(told(type(self)), field.name, field.type, getattr(self, field.name))
                object.__setattr__(self, field.name, value)

    def __init_subclass__(cls, **named: Any) -> None:
        """Put the check before the class's own `__post_init__`, so that none can forget it."""
        super().__init_subclass__(**named)
        if "__post_init__" in cls.__dict__:
            cls.__post_init__ = _after_the_check(cls.__dict__["__post_init__"])  # type: ignore[method-assign]


def _after_the_check(judge: Callable[[Any], None]) -> Callable[[Any], None]:
    @wraps(judge)
    def checked_and_judged(self: Any) -> None:
        Checked.__post_init__(self)
        judge(self)

    return checked_and_judged


def told(cls: type) -> str:
    """A method's name as recipes have it, such as "learn.finetune"; of anything else the class's."""
    room = cls.__module__.removeprefix("llamita.")
    return cls.__name__ if room.startswith("core.") or room == cls.__module__ else room


def fitted(whose: str, name: str, annotation: Any, value: Any) -> Any:
    """A plain value as its annotation says, such as "float | None"; a text is read, since flags know nothing else.

    Raises:
        UserError: it can't be that.
    """
    kind = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    options = ["str" if part.strip().startswith("Literal[") else part.strip() for part in kind.split("|")]
    if not set(options) <= {*PLAIN, "Path", "None"} or (value is None and "None" in options):
        return value
    plain = as_python(value)
    for option in options:
        if option == "Path" and isinstance(plain, str | os.PathLike):
            return Path(plain)
        if option in PLAIN and (found := _read(plain, PLAIN[option])) is not None:
            return found
    require(value is not None, f"{whose}: {name} must be {kind}, got nothing")
    raise UserError(
        f"{whose}: {name} must be {kind}, got {repr(tuple(value) if isinstance(value, list) else value)[:60]}"
    )


def _read(value: Any, kind: type) -> Any:
    """The value as this kind, or None where it isn't one."""
    if kind is str:
        return os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    try:
        return (yaml_bool(value) if kind is bool else kind(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def yaml_bool(value: str) -> bool:
    """Read a flag's text as a truth value."""
    lowered = value.lower()
    if lowered in ("true", "yes", "on", "1"):
        return True
    if lowered in ("false", "no", "off", "0"):
        return False
    raise ValueError(value)


def as_python(value: Any) -> Any:
    """What numpy, pandas, torch or pyarrow holds, as Python's own numbers, texts and lists; anything else as it is."""
    own = getattr(value, "tolist", None) or getattr(value, "to_pylist", None)
    return value if own is None else own()


def is_number(value: Any) -> bool:
    """Whether it is a number, Python's or numpy's; a truth value is none."""
    return isinstance(value, Real) and not isinstance(value, bool)


MOST_SEED = 2**32 - 2
"""numpy's and scikit-learn's seeds end one above; the cut of a test split takes the next one."""


def as_seed(name: str, value: Any) -> int:
    """A seed, a whole number from 0 to `MOST_SEED`.

    Raises:
        UserError: it is none.
    """
    seed = as_whole(name, value, 0)
    require(seed <= MOST_SEED, f"{name} must be at most {MOST_SEED}, got {value!r}")
    return seed


def as_whole(name: str, value: Any, least: int) -> int:
    """A whole number from `least` on, numpy's too.

    Raises:
        UserError: it is none.
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least
    require(whole, f"{name} must be a whole number from {least} on, got {value!r}")
    return int(value)
