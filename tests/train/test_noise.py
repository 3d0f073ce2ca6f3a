"""Masks fall as BERT's paper says and spans as BART's; both by hand, with draws that are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from llamita.train.language_loss import NO_TARGET
from llamita.train.noise import Frame, infilled, masked

MASK = 4
FRAME = Frame(before=(0,), after=(2,), mask=MASK, free=5, size=200)


class Known:
    """Draws that come as they are listed."""

    def __init__(
        self, random: Sequence[Sequence[float]] = (), poisson: Sequence[int] = (), integers: Sequence[Any] = ()
    ):
        self._random, self._poisson, self._integers = list(random), list(poisson), list(integers)

    def random(self, size: int) -> np.ndarray:
        drawn = np.array(self._random.pop(0))
        assert len(drawn) == size
        return drawn

    def poisson(self, mean: float) -> int:
        assert mean == 3
        return self._poisson.pop(0)

    def integers(self, low: int, high: int, size: int | None = None) -> Any:
        drawn = self._integers.pop(0)
        assert size is None or len(drawn) == size
        return drawn


def test_masks_by_hand() -> None:
    ids = np.array([0, 10, 11, 12, 13, 2])
    draws = Known(
        random=[[0.01, 0.1, 0.14, 0.149, 0.15, 0.01], [0.0, 0.79, 0.8, 0.9, 0.0, 0.0]],
        integers=[np.array([91, 92, 93, 94, 95, 96])],
    )
    noisy, targets = masked(ids, FRAME, 0.15, draws)  # type: ignore[arg-type]
    assert noisy.tolist() == [0, MASK, 93, 12, 13, 2]
    assert targets.tolist() == [NO_TARGET, 10, 11, 12, NO_TARGET, NO_TARGET]


def test_of_the_tokens_to_be_foreseen_eight_tenths_are_masked_one_is_another_and_one_stays() -> None:
    ids = np.full(100_000, 150)
    noisy, targets = masked(ids, FRAME, 0.15, np.random.default_rng(0))
    chosen = targets != NO_TARGET
    assert chosen.mean() == pytest.approx(0.15, abs=0.005)
    assert (targets[chosen] == 150).all()
    assert (noisy[~chosen] == 150).all()
    seen = noisy[chosen]
    assert (seen == MASK).mean() == pytest.approx(0.8, abs=0.015)
    assert (seen == 150).mean() == pytest.approx(0.1 + 0.1 / 195, abs=0.015)
    others = seen[(seen != MASK) & (seen != 150)]
    assert {int(others.min()), int(others.max())} == {FRAME.free, FRAME.size - 1}


@pytest.mark.parametrize(
    ("spans", "starts", "wanted"),
    [
        ([3], [2], [10, 11, MASK, 15, 16, 17, 18, 19]),
        ([0, 2], [9, 0], [MASK, 12, 13, 14, 15, 16, 17, 18, MASK]),  # no span is empty
        ([7], [7], [10, 11, 12, 13, 14, 15, 16, MASK]),  # no more than is wanted
        ([3, 1], [8, 3], [10, 11, 12, MASK, 14, 15, 16, 17, MASK]),  # a span ends with the text
        ([1, 2], [4, 5], [10, 11, 12, 13, MASK, 17, 18, 19]),  # neighbours are one span
        ([2, 5, 1], [4, 4, 0], [MASK, 11, 12, 13, MASK, 16, 17, 18, 19]),  # what is hidden counts once
    ],
)
def test_spans_by_hand(spans: list[int], starts: list[int], wanted: list[int]) -> None:
    ids = np.array([0, *range(10, 20), 2])
    draws = Known(poisson=spans, integers=starts)
    assert infilled(ids, FRAME, 0.3, draws).tolist() == [0, *wanted, 2]  # type: ignore[arg-type]


def test_spans_have_about_three_tokens_and_the_share_that_is_asked_for() -> None:
    ids = np.arange(1000, 31000)
    noisy = infilled(ids, Frame((), (), MASK, 5, 40000), 0.05, np.random.default_rng(0))
    hidden = len(ids) - int((noisy != MASK).sum())
    assert hidden == 1500
    assert hidden / int((noisy == MASK).sum()) == pytest.approx(3.3, abs=0.25)


def test_a_text_of_nothing_but_its_frame_stays() -> None:
    assert infilled(np.array([0, 2]), FRAME, 0.3, np.random.default_rng(0)).tolist() == [0, 2]
