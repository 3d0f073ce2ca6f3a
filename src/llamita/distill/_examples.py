"""The texts a student learns from, with the gold labels there are and what the teacher says of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from llamita.core.errors import UserError
from llamita.core.task import Split, require_labels
from llamita.distill._augment import augmented
from llamita.distill._settings import APART
from llamita.train.examples import Examples, encode
from llamita.train.losses import LOSSES, NO_LABEL, Losses

if TYPE_CHECKING:
    from torch import Tensor

    from llamita.core.context import Run
    from llamita.core.model import Model
    from llamita.core.task import Task
    from llamita.train.teacher import Teacher


def splits_to_read(run: Run, *, unlabelled: bool, augment: int) -> list[Split]:
    """Training texts, then unlabelled and changed ones where they are asked for; empty splits are left out."""
    if run.task is None:
        raise UserError("distillation needs data; name it with --data or 'task:' in the recipe")
    require_labels(run.task, "distillation")
    splits = [run.task.train]
    if unlabelled:
        splits.append(run.task.unlabelled)
    if augment:
        apart = [text for name in APART for text in run.task.split(name).texts]
        splits.append(augmented(run.task.train, augment, run.seed, apart=apart))
    splits = [split for split in splits if len(split)]
    if not splits:
        raise UserError("distillation needs texts: training texts, or unlabelled ones with use_unlabelled=true")
    return splits


def taught_examples(model: Model, splits: Sequence[Split], teacher: Teacher, max_length: int | None) -> Examples:
    """The splits as the student reads them, with gold labels and the teacher's logits."""
    texts = [text for split in splits for text in split.texts]
    gold = [gold_of(split, teacher.task) for split in splits]
    model.encoder.warn_of_unknown(texts)
    logits = [teacher.logits(split) for split in splits]
    return Examples(
        encoded=encode(model, texts, teacher.run.task, max_length),
        targets={"gold": np.concatenate(gold), "teacher": np.concatenate(logits)},
    )


def gold_of(split: Split, task: Task) -> np.ndarray:
    """The split's gold labels; `NO_LABEL` in the same shape where it has none."""
    if split.is_labelled:
        return task.gold(split)
    return np.full((len(split), *task.gold(Split(texts=())).shape[1:]), NO_LABEL, dtype=np.int64)


def logits_loss(
    outputs: Any, targets: Mapping[str, Any], temperature: float, alpha: float, losses: Losses = LOSSES["classify"]
) -> dict[str, Tensor]:
    """alpha x T^2 KL to the teacher + (1 - alpha) x cross-entropy of the gold labels there are."""
    teacher = losses.teacher(outputs.logits, targets["teacher"], temperature)
    gold = losses.gold(outputs.logits, targets["gold"])
    return {"loss": alpha * teacher + (1 - alpha) * gold, "teacher": teacher, "gold": gold}


def prepare(model: Model, run: Run) -> Model:
    """The student with a head for the task (a decoder's tokenizer may change with it), all that is fresh from the seed."""
    assert run.task is not None
    torch.manual_seed(run.seed)
    return run.task.fit_head(model)
