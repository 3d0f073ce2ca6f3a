"""Size, speed and quality of everything that was tried, in one picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from llamita.pages import format as write
from llamita.pages._labels import Box, place_labels
from llamita.pages._svg import Scale, drawing, element, even_ticks, grid, line, log_ticks, path, text

FONT = 13.0
SMALLEST_RADIUS, SMALLEST_NAMED_RADIUS, LARGEST_RADIUS = 3.5, 5.5, 17.0
SIDE_BY_SIDE = 11.0
"""Pixels between named points of the same size; none is moved across the limit."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One model in the picture."""

    role: str
    """Of the subject, or "candidate"."""
    label: str
    """Written beside the point; candidates have none."""
    title: str
    """Shown when the pointer rests on it."""
    size_bytes: float
    score: float
    interval: tuple[float, float] | None = None
    latency_ms: float | None = None
    on_front: bool = False


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What was asked for, drawn as dashed lines."""

    size_bytes: float | None = None
    score: float | None = None


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A point in pixels."""

    point: Point
    x: float
    y: float
    radius: float
    whisker: tuple[float, float] | None
    """Lower and upper end; only named points have one."""


def scatter(points: Sequence[Point], limits: Limits, words: Mapping[str, str], *, width: int, height: int) -> Markup:
    """Quality over size on disk (logarithmic), area of a point = latency, with the front of the candidates."""
    across, up = _scales(points, limits, width, height)
    spots = _spots(points, across, up, limits)
    asked = _limits(limits, across, up)
    taken = [Box(x - 3, y - FONT, x + write.text_width(said, FONT), y + 4) for _, x, y, said in asked]
    frame = Box(across.start, up.end - 10, across.end + 8, up.start)
    heights = even_ticks(up.low, up.high, 6)
    drawn = [
        *grid(
            across, up, x_ticks=log_ticks(across, 46), y_ticks=heights, write_x=_round_size,
            write_y=write.percent_ticks(heights),
        ),
        text(across.start - 34, 14, words["plot_accuracy"], class_="axis-name"),
        text(across.end, up.start + 36, words["plot_size"], anchor="end", class_="axis-name"),
        *(dashes for dashes, *_ in asked),
        *_front(points, across, up),
        *map(_mark, spots),
        *_labels(spots, frame, taken),
        *(text(x, y, said, class_="limit-name") for _, x, y, said in asked),
    ]  # fmt: skip
    description = words["plot_scatter_description"].format(n=len(points))
    return drawing(width, height, *drawn, title=words["plot_scatter_title"], description=description)


def key_of_areas(points: Sequence[Point]) -> list[tuple[Markup, str]]:
    """Three circles at true scale with the latency each stands for."""
    radius = _radius(points)
    known = sorted(p.latency_ms for p in points if p.latency_ms)
    if not known:
        return []
    chosen = (
        {known[0]: None, math.sqrt(known[0] * known[-1]): None, known[-1]: None}
        if known[-1] > 1.5 * known[0]
        else {known[-1]: None}
    )
    keys = []
    for latency in chosen:
        r = radius(Point(role="", label="", title="", size_bytes=1, score=0, latency_ms=latency))
        side = round(2 * r + 2)
        circle = element("circle", cx=side / 2, cy=side / 2, r=float(r), class_="dot role-candidate")
        keys.append((element("svg", circle, width=side, height=side, aria_hidden="true"), write.milliseconds(latency)))
    return keys


def _scales(points: Sequence[Point], limits: Limits, width: int, height: int) -> tuple[Scale, Scale]:
    sizes = [p.size_bytes for p in points] + ([limits.size_bytes] if limits.size_bytes else [])
    scores = [bound for p in points for bound in (p.interval or (p.score, p.score))] + (
        [limits.score] if limits.score else []
    )
    pad = max(0.008, 0.07 * (max(scores) - min(scores)))
    low, high = max(0.0, min(scores) - pad), min(1.0, max(scores) + pad)
    across = Scale(low=min(sizes) / 1.6, high=max(sizes) * 1.6, start=44, end=width - 10, log=True)
    return across, Scale(low=low, high=high, start=height - 44, end=26)


def _round_size(value: float) -> str:
    number, prefix = write.scaled(value)
    return f"{number:g}{write.NO_BREAK}{prefix}B"


def _radius(points: Sequence[Point]) -> Callable[[Point], float]:
    slowest = max((p.latency_ms or 0 for p in points), default=0) or 1.0

    def radius(point: Point) -> float:
        return max(
            SMALLEST_NAMED_RADIUS if point.label else SMALLEST_RADIUS,
            LARGEST_RADIUS * math.sqrt((point.latency_ms or 0) / slowest),
        )

    return radius


def _limits(limits: Limits, across: Scale, up: Scale) -> list[tuple[Markup, float, float, str]]:
    """For each limit its line, and where its label stands: left end, baseline, words."""
    drawn = []
    if limits.size_bytes:
        x = across(limits.size_bytes)
        drawn.append((line(x, up.start, x, up.end, "limit"), x + 4, up.start - 6, f"≤ {write.size(limits.size_bytes)}"))
    if limits.score:
        y, words = up(limits.score), f"≥ {write.percent(limits.score)}{write.NO_BREAK}%"
        drawn.append((line(across.start, y, across.end, y, "limit"), across.start + 4, y - 5, words))
    return drawn


def _front(points: Sequence[Point], across: Scale, up: Scale) -> list[Markup]:
    best: list[Point] = []
    for point in sorted((p for p in points if p.on_front), key=lambda p: (p.size_bytes, -p.score)):
        if not best or point.score > best[-1].score:
            best.append(point)
    places: list[tuple[float, float]] = []
    for point in best:
        x, y = across(point.size_bytes), up(point.score)
        places += [(x, places[-1][1])] if places else []
        places.append((x, y))
    return [path(places, "front")] if len(best) > 1 else []


def _spots(points: Sequence[Point], across: Scale, up: Scale, limits: Limits) -> list[Spot]:
    """Where the points lie, in drawing order: candidates below, slow ones first, the light model on top."""
    radius = _radius(points)
    places: dict[int, float] = {}
    for point in sorted((p for p in points if p.label), key=lambda p: p.role != "light"):
        x = across(point.size_bytes)
        within = limits.size_bytes is not None and point.size_bytes <= limits.size_bytes
        step = -SIDE_BY_SIDE if within and x + SIDE_BY_SIDE + 6 > across(limits.size_bytes or 1) else SIDE_BY_SIDE
        while any(abs(x - other) < SIDE_BY_SIDE for other in places.values()):
            x += step
        places[id(point)] = x
    spots = []
    for point in sorted(points, key=lambda p: (p.role != "candidate", p.role == "light", -(p.latency_ms or 0))):
        whisker = (up(point.interval[0]), up(point.interval[1])) if point.label and point.interval else None
        x = places.get(id(point), across(point.size_bytes))
        spots.append(Spot(point=point, x=x, y=up(point.score), radius=radius(point), whisker=whisker))
    return spots


def _mark(spot: Spot) -> Markup:
    parts = [element("title", spot.point.title)]
    if spot.whisker:
        low, high = spot.whisker
        parts.append(line(spot.x, low, spot.x, high, "whisker"))
        parts += [line(spot.x - 4, end, spot.x + 4, end, "whisker") for end in (low, high)]
    parts.append(element("circle", cx=spot.x, cy=spot.y, r=spot.radius, class_="dot"))
    return element("g", *parts, class_=f"role-{spot.point.role}" + (" on-front" if spot.point.on_front else ""))


def _labels(spots: Sequence[Spot], frame: Box, taken: Sequence[Box]) -> list[Markup]:
    obstacles = [Box(s.x - s.radius, s.y - s.radius, s.x + s.radius, s.y + s.radius) for s in spots]
    obstacles += [Box(s.x - 4, s.whisker[1], s.x + 4, s.whisker[0]) for s in spots if s.whisker]
    named = sorted((s for s in spots if s.point.label), key=lambda s: {"light": 0, "teacher": 1}.get(s.point.role, 2))
    boxes = place_labels([(s.x, s.y, s.radius, s.point.label) for s in named], obstacles, frame, FONT, taken)
    drawn = []
    for spot, box in zip(named, boxes, strict=True):
        x, y = min(max(spot.x, box.left), box.right), min(max(spot.y, box.top), box.bottom)
        if math.hypot(x - spot.x, y - spot.y) > spot.radius + 14:
            drawn.append(line(spot.x, spot.y, x, y, "leader"))
        middle = (box.left + box.right) / 2
        drawn.append(
            text(middle, box.bottom - 4, spot.point.label, anchor="middle", class_=f"name role-{spot.point.role}")
        )
    return drawn
