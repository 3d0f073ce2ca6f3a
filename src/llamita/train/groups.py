"""Rows of unlike length in one batch, computed in groups of like length, so that little of it is padding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from llamita.core import processes

if TYPE_CHECKING:
    from torch import Tensor, nn

GROUP, WORTH = 1024, 1.2
"""Tokens from which a group of rows is computed by itself, and how many times as long padding must make a batch to be cut so."""


def groups_of_like_length(lengths: Mapping[str, Tensor]) -> list[Tensor]:
    """The rows of a batch in groups of like length, where rows differ so much that much would be padding; else none.

    So a batch may hold short and long documents: batches of like length would be of one source at a time, and a model learns
    less from them (docs/log.md).

    Args:
        lengths: int [rows] of each side of the model.
    """
    if not lengths:
        return []
    longest = torch.stack(list(lengths.values())).amax(dim=0)
    held = longest.tolist()
    if len(held) * max(held) <= max(GROUP, WORTH * sum(held)):
        return []
    order = torch.argsort(longest, descending=True, stable=True)
    starts = [0]
    for place in range(len(held)):
        if (place - starts[-1]) * held[int(order[starts[-1]])] >= GROUP:
            starts.append(place)
    return list(torch.tensor_split(order, starts[1:]))


def lengths_of_sides(inputs: Mapping[str, Tensor], pad: int) -> dict[str, Tensor]:
    """Tokens of each row, int [rows], by what the names of the side's inputs begin with."""
    found = {"": inputs["attention_mask"].sum(dim=1)}
    if "decoder_input_ids" in inputs:
        ids = inputs["decoder_input_ids"]  # its first token may be the one that pads
        places = torch.arange(1, ids.shape[1] + 1, device=ids.device)
        found["decoder_"] = ((ids != pad) * places).amax(dim=1).clamp(min=1)
    return found


def is_shared_out(module: nn.Module) -> bool:
    """Whether each process holds a share of the weights: then all must compute equally often, whatever rows they have."""
    if processes.num_processes() == 1:
        return False
    from torch.distributed.fsdp import FSDPModule

    return any(isinstance(part, FSDPModule) for part in module.modules())


def states_in_groups(
    body: Callable[..., Any], inputs: Mapping[str, Tensor], lengths: Mapping[str, Tensor], groups: Sequence[Tensor]
) -> Tensor:
    """The states of all rows [rows, length, width], each group computed at its own lengths; zeros stand where padding does."""
    last = inputs["decoder_input_ids" if "decoder_" in lengths else "input_ids"]
    states: Tensor | None = None
    for rows in groups:
        own = {}
        for side, sizes in lengths.items():
            longest = int(sizes[rows].max())
            names = (f"{side}input_ids", f"{side}attention_mask")
            own |= {name: inputs[name][rows, :longest] for name in names if name in inputs}
        found = body(**own).last_hidden_state
        if states is None:
            states = found.new_zeros((*last.shape, found.shape[-1]))
        states = states.index_put((rows[:, None], torch.arange(found.shape[1], device=rows.device)), found)
    assert states is not None
    return states
