"""Which texts share a row, and what that costs: rows of like fill are hardly padded, but wide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def lay_out(lengths: Sequence[int], widest: int = 0) -> list[list[int]]:
    """Rows of like fill for texts of these lengths: the longest first, each into the emptiest row.

    There are as many rows as keep the longest text from being wider than the mean row, so that hardly anything is padded.

    Args:
        widest: tokens that no row of several texts may be wider than, which may take more rows; 0: no limit.
    """
    number = max(1, sum(lengths) // max(lengths))
    while True:
        rows: list[list[int]] = [[] for _ in range(number)]
        fill = np.zeros(number, dtype=np.int64)
        for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
            emptiest = int(fill.argmin())
            rows[emptiest].append(i)
            fill[emptiest] += lengths[i]
        if not widest or fill.max() <= widest or number == len(lengths):
            return rows
        number += 1


def attention_cost(module: PreTrainedModel) -> float:
    """What a token's attention to one other token costs, counted in passes of a token through the weights of the body.

    Of a layer of P weights 2 P operations a token; its scores and what they weigh, 4 x width an other token.
    """
    body = sum(p.numel() for p in module.base_model.parameters()) - module.get_input_embeddings().weight.numel()
    return 2 * module.config.hidden_size * module.config.num_hidden_layers / max(1, body)


def batch_cost(rows: int, width: int, attention: float) -> float:
    """What a batch costs, counted in tokens that see none."""
    return rows * width * (1 + attention * width)


def packing_gain(
    lengths: Sequence[int], alike: Sequence[np.ndarray], mixed: Sequence[np.ndarray], attention: float
) -> float:
    """How many times as cheap mixed batches are, packed, as those of like length, padding and attention counted together."""
    sizes = np.asarray(lengths)
    padded = sum(batch_cost(len(batch), int(sizes[batch].max()), attention) for batch in alike)
    packed = sum(batch_cost(*_shape(sizes[batch]), attention) for batch in mixed)
    return padded / packed


def _shape(lengths: np.ndarray) -> tuple[int, int]:
    """Rows and width of a packed batch."""
    rows = lay_out(lengths.tolist())
    return len(rows), max(int(lengths[row].sum()) for row in rows)
