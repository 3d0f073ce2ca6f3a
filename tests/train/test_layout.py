"""Rows hold every text once and are filled alike."""

from __future__ import annotations

import numpy as np

from llamita.train.layout import lay_out


def test_rows_hold_every_text_once_and_are_filled_alike() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        lengths = random.integers(1, 60, size=random.integers(1, 40)).tolist()
        rows = lay_out(lengths)
        fill = [sum(lengths[i] for i in row) for row in rows]
        assert sorted(i for row in rows for i in row) == list(range(len(lengths)))
        assert all(rows)
        assert max(fill) - min(fill) <= max(lengths)
    assert lay_out([3, 9, 2, 4]) == [[1], [3, 0, 2]]
