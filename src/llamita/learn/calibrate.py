"""Temperature scaling: one number that makes a classifier as sure as it is right (Guo et al. 2017).

https://arxiv.org/abs/1706.04599. The temperature is fitted on the select split by the likelihood of its labels and then
divided out of the last linear map, so that stock code gives calibrated probabilities; the predicted labels stay.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from llamita.core.errors import UserError, require
from llamita.core.step import Step

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from llamita.core.context import Run
    from llamita.core.model import Model

log = logging.getLogger(__name__)

HOTTEST = 20.0


@dataclass(frozen=True, kw_only=True)
class Calibrate(Step):
    """Fit a temperature on the select split."""

    highest: float = HOTTEST
    """Bound of the temperature, > 1: it stays between 1/highest and highest, also where select holds no mistake."""

    def __post_init__(self) -> None:
        require(self.highest > 1, f"highest must be > 1, got {self.highest:g}")

    def apply(self, model: Model, run: Run) -> Model:
        import torch

        from llamita.core.architecture import head_linear

        if run.task is None or not len(run.task.select):
            raise UserError("learn.calibrate needs a select split; let the task cut one off (select > 0)")
        model = run.task.fit_head(model)
        logits = model.text_logits(run.task.select.texts)
        gold = np.asarray(run.task.select.labels)
        temperature = fit_temperature(logits, gold, self.highest)
        before, after = mean_surprise(logits, gold, 1.0), mean_surprise(logits, gold, 1 / temperature)
        log.info("temperature %.3f: surprise on select %.4f -> %.4f nats", temperature, before, after)
        linear = head_linear(model.module)
        with torch.no_grad():
            linear.weight.div_(temperature)
            if linear.bias is not None:
                linear.bias.div_(temperature)
        model.folder = None
        return model


def mean_surprise(logits: Float[np.ndarray, "n labels"], gold: Int[np.ndarray, "n"], sharpness: float) -> float:
    """Negative log-likelihood of the gold labels, in nats, with the logits multiplied by the sharpness."""
    scaled = logits.astype(np.float64) * sharpness
    top = scaled.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(scaled - top).sum(axis=1)) + top[:, 0]
    return float((log_total - scaled[np.arange(len(gold)), gold]).mean())


def surprise_slope(logits: Float[np.ndarray, "n labels"], gold: Int[np.ndarray, "n"], sharpness: float) -> float:
    """Derivative of `mean_surprise` by the sharpness: what the model expects of its logits minus what it got."""
    wide = logits.astype(np.float64)
    scaled = wide * sharpness
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    expected = (powers * wide).sum(axis=1) / powers.sum(axis=1)
    return float((expected - wide[np.arange(len(gold)), gold]).mean())


def fit_temperature(
    logits: Float[np.ndarray, "n labels"], gold: Int[np.ndarray, "n"], highest: float = HOTTEST
) -> float:
    """The temperature of the least surprise, within its bounds.

    The surprise is convex in the sharpness 1/T, so its slope changes sign once; bisection finds where.
    """
    low, high = 1 / highest, highest
    if surprise_slope(logits, gold, low) >= 0:
        return 1 / low
    if surprise_slope(logits, gold, high) <= 0:
        return 1 / high
    for _ in range(60):
        middle = (low * high) ** 0.5
        if surprise_slope(logits, gold, middle) > 0:
            high = middle
        else:
            low = middle
    return 1 / (low * high) ** 0.5
