"""Arithmetic of one forward pass, counted from the model's shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.engine import Engine
from llamita.core.task import Text

if TYPE_CHECKING:
    from llamita.core.model import Model

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


def flops_per_token(model: Model) -> int:
    """Two for each parameter that is no embedding table."""
    from torch import nn

    tables = {id(m.weight): m.weight.numel() for m in model.module.modules() if isinstance(m, nn.Embedding)}
    return 2 * (sum(p.numel() for p in model.module.parameters()) - sum(tables.values()))


def attention_width(model: Model) -> int:
    """Layers times heads times head size, summed over stacks; cross-attention counts as a layer's second one."""
    config = model.module.config
    hidden = getattr(config, "hidden_size", None) or config.d_model
    if getattr(config, "is_encoder_decoder", False):
        return hidden * (config.encoder_layers + 2 * config.decoder_layers)
    heads = config.num_attention_heads
    return config.num_hidden_layers * heads * (getattr(config, "head_dim", None) or hidden // heads)
