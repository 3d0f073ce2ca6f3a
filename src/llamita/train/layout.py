"""Which texts share a row: rows of like fill, so that hardly anything is padded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def lay_out(lengths: Sequence[int]) -> list[list[int]]:
    """Rows of like fill for texts of these lengths: the longest first, each into the emptiest row.

    There are as many rows as keep the longest text from being wider than the mean row, so that hardly anything is padded.
    """
    rows: list[list[int]] = [[] for _ in range(max(1, sum(lengths) // max(lengths)))]
    fill = np.zeros(len(rows), dtype=np.int64)
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        emptiest = int(fill.argmin())
        rows[emptiest].append(i)
        fill[emptiest] += lengths[i]
    return rows
