"""Few labelled texts get one temperature, enough of every label a scale and a shift for each."""

import numpy as np
import pytest

from llamita.core.scaling import fit_scales
from llamita.tasks.calibrating import FOR_A_VECTOR, fit_few


def given(*counts: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits that lean to the first label, and so many texts of each."""
    gold = np.repeat(np.arange(len(counts)), counts)
    noise = np.random.default_rng(0).normal(size=(len(gold), len(counts)))
    return (noise + np.eye(len(counts))[gold] + [2.0, *[0.0] * (len(counts) - 1)]).astype(np.float32), gold


@pytest.mark.parametrize(
    ("counts", "method"),
    [
        ((FOR_A_VECTOR, FOR_A_VECTOR), "vector"),
        ((FOR_A_VECTOR, FOR_A_VECTOR - 1), "temperature"),
        ((90, 1), "temperature"),
        ((30, 30, 0), "temperature"),
    ],
)
def test_the_rarest_label_decides(counts: tuple[int, ...], method: str) -> None:
    logits, gold = given(*counts)
    scale, shift = fit_few(logits, gold)
    wanted = fit_scales(method, logits, gold)
    np.testing.assert_array_equal(scale, wanted[0])
    np.testing.assert_array_equal(shift, wanted[1])
    assert (shift == 0).all() == (method == "temperature")
