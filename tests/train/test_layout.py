"""Rows hold every text once and are filled alike; they are taken where they cost less than padding does."""

from __future__ import annotations

import numpy as np
import pytest
from tests.families import FAMILIES, tiny_model

from llamita.train.layout import attention_cost, batch_cost, lay_out, packing_gain


def test_rows_hold_every_text_once_and_are_filled_alike() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        lengths = random.integers(1, 60, size=random.integers(1, 40)).tolist()
        rows = lay_out(lengths)
        fill = [sum(lengths[i] for i in row) for row in rows]
        assert sorted(i for row in rows for i in row) == list(range(len(lengths)))
        assert all(rows)
        assert max(fill) - min(fill) <= max(lengths)
        for widest in (max(lengths), 2 * max(lengths)):
            narrow = lay_out(lengths, widest)
            assert sorted(i for row in narrow for i in row) == list(range(len(lengths)))
            assert max(sum(lengths[i] for i in row) for row in narrow) <= widest
            assert len(narrow) >= len(rows)
    assert lay_out([3, 9, 2, 4]) == [[1], [3, 0, 2]]
    assert lay_out([5, 4, 3]) == lay_out([5, 4, 3], 7) == [[0], [1, 2]]
    assert lay_out([5, 4, 3], 6) == [[0], [1], [2]]
    assert lay_out([9, 2], 5) == [[0], [1]], "a text that is wider by itself stands alone"


def test_attention_is_counted_in_passes_through_the_weights() -> None:
    """A layer of Llama with 4 heads of 8, keys and values of 2, and 64 in between: 9,216 weights and two norms of 32."""
    model = tiny_model("llama", layers=2)
    weights = 32 * 32 * 2 + 32 * 16 * 2 + 3 * 32 * 64
    assert attention_cost(model.module) == pytest.approx(2 * 32 / (weights + 64 + 16))
    assert batch_cost(3, 10, 0.1) == 3 * 10 * 2


@pytest.mark.parametrize("family", FAMILIES)
def test_attention_of_every_family_is_counted(family: str) -> None:
    """So narrow a layer has about 10,000 weights, a wide one many times as many for the same width."""
    assert 0.001 < attention_cost(tiny_model(family).module) < 0.01


def test_packing_pays_until_wider_rows_cost_more_than_the_padding() -> None:
    """Of like length 8, and four rows of 4: 24 tokens. Packed 8 + 2 in a row, and 4 + 2 beside 4: 22 tokens."""
    lengths = [8, 4, 4, 2, 2]
    alike, mixed = [np.array([0]), np.array([1, 2, 3, 4])], [np.array([0, 3]), np.array([1, 2, 4])]
    assert batch_cost(1, 8, 0.1) + batch_cost(4, 4, 0.1) == pytest.approx(36.8)
    assert batch_cost(1, 10, 0.1) + batch_cost(2, 6, 0.1) == pytest.approx(39.2)
    assert packing_gain(lengths, alike, mixed, 0.02) == pytest.approx(26.56 / 25.44)
    assert packing_gain(lengths, alike, mixed, 0.1) == pytest.approx(36.8 / 39.2)
