"""Arithmetic of one forward pass, counted from the model's shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from llamita.core.engine import Engine
from llamita.core.flops import attention_width, flops_per_token
from llamita.core.task import Text

FORMULA = "2 · non-embedding parameters · tokens + 4 · layers · heads · head size · tokens²"
FORMULA_WITHOUT_ATTENTION = "FLOPs a token as the artifact states them · tokens; products of attention left out"


def mean_flops(engine: Engine, texts: Sequence[Text]) -> tuple[float, dict[str, Any]] | str:
    """Mean FLOPs a text and how they were counted, or why they can't be.

    The head counts for every token, and decoder layers as if no product were masked: both as plain code computes them
    or above.
    """
    lengths = np.array([max(1, len(ids)) for ids, _ in engine.encoder.encode(texts)], dtype=np.float64)
    detail: dict[str, Any] = {"mean_tokens": float(lengths.mean())}
    stated = getattr(engine, "flops_per_token", None)
    if stated:
        width = getattr(engine, "attention_width", None)
        value = float(stated) * lengths.mean() + 4 * (width or 0) * (lengths**2).mean()
        return float(value), {**detail, "formula": FORMULA if width else FORMULA_WITHOUT_ATTENTION}
    if not hasattr(engine, "module"):
        return "the engine does not tell its FLOPs a token"
    per_token, width = flops_per_token(engine), attention_width(engine)  # type: ignore[arg-type]
    return float(per_token * lengths.mean() + 4 * width * (lengths**2).mean()), {**detail, "formula": FORMULA}
