"""How numbers, intervals and texts are written on every page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from markupsafe import Markup

NO_BREAK = "\u00a0"
MINUS = "\u2212"
DASH = "\u2014"


def _signed(text: str) -> str:
    return text.replace("-", MINUS)


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, thousands separated, without an exponent."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    power = int(f"{abs(value):.{digits - 1}e}".partition("e")[2])  # of the rounded number: 9.996 becomes 10.0
    decimals = max(0, digits - 1 - power)
    return _signed(f"{value:,.{decimals}f}")


def percent(value: float, digits: int = 1) -> str:
    """A share as percent, the sign left to the caller; a share that isn't 0 or 1 gets the digits that show it."""
    for more in range(digits, 4):
        text = f"{100 * value:.{more}f}"
        if float(text) not in (0, 100) or value in (0, 1):
            return _signed(text)
    return f"{abs(100 * value):.{digits}f}"


def percent_sign(value: float, more: int = 0) -> str:
    """A share with its sign: "99.3 %"; so many digits more where asked for."""
    return f"{percent(value, 1 + more)}{NO_BREAK}%"


def percent_ticks(ticks: Sequence[float]) -> Callable[[float], str]:
    """How the ticks of an axis of shares are written: with as many digits as tell them apart."""
    step = min((after - before for before, after in pairwise(ticks)), default=1.0)
    digits = max(0, math.ceil(-math.log10(100 * step) - 1e-6))
    return lambda value: f"{100 * value:.{digits}f}"


def points(value: float, *, sign: bool = True) -> str:
    """A difference of shares in percentage points."""
    text = f"{100 * value:+.1f}" if sign else f"{100 * value:.1f}"
    return _signed("0.0" if text in ("+0.0", "-0.0") else text)


def scaled(value: float) -> tuple[float, str]:
    """A count with its decimal prefix: 12_300_000 -> (12.3, "M")."""
    for power, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= power * 0.9995:
            return value / power, prefix
    return value, ""


def size(value: float, more: int = 0) -> str:
    """Bytes, with MB = 10^6; so many digits more where asked for."""
    number, prefix = scaled(value)
    return f"{significant(number, 3 + more)}{NO_BREAK}{prefix}B"


def count(value: float) -> str:
    """A large count such as parameters: "22.7 M"."""
    number, prefix = scaled(value)
    return f"{significant(number)}{NO_BREAK}{prefix}" if prefix else significant(number)


def whole(value: float) -> str:
    """A number without decimals, thousands apart: "1,234"."""
    return f"{round(value):,}"


def milliseconds(value: float, more: int = 0) -> str:
    """ "1.70 ms"; so many digits more where asked for."""
    return f"{significant(value, 3 + more)}{NO_BREAK}ms"


def below_one(value: float, digits: int = 2) -> str:
    """A probability, with the digits that tell it from 1."""
    return next((text for more in range(digits, 8) if float(text := f"{value:.{more}f}") < 1), f"{value:.{digits}f}")


def side_by_side(limit: float, value: float | None, written: Callable[..., str], *, met: bool) -> tuple[str, str]:
    """A limit and what was reached, a missed one with the digits that tell the two apart."""
    if value is None:
        return written(limit), DASH
    for more in range(5):
        asked, reached = written(limit, more), written(value, more)
        if met or asked != reached:
            break
    return asked, reached


def duration(seconds: float) -> str:
    """Seconds as "48 s", "12.5 min" or "1.2 h"."""
    if seconds < 90:
        return f"{significant(seconds, 2)}{NO_BREAK}s"
    return f"{seconds / 60:.1f}{NO_BREAK}min" if seconds < 5400 else f"{seconds / 3600:.1f}{NO_BREAK}h"


def ratio(value: float) -> str:
    """A factor as "11.7×"."""
    return f"{significant(value, 2 if value >= 100 else 3)}×"


def bracket(interval: Sequence[float] | None, write: Callable[[float], str]) -> str:
    """An interval as "[low, high]", without its unit; empty when there is none."""
    if not interval:
        return ""
    low, high = (write(bound) for bound in interval)
    unit = NO_BREAK + high.rpartition(NO_BREAK)[2] if NO_BREAK in high else "×" if high.endswith("×") else ""
    same = unit and low.endswith(unit)
    return f"[{low.removesuffix(unit)}, {high.removesuffix(unit)}]" if same else f"[{low}, {high}]"


def settings(values: dict) -> str:
    """A step's settings on one line: "layers=4, temperature=2"."""
    return ", ".join(f"{key}={_plain(value)}" for key, value in values.items())


def _plain(value: object) -> str:
    text = (
        "yes" if value is True else "no" if value is False else f"{value:g}" if isinstance(value, float) else str(value)
    )
    return text if len(text) <= 60 else text[:57] + "…"


def markdown_text(value: object) -> str:
    """Text that Markdown shows as it is, on one line, inside a table too; Markup passes unchanged."""
    if isinstance(value, Markup):
        return str(value)
    one_line = " ".join(str(value).split(" ")).replace("\r", " ").replace("\n", " ")
    escaped = re.sub(r"([\\`*_\[\]|~#])", r"\\\1", one_line)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def text_width(text: str, font_size: float) -> float:
    """Estimated width in pixels: Chinese characters take a full em, others about 0.56."""
    return font_size * sum(1.0 if ord(letter) > 0x2E7F else 0.56 for letter in text)


def is_chinese(text: str) -> bool:
    """Whether a text holds a Chinese character."""
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)
