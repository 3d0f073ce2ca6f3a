"""A task of made-up reviews that a tiny model learns in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from llamita.core.context import Run
from llamita.core.task import Split
from llamita.tasks.classify import Classify
from llamita.tasks.multilabel import MultiLabel

GOOD = ("warm", "funny", "moving", "wonderful", "best", "beautifully", "gladly")
BAD = ("thin", "worse", "dull", "lifeless", "boring", "mess", "badly")
FILLERS = ("the", "film", "a", "story", "and", "it", "is", "of", "plot", "acting", "movie", "year")
LABELS = ("negative", "positive")


def reviews(n: int, seed: int, noise: float = 0.0) -> Split:
    """Random words around one or two that tell the label; a share of the labels is wrong."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(n):
        label = int(random.integers(2))
        words = list(random.choice(FILLERS, size=random.integers(3, 14)))
        for word in random.choice(GOOD if label else BAD, size=random.integers(1, 3)):
            words.insert(int(random.integers(len(words) + 1)), str(word))
        texts.append(" ".join(words))
        labels.append(label if random.random() >= noise else 1 - label)
    return Split(texts=tuple(texts), labels=tuple(labels))


def tiny_task(n: int = 96, *, noise: float = 0.0, unlabelled: int = 0) -> Classify:
    return Classify(
        labels=LABELS, train=reviews(n, 1, noise), select=reviews(40, 2), test=reviews(200, 3),
        unlabelled=Split(texts=reviews(unlabelled, 4).texts),
    )  # fmt: skip


def tiny_run(folder: Path, task: Classify | MultiLabel, **more: object) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    return Run(folder=folder, task=task, **more)  # type: ignore[arg-type]


def accuracy(model: object, split: Split) -> float:
    return float((model.scores(split.texts).argmax(axis=1) == np.asarray(split.labels)).mean())  # type: ignore[attr-defined]


def tags(n: int, seed: int) -> Split:
    """Random words; "funny" where a good word stands among them, "long" where there are ten or more: both, one or neither."""
    random = np.random.default_rng(seed)
    texts, sets = [], []
    for _ in range(n):
        words = list(random.choice(FILLERS, size=random.choice([3, 4, 5, 16, 17, 18])))
        funny = bool(random.integers(2))
        if funny:
            for word in random.choice(GOOD, size=2):
                words.insert(int(random.integers(len(words) + 1)), str(word))
        texts.append(" ".join(words))
        sets.append((*([0] if funny else []), *([1] if len(words) > 10 else [])))
    return Split(texts=tuple(texts), label_sets=tuple(sets))


def several_task(n: int = 96, *, unlabelled: int = 0) -> MultiLabel:
    return MultiLabel(
        labels=("funny", "long"), train=tags(n, 1), select=tags(60, 2), test=tags(200, 3),
        unlabelled=Split(texts=tags(unlabelled, 4).texts),
    )  # fmt: skip
