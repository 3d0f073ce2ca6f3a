"""Arithmetic of one forward pass of a torch model, counted from its shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llamita.core.model import Model


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
