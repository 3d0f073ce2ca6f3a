"""Losses: functions of tensors that fine-tuning and distillation share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from llamita.core.answers import AnyLabels, OneLabel

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from llamita.core.task import Task

NO_LABEL = -1
"""Stands where an example has no gold label."""


def cross_entropy(
    logits: Float[Tensor, "batch labels"],
    gold: Int[Tensor, "batch"],
    class_weights: Float[Tensor, "labels"] | None = None,
    smoothing: float = 0.0,
    gamma: float = 0.0,
) -> Float[Tensor, ""]:
    """Mean over the examples that have a gold label (0 if none has) of weight x smoothed cross-entropy.

    The target puts 1 - smoothing on the gold label and spreads smoothing evenly over all labels. With a gamma each example
    counts (1 - p)^gamma, p the gold label's probability: the focal loss (Lin et al. 2017, https://arxiv.org/abs/1708.02002).
    """
    has_gold = gold != NO_LABEL
    log_p = functional.log_softmax(logits.float(), dim=-1)
    index = gold.clamp(min=0)
    of_gold = log_p.gather(1, index[:, None])[:, 0]
    each = -(1 - smoothing) * of_gold - smoothing * log_p.mean(dim=-1)
    if class_weights is not None:
        each = each * class_weights[index]
    if gamma:
        each = each * _share_left(of_gold) ** gamma
    return (each * has_gold).sum() / has_gold.sum().clamp(min=1)


def _share_left(log_p: Tensor) -> Tensor:
    """1 - p, kept off 0, where its power below 1 has no gradient."""
    return (-torch.expm1(log_p)).clamp(min=1e-6)


def binary_cross_entropy(
    logits: Float[Tensor, "batch labels"],
    gold: Int[Tensor, "batch labels"],
    class_weights: Float[Tensor, "labels"] | None = None,
    smoothing: float = 0.0,
    gamma: float = 0.0,
) -> Float[Tensor, ""]:
    """The same where a text has any labels: of each whether the text has it, mean over labels and examples with gold.

    A label's weight is what its presence counts against its absence. The target of a label is 1 - smoothing / 2 or
    smoothing / 2, and (1 - p)^gamma takes the probability of what is true of it, as in the paper.
    """
    has_gold = gold[:, 0] != NO_LABEL
    target = gold.clamp(min=0).float()
    log_p, log_q = functional.logsigmoid(logits.float()), functional.logsigmoid(-logits.float())
    soft = target * (1 - smoothing) + smoothing / 2
    each = -(soft * log_p if class_weights is None else soft * class_weights * log_p) - (1 - soft) * log_q
    if gamma:
        each = each * _share_left(torch.where(target > 0, log_p, log_q)) ** gamma
    return (each.mean(dim=-1) * has_gold).sum() / has_gold.sum().clamp(min=1)


def presence_weights(gold: np.ndarray, num_labels: int) -> np.ndarray:
    """For each label how many texts lack it for one that has it, so that both sides count alike; 1 where there is one side.

    Args:
        gold: 0 or 1 [texts, labels].

    Returns:
        Float32 [labels].
    """
    has = np.asarray(gold).sum(axis=0)
    lack = len(gold) - has
    return np.where((has > 0) & (lack > 0), lack / np.maximum(has, 1), 1.0).astype(np.float32)


def balanced_weights(labels: Sequence[int] | np.ndarray, num_labels: int) -> np.ndarray:
    """Weights, float32 [labels], that make each label that occurs count the same, with a mean of 1 over the examples."""
    counts = np.bincount(np.asarray(labels, dtype=np.int64), minlength=num_labels)
    present = max(1, int((counts > 0).sum()))
    return np.where(counts > 0, len(labels) / (present * np.maximum(counts, 1)), 0.0).astype(np.float32)


def soft_cross_entropy_gap(
    student: Float[Tensor, "batch labels"], teacher: Float[Tensor, "batch labels"], temperature: float
) -> Float[Tensor, ""]:
    """T^2 x KL(teacher || student), both softened by T, mean over the batch (Hinton et al. 2015, https://arxiv.org/abs/1503.02531).

    The factor T^2 keeps the size of the gradient the same whatever the temperature.
    """
    log_p = functional.log_softmax(student.float() / temperature, dim=-1)
    log_q = functional.log_softmax(teacher.float() / temperature, dim=-1)
    return temperature**2 * (log_q.exp() * (log_q - log_p)).sum(dim=-1).mean()


def binary_gap(
    student: Float[Tensor, "batch labels"], teacher: Float[Tensor, "batch labels"], temperature: float
) -> Float[Tensor, ""]:
    """The same where a text has any labels: mean over the labels of T^2 x KL between two choices of two."""
    ours, theirs = student.float() / temperature, teacher.float() / temperature
    yes = theirs.sigmoid() * (functional.logsigmoid(theirs) - functional.logsigmoid(ours))
    no = (-theirs).sigmoid() * (functional.logsigmoid(-theirs) - functional.logsigmoid(-ours))
    return temperature**2 * (yes + no).mean(dim=-1).mean()


class Losses(NamedTuple):
    """What training minimises for one way to answer."""

    gold: Callable[..., Tensor]
    """Of logits, gold labels, class weights, smoothing, gamma."""
    teacher: Callable[[Tensor, Tensor, float], Tensor]
    balanced: Callable[[np.ndarray, int], np.ndarray]
    """Of gold labels and the number of labels: class weights [labels]."""


LOSSES = {
    OneLabel.task: Losses(gold=cross_entropy, teacher=soft_cross_entropy_gap, balanced=balanced_weights),
    AnyLabels.task: Losses(gold=binary_cross_entropy, teacher=binary_gap, balanced=presence_weights),
}


def losses_of(task: Task) -> Losses:
    """Those of the task's way to answer."""
    return LOSSES[task.answers.task]


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


def all_states_of(outputs: Any) -> tuple[Float[Tensor, "batch length width"], ...]:
    """The same, empty where they weren't asked for."""
    asked = any(getattr(outputs, name, None) is not None for name in ("hidden_states", "decoder_hidden_states"))
    return tuple(hidden_states_of(outputs)) if asked else ()
