"""Several texts in one row without cross-talk: an explicit block mask, and positions that start again with each text.

Krell et al. 2021, https://arxiv.org/abs/2107.02027. A text is named by a number along its tokens, its segment; segments
are runs, and padding is a segment of its own, whose tokens see one another and nobody else.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from llamita.core.architecture import architecture_of

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from transformers import PreTrainedModel

PADDING = -1
"""The segment of padding."""


def block_mask(
    segment_ids: Int[Tensor, "batch length"], *, causal: bool = False, window: int | None = None
) -> Float[Tensor, "batch 1 length length"]:
    """0 where a token sees another of its own segment, the least float elsewhere: to be added to the scores.

    Args:
        segment_ids: the segment of each token.
        causal: tokens see what stands before them, and not what comes after.
        window: the distance from which on tokens don't see each other; none: they all do.
    """
    seen = segment_ids[:, :, None] == segment_ids[:, None, :]
    place = torch.arange(segment_ids.shape[1], device=segment_ids.device)
    distance = place[:, None] - place[None, :]
    if causal:
        seen = seen & (distance >= 0)
    if window is not None:
        seen = seen & (distance.abs() < window)
    hidden = torch.finfo(torch.float32).min
    return torch.zeros(seen.shape, device=seen.device).masked_fill_(~seen, hidden)[:, None]


def restarted_positions(segment_ids: Int[Tensor, "batch length"]) -> Int[Tensor, "batch length"]:
    """The place of each token in its own segment, from 0."""
    place = torch.arange(segment_ids.shape[1], device=segment_ids.device).expand_as(segment_ids)
    starts = torch.ones_like(segment_ids, dtype=torch.bool)
    starts[:, 1:] = segment_ids[:, 1:] != segment_ids[:, :-1]
    return place - torch.where(starts, place, 0).cummax(dim=1).values


def packed_inputs(
    module: PreTrainedModel, token_ids: Int[Tensor, "batch length"], segment_ids: Int[Tensor, "batch length"]
) -> dict[str, Any]:
    """What a body takes besides the token ids so that each segment is read as if it stood alone.

    Sees to what differs between families: masks for each kind of layer, sliding windows, and positions that are counted
    from the padding id.
    """
    architecture, config = architecture_of(module), module.config
    causal = architecture.is_decoder_only
    window = getattr(config, "sliding_window", None)
    if window is not None and not causal:
        window += 1  # ModernBERT's counts the farthest it sees
    own = sys.modules[type(module.base_model).__module__]
    if architecture.family == "mpnet" and not hasattr(own, "create_bidirectional_mask"):
        # in earlier releases of Transformers it builds its additive mask itself, from [batch, length, length]
        mask: Any = (segment_ids[:, :, None] == segment_ids[:, None, :]).long()
    elif "layer_types" in architecture.per_layer:
        windows = {"full_attention": None, "sliding_attention": window}
        mask = {name: block_mask(segment_ids, causal=causal, window=windows[name]) for name in set(config.layer_types)}
    else:
        mask = block_mask(segment_ids, causal=causal, window=window)
    return {"attention_mask": mask, "position_ids": _positions(module, token_ids, segment_ids)}


def _positions(module: PreTrainedModel, token_ids: Tensor, segment_ids: Tensor) -> Tensor:
    """Positions as the family counts them: RoBERTa's kin from the padding id on, leaving padding tokens out."""
    positions = restarted_positions(segment_ids)
    if not architecture_of(module).positions_start_after_padding:
        return positions
    padding = module.config.pad_token_id
    counted = (token_ids != padding).long()
    before = counted.cumsum(dim=1) - counted
    start = (torch.arange(token_ids.shape[1], device=token_ids.device) - positions).clamp(min=0)
    return padding + counted * (before - before.gather(1, start) + 1)
