"""Hidden states as targets: columns that read the teacher's states for a batch, and the loss with its projections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from llamita.core.architecture import architecture_named
from llamita.core.errors import UserError
from llamita.distill._examples import logits_loss
from llamita.train.losses import LOSSES, Losses, hidden_states_of, mean_over_tokens, state_distance

if TYPE_CHECKING:
    from torch import Tensor

    from llamita.core.encoding import TextEncoder
    from llamita.core.task import Split
    from llamita.distill.hidden import Hidden
    from llamita.train.examples import Examples
    from llamita.train.teacher import States, Teacher


@dataclass(frozen=True, kw_only=True)
class PooledColumn:
    """For examples, the teacher's states over a text: [batch, layers, width]."""

    states: States

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        return np.concatenate([self.states.rows(int(i), int(i) + 1) for i in indices])


@dataclass(frozen=True, kw_only=True)
class TokenColumn:
    """For examples, the teacher's states at each token, zero at the padding: [batch, length, layers, width]."""

    states: States
    starts: np.ndarray
    """The first row of each example, and at last the number of all rows."""

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        found = [self.states.rows(int(self.starts[i]), int(self.starts[i + 1])) for i in indices]
        padded = np.zeros((len(found), max(len(rows) for rows in found), *found[0].shape[1:]), dtype=np.float32)
        for row, rows in enumerate(found):
            padded[row, : len(rows)] = rows
        return padded


def num_layers(config: Any) -> int:
    """Layers of the stack whose states are compared; of BART the decoder's."""
    return getattr(config, architecture_named(config.model_type).stacks[-1].depth)


def add_states(
    examples: Examples, teacher: Teacher, splits: Sequence[Split], layers: Sequence[int], *, by_token: bool
) -> tuple[Examples, int]:
    """The examples with a column of the teacher's states after these layers, and the width of a state."""
    states = teacher.states(splits, tuple(layers), by_token=by_token)
    starts = np.cumsum([0, *examples.lengths])
    column = TokenColumn(states=states, starts=starts) if by_token else PooledColumn(states=states)
    return replace(examples, targets={**examples.targets, "states": column}), states.chunks[0].shape[-1]


def cut_alike(student: TextEncoder, teacher: TextEncoder, splits: Sequence[Split], positions: str) -> bool:
    """Whether to compare token by token: never for "pooled", and only if both tokenizers cut every text alike."""
    if positions == "pooled":
        return False
    alike = all(_same_cuts(student, teacher, split) for split in splits)
    if positions == "tokens" and not alike:
        raise UserError(
            "positions=tokens needs a teacher and a student whose tokenizers cut the texts alike; use pooled, or auto"
            " (if it is only the length they are cut to, set max_length)"
        )
    return alike


def _same_cuts(student: TextEncoder, teacher: TextEncoder, split: Split) -> bool:
    for start in range(0, len(split), 512):
        texts = list(split.texts[start : start + 512])
        ours, theirs = student.tokenizer.encode_batch(texts), teacher.tokenizer.encode_batch(texts)
        if any(a.offsets != b.offsets or not a.ids for a, b in zip(ours, theirs, strict=True)):
            return False
    return True


class HiddenLoss(nn.Module):
    """The distance of projected student states from the teacher's, beside the loss of the logits."""

    def __init__(
        self, layers: Sequence[int], widths: tuple[int, int], step: Hidden, losses: Losses = LOSSES["classify"]
    ):
        """Widths are the student's and the teacher's."""
        super().__init__()
        self.layers, self.step, self.losses = tuple(layers), step, losses
        self.projections = nn.ModuleList(nn.Linear(*widths) for _ in layers)

    def forward(self, outputs: Any, inputs: Mapping[str, Any], targets: Mapping[str, Any]) -> dict[str, Tensor]:
        parts = logits_loss(outputs, targets, self.step.temperature, self.step.alpha, self.losses)
        hidden = self.distance(hidden_states_of(outputs), inputs["attention_mask"], targets["states"])
        return {**parts, "loss": parts["loss"] + self.step.hidden_weight * hidden, "hidden": hidden}

    def distance(self, states: Sequence[Tensor], mask: Tensor, teacher: Tensor) -> Tensor:
        """Mean over the pairs of layers; the teacher's states have a token axis, or not where they are pooled."""
        by_token = teacher.ndim == 4
        distances = []
        for place, (layer, project) in enumerate(zip(self.layers, self.projections, strict=True)):
            ours = states[layer].float()
            ours = project(ours if by_token else mean_over_tokens(ours, mask))
            counted = mask if by_token else None
            distances.append(state_distance(ours, teacher[..., place, :], counted, self.step.distance))
        return torch.stack(distances).mean()
