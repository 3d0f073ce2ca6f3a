"""Pictures: labels keep clear of one another, the front is a staircase, scales are right."""

from __future__ import annotations

import itertools
import random
import re
import xml.etree.ElementTree as tree

import pytest

from llamita.pages import _curves, plots
from llamita.pages._labels import Box, place_labels
from llamita.pages._svg import Scale, even_ticks, log_ticks
from llamita.pages.strings import words

WORDS = words("en")


def point(size: float, score: float, **given) -> plots.Point:
    return plots.Point(**({"role": "candidate", "label": "", "title": "", "size_bytes": size, "score": score} | given))


def test_a_log_scale_puts_equal_ratios_at_equal_distances() -> None:
    scale = Scale(low=1, high=100, start=0, end=200, log=True)
    assert [round(scale(v)) for v in (1, 10, 100)] == [0, 100, 200]


def test_ticks_are_round_and_inside() -> None:
    assert even_ticks(0.781, 0.925, 5) == [0.8, 0.85, 0.9]
    scale = Scale(low=3e6, high=6e8, start=0, end=300, log=True)
    ticks = log_ticks(scale, 40)
    assert all(3e6 <= t <= 6e8 for t in ticks)
    assert all(b - a >= 40 for a, b in itertools.pairwise(sorted(map(scale, ticks))))


@pytest.mark.parametrize("seed", range(20))
def test_labels_of_a_crowd_never_overlap_and_stay_inside(seed: int) -> None:
    dice = random.Random(seed)
    points = [
        (dice.uniform(200, 320), dice.uniform(100, 220), dice.uniform(3, 15), name)
        for name in ("light", "teacher", "teacher int8", "student alone", "TF-IDF")
    ]
    obstacles = [Box(x - r, y - r, x + r, y + r) for x, y, r, _ in points]
    frame = Box(40, 20, 560, 320)
    boxes = place_labels(points, obstacles, frame, 13)
    assert all(a.overlap(b) == 0 for a, b in itertools.combinations(boxes, 2))
    assert all(box.outside(frame) == 0 for box in boxes)


def test_the_front_is_a_staircase_that_only_rises() -> None:
    points = [
        point(1e6, 0.8, on_front=True),
        point(2e6, 0.9, on_front=True),
        point(4e6, 0.85),
        point(8e6, 0.95, on_front=True),
    ]
    drawn = plots.scatter(points, plots.Limits(), WORDS, width=600, height=400)
    steps = re.search(r'd="([^"]+)" class="front"', drawn)
    assert steps is not None
    places = [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) ([\d.]+)", steps.group(1))]
    assert len(places) == 5
    assert all(b[0] >= a[0] and b[1] <= a[1] for a, b in itertools.pairwise(places))


def test_the_area_of_a_circle_follows_the_latency() -> None:
    points = [point(1e6, 0.8, latency_ms=20.0), point(2e6, 0.9, latency_ms=80.0)]
    drawn = plots.scatter(points, plots.Limits(), WORDS, width=600, height=400)
    slow, fast = (float(r) for r in re.findall(r' r="([\d.]+)"', drawn))
    assert slow**2 / fast**2 == pytest.approx(4, rel=0.05)


def test_a_named_point_of_the_same_size_is_moved_aside_but_not_across_the_limit() -> None:
    same = {"latency_ms": 2.0, "size": 10e6}
    points = [
        point(**same, score=0.9, role="light", label="light"),
        point(**same, score=0.88, role="student_alone", label="alone"),
    ]
    points.append(point(500e6, 0.91, role="teacher", label="teacher", latency_ms=60.0))
    spots = {}
    for limit in (None, 10.5e6):
        drawn = plots.scatter(points, plots.Limits(size_bytes=limit), WORDS, width=600, height=400)
        spots[limit] = {
            role: float(x)
            for role, x in re.findall(r'class="role-(\w+)">.*?<circle cx="([\d.]+)"', drawn.split("</desc>")[1])
        }
    assert spots[None]["student_alone"] > spots[None]["light"] + 8
    assert spots[10.5e6]["student_alone"] < spots[10.5e6]["light"] - 8


def test_titles_in_pictures_are_escaped() -> None:
    drawn = plots.scatter(
        [point(1e6, 0.8, title="<script>"), point(2e6, 0.9)], plots.Limits(), WORDS, width=600, height=400
    )
    assert "<script>" not in drawn
    tree.fromstring(drawn)


def test_the_cheapest_cascade_is_the_first_point_as_good_as_asking_the_teacher_every_time() -> None:
    curve = [
        {"threshold": 0.5, "teacher_share": 0.0, "accuracy": 0.88}, {"threshold": 0.6, "teacher_share": 0.2, "accuracy": 0.90},
        {"threshold": 0.7, "teacher_share": 0.4, "accuracy": 0.91}, {"threshold": 1.0, "teacher_share": 1.0, "accuracy": 0.90},
    ]  # fmt: skip
    assert _curves.cheapest_at_best(curve)["teacher_share"] == 0.2
    tree.fromstring(_curves.cascade(curve, WORDS, width=336, height=300))


def test_a_flat_cascade_can_be_drawn() -> None:
    curve = [{"threshold": t, "teacher_share": t, "accuracy": 1.0} for t in (0.0, 1.0)]
    tree.fromstring(_curves.cascade(curve, WORDS, width=336, height=300))


def test_ticks_of_scores_that_lie_close_are_told_apart() -> None:
    for low in (0.98, 0.992, 0.5):
        picture = plots.scatter([point(1e6, low), point(2e6, 1.0)], plots.Limits(), WORDS, width=900, height=460)
        ticks = re.findall(r'<text x="38" y="[^"]*" text-anchor="end" class="tick">([^<]*)</text>', picture)
        assert len(ticks) == len(set(ticks)) > 1
        assert ticks[-1] == max(ticks, key=float)
        assert float(ticks[-1]) == 100
