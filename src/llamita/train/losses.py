"""Losses: functions of tensors that fine-tuning and distillation share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

NO_LABEL = -1
"""Stands where an example has no gold label."""


def cross_entropy(
    logits: Float[Tensor, "batch labels"],
    gold: Int[Tensor, "batch"],
    class_weights: Float[Tensor, "labels"] | None = None,
    smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """Mean over the examples that have a gold label (0 if none has) of weight x smoothed cross-entropy.

    The target puts 1 - smoothing on the gold label and spreads smoothing evenly over all labels.
    """
    has_gold = gold != NO_LABEL
    log_p = functional.log_softmax(logits.float(), dim=-1)
    index = gold.clamp(min=0)
    each = -(1 - smoothing) * log_p.gather(1, index[:, None])[:, 0] - smoothing * log_p.mean(dim=-1)
    if class_weights is not None:
        each = each * class_weights[index]
    return (each * has_gold).sum() / has_gold.sum().clamp(min=1)


def balanced_weights(labels: Sequence[int], num_labels: int) -> np.ndarray:
    """Weights that make each label that occurs count the same, with a mean of 1 over the examples."""
    counts = np.bincount(np.asarray(labels, dtype=np.int64), minlength=num_labels)
    present = max(1, int((counts > 0).sum()))
    return np.where(counts > 0, len(labels) / (present * np.maximum(counts, 1)), 0.0).astype(np.float32)


def soft_cross_entropy_gap(
    student: Float[Tensor, "batch labels"], teacher: Float[Tensor, "batch labels"], temperature: float
) -> Float[Tensor, ""]:
    """T^2 x KL(teacher || student), both softened by T, mean over the batch (Hinton et al. 2015).

    The factor T^2 keeps the size of the gradient the same whatever the temperature.
    """
    log_p = functional.log_softmax(student.float() / temperature, dim=-1)
    log_q = functional.log_softmax(teacher.float() / temperature, dim=-1)
    return temperature**2 * (log_q.exp() * (log_q - log_p)).sum(dim=-1).mean()


def mean_over_tokens(
    states: Float[Tensor, "batch length width"], mask: Int[Tensor, "batch length"]
) -> Float[Tensor, "batch width"]:
    """Mean of the states at the tokens that count."""
    weight = mask.to(states.dtype)[..., None]
    return (states * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)


def state_distance(
    student: Float[Tensor, "*rows width"],
    teacher: Float[Tensor, "*rows width"],
    mask: Int[Tensor, "*rows"] | None = None,
    kind: str = "mse",
) -> Float[Tensor, ""]:
    """Mean over the rows that count of the squared difference ("mse") or of 1 - cosine ("cosine")."""
    if kind == "mse":
        each = (student.float() - teacher.float()).square().mean(dim=-1)
    else:
        each = 1 - torch.cosine_similarity(student.float(), teacher.float(), dim=-1)
    if mask is None:
        return each.mean()
    weight = mask.to(each.dtype)
    return (each * weight).sum() / weight.sum().clamp(min=1)


def hidden_states_of(outputs: Any) -> Sequence[Float[Tensor, "batch length width"]]:
    """The embeddings and what each layer gives; of BART the decoder's, whose last one feeds the head."""
    states = getattr(outputs, "hidden_states", None)
    return states if states is not None else outputs.decoder_hidden_states
