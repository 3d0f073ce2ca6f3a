"""The smaller pictures: the cascade's curve, reliability diagrams, and accuracy with and without noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from llamita.core.statistics import wilson_interval
from llamita.pages import format as write
from llamita.pages._svg import Scale, drawing, element, even_ticks, grid, line, path, text


def cascade(curve: Sequence[Mapping[str, float]], words: Mapping[str, str], *, width: int, height: int) -> Markup:
    """Accuracy of "light first, teacher when unsure" over the share of texts that reach the teacher."""
    places = sorted((float(p["teacher_share"]), float(p["accuracy"])) for p in curve)
    heights = [accuracy for _, accuracy in places]
    pad = max(0.002, 0.14 * (max(heights) - min(heights)))
    across = Scale(low=0.0, high=1.0, start=46, end=width - 14)
    up = Scale(low=max(0.0, min(heights) - pad), high=min(1.0, max(heights) + pad), start=height - 44, end=30)
    ticks = even_ticks(up.low, up.high, 5)
    shares = [0, 0.25, 0.5, 0.75, 1]
    drawn = grid(
        across,
        up,
        x_ticks=shares,
        y_ticks=ticks,
        write_x=write.percent_ticks(shares),
        write_y=write.percent_ticks(ticks),
    )
    drawn += [
        text(across.start - 36, 14, words["plot_accuracy"], class_="axis-name"),
        text(across.end, up.start + 36, words["plot_teacher_share"], anchor="end", class_="axis-name"),
    ]
    if places[-1][0] == 1.0:
        drawn.append(line(across.start, up(places[-1][1]), across.end, up(places[-1][1]), "limit"))
    drawn.append(path([(across(x), up(y)) for x, y in places], "curve"))
    for (x, y), role in ((places[0], "light"), (places[-1], "teacher")):
        drawn.append(element("circle", cx=across(x), cy=up(y), r=5, class_=f"dot role-{role}"))
        first = role == "light"
        place = (across(x) + 4, up(y) + 20) if first else (across(x) + 4, up(y) - 11)
        drawn.append(
            text(*place, words[f"short_{role}"], anchor="start" if first else "end", class_=f"name role-{role}")
        )
    knee = cheapest_at_best(curve)
    if 0 < knee["teacher_share"] < 1:
        x, y = across(knee["teacher_share"]), up(knee["accuracy"])
        drawn += [line(x, y, x, up.start, "limit"), element("circle", cx=x, cy=y, r=4, class_="dot role-knee")]
    return drawing(width, height, *drawn, title=words["cascade"], description=words["plot_cascade_description"])


def losses(curve: Sequence[Sequence[float]], words: Mapping[str, str]) -> Markup:
    """The loss of a training over its steps."""
    width, height = 460, 260
    steps, heights = [float(step) for step, _ in curve], [float(loss) for _, loss in curve]
    pad = max(1e-3, 0.08 * (max(heights) - min(heights)))
    across = Scale(low=0.0, high=max(steps), start=52, end=width - 14)
    up = Scale(low=max(0.0, min(heights) - pad), high=max(heights) + pad, start=height - 44, end=30)
    drawn = grid(
        across, up, x_ticks=even_ticks(0.0, max(steps), 5), y_ticks=even_ticks(up.low, up.high, 5),
        write_x=lambda v: write.whole(round(v)), write_y=lambda v: write.significant(v, 3),
    )  # fmt: skip
    drawn += [
        text(across.start - 42, 14, words["plot_loss"], class_="axis-name"),
        text(across.end, up.start + 36, words["plot_steps"], anchor="end", class_="axis-name"),
        path([(across(x), up(y)) for x, y in zip(steps, heights, strict=True)], "curve"),
    ]
    return drawing(width, height, *drawn, title=words["training"], description=words["training_text"])


def cheapest_at_best(curve: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    """The point with the fewest calls to the teacher that is no worse than sending it everything."""
    everything = max(curve, key=lambda p: p["teacher_share"])
    enough = [p for p in curve if p["accuracy"] >= everything["accuracy"] - 1e-9]
    return min(enough, key=lambda p: p["teacher_share"])


def reliability(
    bins: Sequence[Mapping[str, Any]], role: str, words: Mapping[str, str], *, low: float, title: str
) -> Markup:
    """Accuracy over confidence for each filled bin, with 95 % whiskers, and how many texts fell into it."""
    width, height = 330, 330
    across = Scale(low=low, high=1.0, start=40, end=width - 10)
    up = Scale(low=low, high=1.0, start=height - 92, end=28)
    ticks = even_ticks(low, 1.0, 5)
    drawn = grid(
        across, up, x_ticks=ticks, y_ticks=ticks, write_x=write.percent_ticks(ticks), write_y=write.percent_ticks(ticks)
    )
    drawn += [
        line(across(low), up(low), across(1), up(1), "diagonal"),
        text(4, 14, words["plot_right"], class_="axis-name"),
        text(across.end, up.start + 34, words["plot_confidence"], anchor="end", class_="axis-name"),
    ]
    filled = [b for b in bins if b["n"]]
    most = max(b["n"] for b in filled)
    floor = height - 14
    for item in filled:
        x, y, n = across(max(low, item["confidence"])), up(max(low, item["accuracy"])), item["n"]
        bottom, top = (up(max(low, bound)) for bound in wilson_interval(round(item["accuracy"] * n), n))
        middle = across(max(low, (item["low"] + item["high"]) / 2))
        tall = 24 * n / most
        hint = element("title", f"{write.percent(item['confidence'])} % → {write.percent(item['accuracy'])} %, n = {n}")
        drawn.append(
            element(
                "g",
                hint,
                line(x, bottom, x, top, "whisker"),
                element("circle", cx=x, cy=y, r=4.5, class_="dot"),
                element("rect", x=middle - 4, y=floor - tall, width=8, height=tall, class_="count"),
                text(middle, floor + 11, _short(n), anchor="middle", class_="tiny"),
                class_=f"role-{role}",
            )
        )
    drawn.append(text(4, floor + 11, "n", class_="tiny"))
    return drawing(width, height, *drawn, title=title, description=words["plot_reliability_description"])


def _short(n: int) -> str:
    return str(n) if n < 1000 else f"{n / 1000:.1f}k" if n < 10_000 else f"{n // 1000}k"


@dataclass(frozen=True, kw_only=True)
class NoiseRow:
    """A model's accuracy on clean and on noisy texts."""

    role: str
    name: str
    clean: float | None
    noisy: float
    interval: tuple[float, float] | None
    n: int


def noise(rows: Sequence[NoiseRow], words: Mapping[str, str]) -> Markup:
    """One line a model: hollow = clean texts, filled = noisy texts, whiskers = 95 % interval."""
    width, step = 336, 46
    height = 34 + step * len(rows) + 40
    values = [v for row in rows for v in (row.clean, row.noisy, *(row.interval or ())) if v is not None]
    low, high = max(0.0, min(values) - 0.03), min(1.0, max(values) + 0.03)
    across = Scale(low=low, high=high, start=12, end=width - 14)
    bottom = 20 + step * len(rows)
    drawn = []
    ticks = even_ticks(low, high, 5)
    for value, said in zip(ticks, map(write.percent_ticks(ticks), ticks), strict=True):
        drawn += [
            line(across(value), 8, across(value), bottom, "grid"),
            text(across(value), bottom + 16, said, anchor="middle"),
        ]
    drawn.append(text(across.end, bottom + 34, words["plot_accuracy"], anchor="end", class_="axis-name"))
    for place, row in enumerate(rows):
        drawn.append(_noise_row(row, across, 38 + step * place))
    return drawing(width, height, *drawn, title=words["noise"], description=words["plot_noise_description"])


def _noise_row(row: NoiseRow, across: Scale, y: float) -> Markup:
    x = across(row.noisy)
    parts = [text(across.start, y - 13, row.name, class_=f"name role-{row.role}")]
    if row.clean is not None:
        parts.append(line(across(row.clean), y, x, y, "link"))
    if row.interval:
        low, high = (across(bound) for bound in row.interval)
        parts += [
            line(low, y, high, y, "whisker"),
            line(low, y - 4, low, y + 4, "whisker"),
            line(high, y - 4, high, y + 4, "whisker"),
        ]
    if row.clean is not None:
        parts.append(element("circle", cx=across(row.clean), cy=y, r=5, class_="dot hollow"))
    parts.append(element("circle", cx=x, cy=y, r=5, class_="dot"))
    return element("g", *parts, class_=f"role-{row.role}")
