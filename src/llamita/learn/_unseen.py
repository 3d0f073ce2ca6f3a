"""Answers to texts that a model hasn't learned from, where there are too few to keep any apart: cross-fitting.

The texts are cut into parts; each part is answered by a model that learned from the others. A temperature fitted to these
answers is a little too careful, since each of those models learned from less than the one that is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from llamita.data.text import reading_key
from llamita.learn._pairs import can_teach

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from llamita.core.context import Run
    from llamita.core.model import Model
    from llamita.core.task import Split

ENOUGH, PLENTY = 8, 200
"""Answers that a temperature needs; and those after which no further part is answered, to spare the time."""


def even_parts(groups: Int[np.ndarray, "n"], number: int, seed: int) -> list[Int[np.ndarray, "part"]]:
    """Indices of the texts in so many parts at most, each group, such as a label's texts, spread evenly over them."""
    random = np.random.default_rng([seed, 7])
    by_group = [random.permutation(np.flatnonzero(groups == group)) for group in np.unique(groups)]
    places = np.concatenate(by_group)
    number = min(number, len(places))
    return [np.sort(places[start::number]) for start in range(number)]


def unseen_answers(
    model: Model, split: Split, number: int, run: Run, learn: Callable[[Split, Run], None]
) -> tuple[Float[np.ndarray, "answered labels"], np.ndarray]:
    """Logits and gold labels of the texts that could be answered by a model that learned from other parts.

    Left out are texts with a label that stands in no other part. The model's weights are afterwards as they were.

    Args:
        number: parts.
        learn: trains the model on a split, in a folder.

    Returns:
        The gold labels as the task's `gold` gives them: indices [answered], or 0 and 1 [answered, labels].
    """
    assert run.task is not None
    labels, groups = run.task.gold(split), np.asarray(split.strata, dtype=np.int64)
    keys = [reading_key(text) for text in split.texts]
    before = {name: value.detach().clone() for name, value in model.module.state_dict().items()}
    logits, gold = [np.zeros((0, len(model.labels)), dtype=np.float32)], [labels[:0]]
    for i, part in enumerate(even_parts(groups, number, run.seed)):
        # a copy of a text that is answered is no other text
        answered = {keys[j] for j in part}
        rest = np.array([j for j in range(len(labels)) if keys[j] not in answered], dtype=np.int64)
        known = part[_occur(labels[part], labels[rest])]
        if sum(map(len, gold)) >= PLENTY:
            break
        if not can_teach(labels[rest]) or not len(known):
            continue
        learn(split.take([int(j) for j in rest]), run.at(run.folder / f"part-{i}"))
        logits.append(model.text_logits([split.texts[j] for j in known]))
        gold.append(labels[known])
        model.module.load_state_dict(before)
        model.changed()
    return np.concatenate(logits), np.concatenate(gold)


def _occur(gold: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Of which texts the label, or every one, is found among the others' [texts]."""
    if gold.ndim == 1:
        return np.isin(gold, others)
    return np.all(gold <= others.any(axis=0), axis=1)
