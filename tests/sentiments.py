"""A small data set whose labels follow from its words, for tests that train."""

from __future__ import annotations

import csv
import random
from pathlib import Path

GOOD = ("good", "great", "lovely", "warm", "funny", "moving", "brilliant", "fresh")
BAD = ("bad", "dull", "awful", "cold", "stale", "boring", "clumsy", "empty")
THINGS = ("film", "story", "plot", "cast", "music", "script", "ending", "scene", "camera", "hero")


def sentences(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Different texts with their label, half of them positive."""
    draw = random.Random(seed)
    rows: dict[str, str] = {}
    while len(rows) < count:
        label = ("positive", "negative")[len(rows) % 2]
        words = GOOD if label == "positive" else BAD
        parts = [f"the {draw.choice(THINGS)} is {draw.choice(words)}" for _ in range(draw.randint(2, 4))]
        rows[" and ".join(parts)] = label
    return list(rows.items())


def write_csv(path: Path, rows: list[tuple[str, str]]) -> Path:
    """Write a file with a header as users have it."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("text", "label"))
        writer.writerows(rows)
    return path
