"""Where the labels of a scatter go, so that none covers another label or a point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from llamita.pages.format import text_width


class Box(NamedTuple):
    """A rectangle in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> float:
        """Shared area."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return wide * high if wide > 0 and high > 0 else 0.0

    def outside(self, frame: Box) -> float:
        """Pixels by which it leaves the frame."""
        return (
            max(0.0, frame.left - self.left)
            + max(0.0, self.right - frame.right)
            + max(0.0, frame.top - self.top)
            + max(0.0, self.bottom - frame.bottom)
        )


DIRECTIONS = ((1, 0), (-1, 0), (0, -1), (0, 1), (0.8, -0.8), (-0.8, -0.8), (0.8, 0.8), (-0.8, 0.8))
REACHES = (3.0, 10.0, 20.0, 32.0, 46.0, 62.0, 80.0, 100.0)


def place_labels(
    points: Sequence[tuple[float, float, float, str]],
    obstacles: Sequence[Box],
    frame: Box,
    font_size: float,
    taken: Sequence[Box] = (),
) -> list[Box]:
    """A box for each label, as near to its point as the room allows; boxes never overlap while there is any room.

    Args:
        points: x, y, radius and label of each labelled point, the most important first.
        obstacles: what labels should rather not cover: circles and whiskers.
        frame: the labels stay inside.
        font_size: in pixels.
        taken: boxes of other words, covered as little as a label.
    """
    placed: list[Box] = list(taken)
    for x, y, radius, label in points:
        options = [_box(x, y, radius + reach, way, label, font_size) for reach in REACHES for way in DIRECTIONS]
        costs = [_cost(box, rank, placed, obstacles, frame) for rank, box in enumerate(options)]
        placed.append(options[costs.index(min(costs))])
    return placed[len(taken) :]


def _cost(box: Box, rank: int, placed: Sequence[Box], obstacles: Sequence[Box], frame: Box) -> float:
    covered = sum(box.overlap(other) for other in placed)
    return 1000 * covered + 500 * box.outside(frame) + sum(box.overlap(other) for other in obstacles) + 1.5 * rank


def _box(x: float, y: float, reach: float, way: tuple[float, float], label: str, font_size: float) -> Box:
    wide, high = text_width(label, font_size) + 4, font_size * 1.25
    middle_x = x + way[0] * reach + (wide / 2 if way[0] > 0 else -wide / 2 if way[0] < 0 else 0)
    middle_y = (
        y + way[1] * reach + (high / 2 if way[1] > 0 and not way[0] else -high / 2 if way[1] < 0 and not way[0] else 0)
    )
    return Box(middle_x - wide / 2, middle_y - high / 2, middle_x + wide / 2, middle_y + high / 2)
