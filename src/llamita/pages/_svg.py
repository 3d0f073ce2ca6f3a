"""The little of SVG the pictures need: elements, scales, ticks and axes, coloured by the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape


def element(name: str, *children: object, **attributes: object) -> Markup:
    """One element; children and attribute values are escaped; `stroke_width` becomes `stroke-width`, `class_` class."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(str(escape(child)) for child in children)
    return Markup(f"<{name}{written}>{inside}</{name}>")


def _number(value: object) -> object:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value


def text(x: float, y: float, words: object, *, anchor: str = "start", class_: str = "tick") -> Markup:
    """Words at a place."""
    return element("text", words, x=float(x), y=float(y), text_anchor=anchor, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=class_)


def path(places: Sequence[tuple[float, float]], class_: str) -> Markup:
    """Straight lines through the places."""
    steps = " ".join(f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(places))
    return element("path", d=steps, class_=class_)


def drawing(width: int, height: int, *children: Markup, title: str, description: str, class_: str = "") -> Markup:
    """A whole picture with its name and description for screen readers."""
    named = (element("title", title), element("desc", description))
    return element(
        "svg",
        *named,
        *children,
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=f"{title}. {description}",
        class_=f"plot {class_}".strip(),
        style=f"max-width:{width}px",
    )


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Maps values to pixels, linearly or by logarithm."""

    low: float
    high: float
    start: float
    """Pixel of `low`."""
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, value = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (self.end - self.start) * (value - low) / (high - low)


def even_ticks(low: float, high: float, at_most: int) -> list[float]:
    """Round values (1, 2 or 5 times a power of ten) inside [low, high]."""
    rough = max((high - low) / max(at_most, 1), 1e-9)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.9999)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 10) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(scale: Scale, gap: float) -> list[float]:
    """1, 2 and 5 times powers of ten inside the scale, or only powers of ten, at least `gap` pixels apart."""
    powers = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        values = [f * 10.0**p for p in powers for f in factors if scale.low <= f * 10.0**p <= scale.high]
        places = sorted(scale(v) for v in values)
        if all(b - a >= gap for a, b in pairwise(places)):
            break
    return values


def grid(
    across: Scale,
    up: Scale,
    *,
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
    write_x: Callable[[float], str],
    write_y: Callable[[float], str],
) -> list[Markup]:
    """Horizontal grid lines, tick labels, and small marks along the lower edge."""
    drawn = []
    for value in y_ticks:
        drawn.append(line(across.start, up(value), across.end, up(value), "grid"))
        drawn.append(text(across.start - 6, up(value) + 4, write_y(value), anchor="end"))
    drawn.append(line(across.start, up.start, across.end, up.start, "axis"))
    for value in x_ticks:
        drawn.append(line(across(value), up.start, across(value), up.start + 4, "axis"))
        drawn.append(text(across(value), up.start + 17, write_x(value), anchor="middle"))
    return drawn
