"""Classification of a text or a pair of texts into any number of named labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.errors import UserError
from llamita.core.measure import Finding
from llamita.core.statistics import bootstrap_table, label_scores, mean_f1, share_interval
from llamita.core.task import Split, Task, Text, as_columns
from llamita.data.cells import plain_form
from llamita.data.label_names import stranger
from llamita.data.read import read_table
from llamita.data.table import require_kind
from llamita.tasks._head import fit_head, has_head
from llamita.tasks._open import open_splits
from llamita.tasks.splits import described

if TYPE_CHECKING:
    from llamita.core.answers import Answers
    from llamita.core.model import Model
    from llamita.data.table import Table


@dataclass(frozen=True, kw_only=True)
class Classify(Task):
    """Put one of the labels to each text or pair of texts."""

    @classmethod
    def from_lists(
        cls,
        texts: Iterable[Text],
        labels: Iterable[object],
        *,
        test: tuple[Iterable[Text], Iterable[object]] | None = None,
        names: Iterable[object] | None = None,
        select: Any = 0.1,
        seed: int = 0,
    ) -> Classify:
        """The task of these texts and labels: lists, arrays or columns in the same order.

        Args:
            test: texts and labels touched once, at the end; a tenth of the training texts is cut off when left out.
            names: the labels in the order wanted; by number or alphabet when left out.
            select: share of the training texts cut off for choices, early stopping and temperature, or texts and labels
                of their own for these.

        Raises:
            UserError: no order, numbers that differ, an item that is no text, an empty label, or one that isn't among the names.
        """
        fields, _ = open_splits(train=(texts, labels), test=test, labels=names, select=select, seed=seed, several=False)
        return cls(**fields)

    def has_head(self, model: Model) -> bool:
        """Whether the model classifies into these labels already, in whatever order."""
        return has_head(model, self.labels, self.answers)

    def fit_head(self, model: Model) -> Model:
        """Keep a head with these labels (rows put in their order); otherwise give the base a fresh one."""
        return fit_head(model, self.labels, self.max_length, self.answers)

    def score(self, predictions: np.ndarray, split: Split, answers: Answers | None = None) -> list[Finding]:
        """Accuracy and macro-F1 with intervals, the per-class table, the confusion matrix, and a row per example."""
        truth = np.asarray(split.labels)
        guess = predictions.argmax(axis=1)
        right = guess == truth
        table = np.zeros((len(self.labels), len(self.labels)), dtype=np.int64)
        np.add.at(table, (truth, guess), 1)
        detail = {"labels": list(self.labels), "confusion": table.tolist(), "per_class": per_class(table, self.labels)}
        n = len(split)
        return [
            Finding(
                name="quality.accuracy", value=float(right.mean()), unit="share", interval=share_interval(right),
                better="higher", n=n, detail=detail, rows=self._rows(predictions, split),
            ),
            Finding(
                name="quality.macro_f1", value=float(macro_f1(table[None])[0]), unit="share",
                interval=bootstrap_table(table, macro_f1), better="higher", n=n,
            ),
        ]  # fmt: skip

    def _rows(self, predictions: np.ndarray, split: Split) -> tuple[dict[str, Any], ...]:
        rows = []
        for index, (text, label, scores) in enumerate(zip(split.texts, split.labels, predictions, strict=True)):
            guess = int(scores.argmax())
            rows.append(
                {
                    "index": index, **as_columns(text), "label": self.labels[label], "predicted": self.labels[guess],
                    "confidence": round(float(scores[guess]), 6), "probabilities": [round(float(s), 6) for s in scores],
                }
            )  # fmt: skip
        return tuple(rows)

    def describe(self) -> dict[str, Any]:
        """Labels, sizes, counts of each label and sources."""
        named = {name: self.split(name) for name in ("train", "select", "test", "unlabelled")}
        counts = {
            name: dict(zip(self.labels, np.bincount(split.labels, minlength=len(self.labels)).tolist(), strict=True))
            for name, split in named.items() if split.labels
        }  # fmt: skip
        return {"task": "classify", "label_counts": counts, **described(self, *named)}


def open_task(
    *,
    train: Any = None,
    test: Any = None,
    unlabelled: Any = None,
    columns: Mapping[str, str] | None = None,
    labels: str | Sequence[str] | None = None,
    select: Any = 0.1,
    seed: int = 0,
    max_length: int | None = None,
) -> Task:
    """Read the data and cut its splits: a `Classify`, or a `MultiLabel` where the data gives a text several labels.

    Args:
        train: a file, or anything `read_table` takes; may be left out to measure a finished model on `test`.
        test: labelled; when left out, a tenth of the training texts is cut off for it, and where it is [] none is.
        unlabelled: texts a teacher may label.
        labels: names in the order wanted (a list, or text with commas); found in the data when left out.
        select: share of the training texts cut off for choices, early stopping and temperature, or texts of their own for these.
        max_length: tokens a text is cut to by a model that is fitted to the task; what it allows when left out.
    """
    fields, several = open_splits(
        train=train, test=test, unlabelled=unlabelled, columns=columns, labels=labels, select=select, seed=seed,
        max_length=max_length,
    )  # fmt: skip
    if several:
        from llamita.tasks.multilabel import MultiLabel

        return MultiLabel(**fields)
    return Classify(**fields)


def open_known(labelled: Any, known: Sequence[str], beside: Sequence[Text] = ()) -> Task:
    """Labelled texts as test data of an engine that has these labels; the data may write them otherwise.

    Args:
        labelled: a file, or anything `read_table` takes.
        beside: texts of the kind that the labelled ones must be, single or pairs.

    Raises:
        UserError: no labels, one that the engine doesn't have, or texts of another kind.
    """
    table = read_table(labelled, labelled=True)
    if beside:
        require_kind(table, pairs=not isinstance(beside[0], str))
    return open_task(test=table, labels=_as_written(table, known))


def _as_written(table: Table, known: Sequence[str]) -> tuple[str, ...]:
    """The engine's labels as the data writes them: case may differ where no two labels do so alone, 5.0 is 5, and LABEL_0 may be
    0."""
    exact, folded = {name: i for i, name in enumerate(known)}, dict[str, int]()
    for rename in (lambda name: name.casefold().removeprefix("label_"), str.casefold):
        told = [plain_form(rename(name)) for name in known]
        folded |= {name: i for i, name in enumerate(told) if told.count(name) == 1}
    names = list(known)
    for i, label in enumerate(table.labels or ()):
        at = exact.get(label, folded.get(plain_form(label.casefold())))
        if at is None and table.several:
            raise UserError(
                f"{table.place(i)}: the labels look like several a text, and the model gives one ({', '.join(known[:20])}); if"
                f" each cell is one label, say so: --columns label={table.label_column}"
            )
        if at is None:
            raise stranger(table.place(i), label, known)
        names[at] = label
    return tuple(names)


def macro_f1(tables: np.ndarray) -> np.ndarray:
    """Mean F1 over the labels that occur as truth or as guess, for confusion tables [resamples, truth, guess]."""
    return mean_f1(np.diagonal(tables, axis1=1, axis2=2), tables.sum(axis=2) + tables.sum(axis=1))


def per_class(table: np.ndarray, labels: Sequence[str]) -> dict[str, dict[str, float | int | None]]:
    """`label_scores` of each label.

    Args:
        table: [labels, labels] of counts, true by given.
    """
    truth, guess = table.sum(axis=1), table.sum(axis=0)
    return {label: label_scores(int(table[i, i]), int(guess[i]), int(truth[i])) for i, label in enumerate(labels)}
