"""Embeddings of which only the rows that the texts use are trained: the others can only decay, and do so all at once.

AdamW changes a row that has never had a gradient by weight decay alone, the same for all such rows. So gradient, norm and
moments are kept for the rows in use, mostly a small part of a vocabulary, and the end is what it is with the whole table,
to rounding.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MOST_USED = 0.8
"""Share of the rows in use up to which the rest is left out; beyond it little would be saved."""


@runtime_checkable
class TellsIds(Protocol):
    """A source of batches that knows which token ids there are in all of them, but for padding."""

    def used_ids(self) -> np.ndarray: ...


class UsedRows(nn.Module):
    """An embedding as trainable rows for some ids, beside the whole table as it was."""

    def __init__(self, table: nn.Embedding, used: Tensor):
        super().__init__()
        self.table, self.used = table, used
        self.weight = nn.Parameter(table.weight.detach()[used])
        self.place = torch.full((table.num_embeddings,), -1, device=used.device)
        self.place[used] = torch.arange(len(used), device=used.device)
        padding = table.padding_idx
        self.padding_idx = None if padding is None or self.place[padding] < 0 else int(self.place[padding])
        self.left: list[float] = [1.0]
        self.decay = 1.0
        """What weight decay has left of the other rows."""

    def forward(self, ids: Tensor) -> Tensor:
        """Trained texts hold no other ids; any text may where nothing is trained, as in scores on the way."""
        place = self.place[ids]
        if torch.is_grad_enabled():
            return functional.embedding(place, self.weight, self.padding_idx)
        of_table = self.table(ids) * self.decay
        return torch.where(place[..., None] >= 0, self.weight[place.clamp(min=0)], of_table)

    def plan(self, rates: Sequence[float], weight_decay: float) -> None:
        """Settle what is left of the other rows after each step, from the learning rates of all steps."""
        self.left = np.cumprod([1.0, *(1 - rate * weight_decay for rate in rates)]).tolist()

    def decay_to(self, step: int) -> None:
        """Take the other rows as they are after so many steps."""
        self.decay = self.left[step]

    def write_back(self) -> None:
        """Put what was learned into the whole table."""
        with torch.no_grad():
            self.table.weight.mul_(self.decay)
            self.table.weight[self.used] = self.weight


@contextmanager
def rows_in_use(module: PreTrainedModel, source: object, pad_id: int) -> Generator[UsedRows | None]:
    """While inside, the input embeddings train as `UsedRows`, where that is exact and worth it; afterwards as they were."""
    used = _used(module, source, pad_id)
    if used is None:
        yield None
        return
    table: Any = module.get_input_embeddings()
    rows = UsedRows(table, used)
    table.weight.requires_grad = False
    module.set_input_embeddings(rows)
    try:
        yield rows
    finally:
        module.set_input_embeddings(table)
        table.weight.requires_grad = True
        if rows.weight.numel():  # a training whose weights were shared out leaves none when it fails
            rows.write_back()


def _used(module: PreTrainedModel, source: object, pad_id: int) -> Tensor | None:
    """The ids in use, or None: a table that is frozen, tied, hooked, of a class of its own, or mostly in use stays whole."""
    table = module.get_input_embeddings()
    if type(table) is not nn.Embedding or not isinstance(source, TellsIds) or not table.weight.requires_grad:
        return None
    held = sum(p is table.weight for part in module.modules() for p in part._parameters.values())
    options: Mapping[str, Any] = vars(table)
    if (
        held > 1
        or options["_forward_hooks"]
        or options["max_norm"]
        or options["scale_grad_by_freq"]
        or options["sparse"]
    ):
        return None
    used = np.union1d(source.used_ids(), [pad_id])
    if len(used) > MOST_USED * table.num_embeddings:
        return None
    return torch.as_tensor(used, dtype=torch.int64, device=table.weight.device)
