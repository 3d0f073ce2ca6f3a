"""Cross-entropy over a large vocabulary in chunks of tokens, so that the logits of all tokens never stand in memory at once.

A chunk's logits give its loss and its gradients in one go and are forgotten (as in Hsu et al. 2024,
https://arxiv.org/abs/2410.10989): three products a token, as for the plain loss, and memory for one chunk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int

NO_TARGET = -100
"""Stands where a token is not to be predicted."""
CHUNK_BYTES = 1 << 26
"""Of the float32 logits that stand in memory at once."""


def token_loss(
    states: Float[Tensor, "tokens width"],
    weight: Float[Tensor, "vocabulary width"],
    targets: Int[Tensor, "tokens"],
    *,
    bias: Float[Tensor, "vocabulary"] | None = None,
    smoothing: float = 0.0,
    cap: float | None = None,
) -> Float[Tensor, ""]:
    """Mean cross-entropy of the tokens that have a target, in nats; 0 if none has.

    Args:
        smoothing: share of the target that is spread over the vocabulary, in [0, 1).
        cap: logits are cap x tanh(logits / cap), as some families have them.
    """
    wanted = targets != NO_TARGET
    count = int(wanted.sum())
    if not count:  # the head takes part all the same: where weights are shared out, all processes reduce its gradient
        return sum((part.sum() for part in (states, weight, bias) if part is not None), states.new_zeros(())) * 0.0
    chosen = states if count == len(states) else states[wanted]
    total = _ChunkedLoss.apply(chosen, weight, bias, targets[wanted], smoothing, cap)
    return total / count


def chunk_size(vocabulary: int) -> int:
    """Tokens whose logits stand in memory at once."""
    return max(16, CHUNK_BYTES // (4 * vocabulary))


class _ChunkedLoss(torch.autograd.Function):
    """The summed loss; its gradients are made beside it and scaled when they are asked for."""

    @staticmethod
    def forward(  # pyrefly: ignore
        ctx: Any,
        states: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        smoothing: float,
        cap: float | None,
    ) -> Tensor:
        asked = ctx.needs_input_grad[:3]
        matrix = weight.to(states.dtype)
        of_states = torch.empty_like(states) if asked[0] else None
        of_weight = torch.zeros(weight.shape, dtype=torch.float32, device=weight.device) if asked[1] else None
        of_bias = torch.zeros_like(bias) if bias is not None and asked[2] else None
        total = states.new_zeros((), dtype=torch.float32)
        for start in range(0, len(states), chunk_size(len(weight))):
            part = slice(start, start + chunk_size(len(weight)))
            logits = (states[part] @ matrix.T).float()
            if bias is not None:
                logits += bias
            loss, gradient = _of_chunk(logits, targets[part], smoothing, cap)
            total += loss
            lean = gradient.to(states.dtype)
            if of_states is not None:
                torch.mm(lean, matrix, out=of_states[part])
            if of_weight is not None and states.dtype == torch.float32:
                of_weight.addmm_(lean.T, states[part])
            elif of_weight is not None:
                of_weight += (lean.T @ states[part]).float()
            if of_bias is not None:
                of_bias += gradient.sum(dim=0)
        ctx.gradients = (of_states, None if of_weight is None else of_weight.to(weight.dtype), of_bias)
        return total

    @staticmethod
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:  # pyrefly: ignore
        scaled = tuple(None if gradient is None else gradient.mul_(scale) for gradient in ctx.gradients)
        ctx.gradients = ()
        return (*scaled, None, None, None)


def _of_chunk(
    logits: Float[Tensor, "tokens vocabulary"], targets: Int[Tensor, "tokens"], smoothing: float, cap: float | None
) -> tuple[Float[Tensor, ""], Float[Tensor, "tokens vocabulary"]]:
    """The summed loss of a chunk, and its gradient with respect to the logits, which it takes the memory of."""
    bend = None
    if cap:
        bounded = torch.tanh(logits / cap)
        bend = 1 - bounded.square()
        logits = cap * bounded
    surprise = logits.logsumexp(dim=1)
    loss = (surprise - logits.gather(1, targets[:, None])[:, 0]).sum() * (1 - smoothing)
    if smoothing:
        loss = loss + smoothing * (surprise - logits.mean(dim=1)).sum()
    gradient = logits.sub_(surprise[:, None]).exp_()
    if smoothing:
        gradient -= smoothing / logits.shape[1]
    gradient.scatter_add_(1, targets[:, None], gradient.new_full((len(targets), 1), smoothing - 1))
    return loss, gradient if bend is None else gradient.mul_(bend)
