"""A batch too large for memory, computed in parts: its loss and its gradients are those of the whole batch.

It is what gradient accumulation is for, and exact for any loss, whatever that is a mean over: the outputs of all parts are kept,
and the loss is taken of them together. Each part but the last forgets what its way back needs, and is computed once more then
(Chen et al. 2016, https://arxiv.org/abs/1604.06174): memory holds one part at a time, and a step takes up to a third longer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.checkpoint import checkpoint

from llamita.train.examples import Outputs
from llamita.train.language import LanguageOutputs
from llamita.train.losses import all_states_of

if TYPE_CHECKING:
    from torch import Tensor

    from llamita.train.examples import BatchSource


def outputs_in_parts(
    source: BatchSource, outputs: Callable[[Mapping[str, Any]], Any], inputs: Mapping[str, Tensor], number: int
) -> Any:
    """The outputs for a batch, or for a process's part of it, computed in so many parts."""
    if number == 1:
        return outputs(inputs)
    parts = [source.part(inputs, place, number)[0] for place in range(number)]
    forgotten = [checkpoint(outputs, part, use_reentrant=False) for part in parts[:-1]]
    return joined([*forgotten, outputs(parts[-1])])


def num_parts(inputs: Mapping[str, Tensor], most: int, ranks: int = 1) -> int:
    """In how many parts each of several processes computes its rows of a padded batch.

    It is the same in all of them, for where weights are shared out they must compute equally often; none has more than its rows.

    Args:
        most: tokens that a process computes at once, though a row at least; 0: no limit.
    """
    rows = len(inputs["input_ids"])
    width = max(inputs[name].shape[1] for name in ("input_ids", "decoder_input_ids") if name in inputs)
    fit = max(1, most // width) if most else rows
    return max(1, min(rows // ranks, -(-rows // (ranks * fit))))


def joined(parts: Sequence[Any]) -> Any:
    """The outputs of all texts from those of each part."""
    if isinstance(parts[0], LanguageOutputs):
        return parts[0]._replace(states=torch.cat([part.states for part in parts]))
    states = zip(*map(all_states_of, parts), strict=True)
    return Outputs(
        logits=torch.cat([part.logits for part in parts]), hidden_states=tuple(map(torch.cat, states)) or None
    )


def output_tensors(outputs: Any) -> list[Tensor]:
    """What is kept of a batch that is computed in parts."""
    if isinstance(outputs, LanguageOutputs):
        return [outputs.states]
    return [outputs.logits, *all_states_of(outputs)]
