"""The documents that a task itself has for a model to learn language from."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from llamita.core.errors import require
from llamita.core.task import Worded
from llamita.data.clean import dropped_documents

if TYPE_CHECKING:
    from llamita.core.task import Task

log = logging.getLogger(__name__)


def own_documents(
    task: Task | None, *, copies: str, filtered: bool, enough: bool = True
) -> tuple[list[str], list[float]]:
    """A task's texts that may be learned from, without copies and what is no text, and their weights.

    Args:
        copies: which of them go, as `dropped_documents` takes it.
        filtered: whether documents that are no running text go; a task's own texts with labels are what they are.
        enough: whether there must be some.

    Raises:
        UserError: no task, one of dialogues, or nothing left.
    """
    require(task is not None, "learn.pretrain needs documents; name them with --data or 'task:' in the recipe")
    assert task is not None
    require(not isinstance(task, Worded), "learn.pretrain is for documents; dialogues are for learn.finetune")
    texts = [
        text if isinstance(text, str) else "\n".join(text)
        for split in (task.train, task.unlabelled)
        for text in split.texts
    ]
    weights = list(task.weights) or [1.0] * len(texts)
    dropped = dropped_documents(texts, copies=copies, filtered=filtered and not task.labels)
    for reason, indices in dropped.items():
        example = " ".join(texts[indices[0]].split())[:60]
        log.info(
            "left out: %s of %s documents (%s), such as %r", f"{len(indices):,}", f"{len(texts):,}", reason, example
        )
    gone = {i for indices in dropped.values() for i in indices}
    kept = [i for i in range(len(texts)) if i not in gone]
    require(bool(kept or not enough), "no document is left to learn from; give more, or filtered=false and copies=keep")
    return [texts[i] for i in kept], [weights[i] for i in kept]
