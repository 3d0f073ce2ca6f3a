"""Tokenised examples with their targets, put into padded batches as the loop asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from llamita.core.encoding import Encoded, TextEncoder
from llamita.core.errors import UserError, require
from llamita.core.task import Worded, require_labels

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.model import Model
    from llamita.core.task import Split, Task, Text


class Column(Protocol):
    """One target of each example; indexed by an array of examples it gives an array with them as rows."""

    def __getitem__(self, indices: np.ndarray, /) -> np.ndarray: ...


class BatchSource(Protocol):
    """What the loop trains on: it makes a batch of some examples, and puts a batch to the module."""

    @property
    def lengths(self) -> list[int]:
        """Tokens of each example."""
        ...

    def batch(self, model: Model, indices: np.ndarray) -> dict[str, Any]:
        """`inputs` and `targets` of one batch; the same examples give the same batch whenever it is asked for."""
        ...

    def outputs(self, module: nn.Module, inputs: Mapping[str, Any], **extra: Any) -> Any:
        """What the loss takes: the module's outputs for these inputs."""
        ...

    def part(self, inputs: Mapping[str, torch.Tensor], rank: int, ranks: int) -> tuple[dict[str, torch.Tensor], slice]:
        """The inputs that one of several processes computes, and which texts of the batch it answers for; see `rows_part`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What a loss reads of a classifier's outputs."""

    logits: torch.Tensor
    hidden_states: tuple[torch.Tensor, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Token ids of each example and what the loss compares the model with; a batch is padded to its longest."""

    encoded: Sequence[Encoded]
    targets: Mapping[str, Column] = field(default_factory=dict)

    @property
    def lengths(self) -> list[int]:
        return [len(ids) for ids, _ in self.encoded]

    def batch(self, model: Model, indices: np.ndarray) -> dict[str, Any]:
        batch = model.encoder.pad([self.encoded[i] for i in indices])
        inputs = model.inputs(batch.token_ids, batch.mask, batch.type_ids)
        return {"inputs": inputs, "targets": self.targets_of(model, indices)}

    def targets_of(self, model: Model, indices: np.ndarray) -> dict[str, torch.Tensor]:
        """The rows of each column for these examples."""
        return {
            name: torch.as_tensor(np.ascontiguousarray(column[indices])).to(model.device)
            for name, column in self.targets.items()
        }

    def used_ids(self) -> np.ndarray:
        return np.unique(np.concatenate([np.asarray(ids, dtype=np.int64) for ids, _ in self.encoded]))

    def outputs(self, module: nn.Module, inputs: Mapping[str, Any], **extra: Any) -> Any:
        return module(**inputs, **extra)

    def part(self, inputs: Mapping[str, torch.Tensor], rank: int, ranks: int) -> tuple[dict[str, torch.Tensor], slice]:
        return rows_part(inputs, rank, ranks)


def rows_part(inputs: Mapping[str, torch.Tensor], rank: int, ranks: int) -> tuple[dict[str, torch.Tensor], slice]:
    """What one of several processes computes where each text has its row: its inputs, and which texts of the batch they are.

    A process for which no row is left gets the first, of no text.
    """
    total = len(inputs["input_ids"])
    first, last = rank * total // ranks, (rank + 1) * total // ranks
    kept = slice(first, last) if last > first else slice(0, 1)
    return {name: value[kept] for name, value in inputs.items()}, slice(first, last)


class BatchSet(Dataset):
    """A data set whose items are ready batches, in the order they are trained."""

    def __init__(self, model: Model, source: BatchSource, batches: Sequence[np.ndarray]):
        self.model, self.source, self.batches = model, source, batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.source.batch(self.model, self.batches[index])


def encoder_for(model: Model, task: Task | None, max_length: int | None = None) -> TextEncoder:
    """The model's encoder, cut to the shortest of the step's, the task's and the model's limits."""
    encoder = model.encoder
    limits = [limit for limit in (max_length, task.max_length if task else None, encoder.max_length) if limit]
    return encoder.cut(min(limits))


def encode(model: Model, texts: Sequence[Text], task: Task | None, max_length: int | None = None) -> list[Encoded]:
    """Token ids of texts as they are trained on; a text without a token becomes one padding token."""
    encoder = encoder_for(model, task, max_length)
    return [(ids, types) if ids else ([encoder.pad_id], [0]) for ids, types in encoder.encode(texts)]


def labelled_split(run: Run, step: str) -> Split:
    """The task's training split, or one line that says what is missing."""
    if run.task is None or not len(run.task.train):
        raise UserError(f"{step} needs labelled training texts; give a task with training data")
    if not isinstance(run.task, Worded):
        require_labels(run.task, step)
        require(run.task.train.is_labelled, f"{step} needs labelled training texts; these have no labels")
    return run.task.train
