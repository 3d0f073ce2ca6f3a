"""A tiny task for the pruning tests: what `Step.apply` needs of one and no more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tests.families import TRAINING_TEXTS

from llamita.core.context import Run
from llamita.core.measure import Finding
from llamita.core.model import Model
from llamita.core.task import Split, Task


@dataclass(frozen=True, kw_only=True)
class Reviews(Task):
    def fit_head(self, model: Model) -> Model:
        return model

    def score(self, predictions: np.ndarray, split: Split) -> list[Finding]:
        return []

    def describe(self) -> dict[str, Any]:
        return {}


def reviews_run(folder: Path, *, select: tuple[str, ...] = (), **settings: Any) -> Run:
    labels = tuple((i + 1) % 2 for i in range(len(TRAINING_TEXTS)))
    train = Split(texts=TRAINING_TEXTS, labels=labels)
    select_split = Split(texts=select, labels=(0,) * len(select))
    return Run(
        folder=folder, task=Reviews(labels=("negative", "positive"), train=train, select=select_split), **settings
    )


def reload(model: Model, folder: Path) -> Model:
    """What stock from_pretrained reads back after save."""
    model.save(folder)
    return Model.load(folder)


def train_briefly(model: Model, run: Run, steps: int = 15) -> Model:
    """Fit the training split with a plain optimiser."""
    torch.manual_seed(0)
    assert run.task is not None
    encoded = model.encoder.encode(run.task.train.texts)
    batch = model.encoder.pad(encoded)
    wanted = torch.tensor(run.task.train.labels)
    optimizer = torch.optim.AdamW(model.module.parameters(), lr=3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        logits = model.module(**model.inputs(batch.token_ids, batch.mask, batch.type_ids)).logits
        torch.nn.functional.cross_entropy(logits, wanted).backward()
        optimizer.step()
    return model
