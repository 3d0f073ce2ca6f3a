"""A fresh head for language over a body that has learned: the head first, and afterwards a head for labels back on top.

A head that knows nothing sends the body it stands on first of all its own noise, which costs what the body had learned (Kumar et
al. 2022, https://arxiv.org/abs/2202.10054): so the head learns alone until it says something.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from llamita.core.engine import is_headed
from llamita.core.task import label_order

if TYPE_CHECKING:
    import numpy as np
    from torch import nn
    from transformers import PreTrainedModel

    from llamita.core.context import Run
    from llamita.core.model import Model
    from llamita.core.task import Task
    from llamita.train.examples import BatchSource
    from llamita.train.settings import LoopSettings

log = logging.getLogger(__name__)


def head_alone(
    model: Model, source: BatchSource, batches: Sequence[np.ndarray], settings: LoopSettings, run: Run
) -> None:
    """Train what stands above the body on these batches."""
    from llamita.learn._parts import frozen
    from llamita.train.language import LanguageLoss
    from llamita.train.loop import fit

    if not batches:
        return
    log.info("the head for language is new and learns alone for the first %s steps", f"{len(batches):,}")
    own = replace(settings, evaluations=0, patience=0)
    with frozen(model.module.base_model.parameters()):
        fit(model, source, batches, LanguageLoss(), own, run.at(run.folder / "part-head"))


def parameters_above(module: PreTrainedModel) -> list[nn.Parameter]:
    """What a language model has beside its body, tied embeddings left out."""
    body = {id(p) for p in module.base_model.parameters()}
    return [p for p in module.parameters() if id(p) not in body]


def classifier_of(model: Model, task: Task | None) -> PreTrainedModel | None:
    """The module, if it has a head for the task's labels: that waits while the body learns language."""
    fits = task is not None and bool(task.labels) and label_order(model.labels, task.labels) is not None
    return model.module if fits and is_headed(model) else None


def back_under(classifier: PreTrainedModel | None, model: Model) -> Model:
    """The body that has learned language, under the head for labels it had; the head for language is left out then."""
    if classifier is not None:
        classifier.base_model.load_state_dict(model.module.base_model.state_dict(), strict=False)
        model.module = classifier.to(model.device).eval()
        model.changed()
        log.info("the body is back under its head for labels, which isn't tuned to it yet (finetune)")
    return model
