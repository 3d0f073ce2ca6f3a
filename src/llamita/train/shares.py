"""One batch on several processes: each computes some rows, and all see the loss of the whole batch.

Each process puts its rows to the module; what the loss reads of them is gathered, and the loss of the whole batch is taken
everywhere. So any loss has the value and the gradient that it has in one process, whatever it means over. A loss whose
outputs are too large to send around says what it is a mean over (`counted`), and is weighted by that instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor, distributed

from llamita.train.examples import Outputs
from llamita.train.losses import all_states_of

if TYPE_CHECKING:
    from llamita.train.examples import BatchSource


@runtime_checkable
class Counted(Protocol):
    """A loss that is a mean, and tells over how many."""

    def counted(self, inputs: Mapping[str, Any], targets: Mapping[str, Any]) -> Tensor | int:
        """How many things of this part of a batch the loss means over; 0 if none."""
        ...


class _Gather(torch.autograd.Function):
    """All rows from each process's own. Its gradient is `ranks`-fold, since gradients are averaged over processes later."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, low: int, held: int, total: int, ranks: int) -> Tensor:  # pyrefly: ignore
        ctx.place = (low, held, ranks, own.shape)
        whole = own.new_zeros((total, *own.shape[1:]))
        whole[low : low + held] = own[:held]
        distributed.all_reduce(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:  # pyrefly: ignore
        low, held, ranks, shape = ctx.place
        own = gradient.new_zeros(shape)
        own[:held] = gradient[low : low + held] * ranks
        return own, None, None, None, None


def gathered_outputs(
    source: BatchSource,
    outputs: Callable[[Mapping[str, Any]], Any],
    inputs: Mapping[str, Any],
    process: tuple[int, int],
) -> Outputs:
    """The outputs for a whole batch, of which this process (rank, ranks) computes its part."""
    rank, ranks = process
    own, texts = source.part(inputs, rank, ranks)
    found = outputs(own)
    place = (texts.start, texts.stop - texts.start, len(inputs["attention_mask"]), ranks)
    return Outputs(
        logits=_Gather.apply(found.logits, *place),
        hidden_states=tuple(_Gather.apply(state, *place) for state in all_states_of(found)),
    )


def weighted_parts(
    source: BatchSource, loss: Any, outputs: Callable[[Mapping[str, Any]], Any],
    batch: tuple[Mapping[str, Any], Mapping[str, Any]], process: tuple[int, int],
) -> tuple[dict[str, Tensor], Tensor]:  # fmt: skip
    """The loss's parts for this process's part of a batch, and the share of the whole that they stand for."""
    inputs, targets = batch
    own, texts = source.part(inputs, *process)
    none = texts.start == texts.stop
    kept = slice(0, 1) if none else texts
    own_targets = {name: value[kept] for name, value in targets.items()}
    parts = loss(outputs(own), own, own_targets)
    count = torch.tensor(0.0 if none else float(loss.counted(own, own_targets)), dtype=torch.float64)
    total = count.clone()
    distributed.all_reduce(total)
    return parts, (count / total.clamp(min=1)).to(parts["loss"])
