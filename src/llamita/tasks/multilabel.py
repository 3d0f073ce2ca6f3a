"""Classification of a text or a pair of texts into any number of labels at once: several, one or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from llamita.core.answers import Answers, AnyLabels, told
from llamita.core.measure import Finding
from llamita.core.statistics import (
    Interval,
    bootstrap_interval,
    interval_of,
    label_scores,
    mean_f1,
    ratio_of_sums,
    ratio_of_sums_interval,
    resampled_sums,
    share_interval,
)
from llamita.core.task import Split, Task, Text, as_columns
from llamita.data.label_names import stranger
from llamita.data.label_sets import likely_separator, parts
from llamita.data.read import read_table
from llamita.data.table import require_kind
from llamita.tasks._head import fit_head, has_head
from llamita.tasks._open import open_splits
from llamita.tasks.splits import described

if TYPE_CHECKING:
    from llamita.core.model import Model


@dataclass(frozen=True, kw_only=True)
class MultiLabel(Task):
    """Put any of the labels to each text or pair of texts."""

    answers: ClassVar[Answers] = AnyLabels()

    def has_head(self, model: Model) -> bool:
        """Whether the model tells these labels one by one already, in whatever order."""
        return has_head(model, self.labels, self.answers)

    def fit_head(self, model: Model) -> Model:
        """Keep a head that tells these labels (rows put in their order); otherwise give the base a fresh one."""
        return fit_head(model, self.labels, self.max_length, self.answers)

    def score(self, predictions: np.ndarray, split: Split, answers: Answers | None = None) -> list[Finding]:
        """Micro-F1 with a table for each label and a row for each text, macro-F1, exact match, and the share of wrong marks."""
        answers, gold = answers or self.answers, self.gold(split)
        chosen, n = answers.chosen(predictions), len(split)
        hits, weights = answers.tally(chosen, gold)
        has = gold.astype(bool)
        counts = np.concatenate([chosen & has, chosen & ~has, ~chosen & has], axis=1)
        draws = resampled_sums(counts).reshape(-1, 3, len(self.labels)) if n > 1 else None
        table = per_label(counts.sum(axis=0).reshape(3, -1), self.labels, draws)
        exact, wrong = (chosen == has).all(axis=1), (chosen != has).mean(axis=1)
        detail = {
            "labels": list(self.labels),
            "per_class": table,
            "thresholds": list(getattr(answers, "thresholds", ())),
        }
        macro = None if draws is None else interval_of(macro_f1(draws))
        return [
            Finding(
                name="quality.micro_f1", value=ratio_of_sums(hits, weights), unit="share",
                interval=ratio_of_sums_interval(hits, weights), better="higher", n=n, detail=detail,
                rows=self._rows(predictions, chosen, split, answers),
            ),
            Finding(
                name="quality.macro_f1", value=float(macro_f1(counts.sum(axis=0).reshape(1, 3, -1))[0]), unit="share",
                interval=macro, better="higher", n=n,
            ),
            Finding(
                name="quality.exact_match", value=float(exact.mean()), unit="share", interval=share_interval(exact),
                better="higher", n=n,
            ),
            Finding(
                name="quality.hamming_loss", value=float(wrong.mean()), unit="share", interval=bootstrap_interval(wrong),
                better="lower", n=n,
            ),
        ]  # fmt: skip

    def _rows(
        self, predictions: np.ndarray, chosen: np.ndarray, split: Split, answers: Answers
    ) -> tuple[dict[str, Any], ...]:
        hits, weights = answers.tally(chosen, self.gold(split))
        sure = answers.confidence(predictions)
        rows = []
        for index, text in enumerate(split.texts):
            rows.append(
                {
                    "index": index, **as_columns(text), "label": self.told_gold(split, index),
                    "predicted": told(chosen[index], self.labels), "confidence": round(float(sure[index]), 6),
                    "probabilities": [round(float(p), 6) for p in predictions[index]],
                    "hits": float(hits[index]), "weight": float(weights[index]),
                }
            )  # fmt: skip
        return tuple(rows)

    def describe(self) -> dict[str, Any]:
        """Labels, sizes, counts of each label and of texts without any, and sources."""
        named = {name: self.split(name) for name in ("train", "select", "test", "unlabelled")}
        counts = {
            name: dict(zip(self.labels, self.gold(split).sum(axis=0).tolist(), strict=True))
            for name, split in named.items() if split.is_labelled
        }  # fmt: skip
        bare = {name: split.label_sets.count(()) for name, split in named.items() if split.is_labelled}
        return {
            "task": "multilabel", "score": self.answers.score_name, "label_counts": counts, "without_labels": bare,
            **described(self, *named),
        }  # fmt: skip


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
) -> MultiLabel:
    """Read the data and cut its splits; arguments as for `classify.open_task`, which comes here by itself where it sees
    several labels a text."""
    fields, _ = open_splits(
        train=train, test=test, unlabelled=unlabelled, columns=columns, labels=labels, select=select, seed=seed,
        max_length=max_length, several=True,
    )  # fmt: skip
    return MultiLabel(**fields)


def open_known(labelled: Any, known: Sequence[str], beside: Sequence[Text] = ()) -> MultiLabel:
    """Labelled texts as test data of an engine that has these labels; the data may write them in another case.

    Args:
        beside: texts of the kind that the labelled ones must be, single or pairs.

    Raises:
        UserError: no labels, one that the engine doesn't have, or texts of another kind.
    """
    table = read_table(labelled, labelled=True)
    if beside:
        require_kind(table, pairs=not isinstance(beside[0], str))
    folded = {name.casefold(): i for i, name in enumerate(known)}
    separator = (
        None if table.several else likely_separator([cell.casefold() for cell in table.labels or ()], list(folded))
    )
    names = list(known)
    for i, cell in enumerate(table.labels or ()):
        for label in map(str.strip, parts(cell) if table.several else cell.split(separator or "|")):
            if not label or label in known:
                continue
            at = folded.get(label.casefold())
            if at is None or len(folded) < len(known):
                raise stranger(table.place(i), label, known)
            names[at] = label
    return open_task(test=table, labels=names)


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Mean F1 over the labels that occur as truth or as answer, for counts [resamples, 3, labels] of hits, false and missed."""
    return mean_f1(counts[:, 0], 2 * counts[:, 0] + counts[:, 1] + counts[:, 2])


def per_label(
    counts: np.ndarray, labels: Sequence[str], draws: np.ndarray | None = None
) -> dict[str, dict[str, float | int | Interval | None]]:
    """`label_scores` of each label, and the interval of its F1.

    Args:
        counts: [3, labels] of hits, false and missed ones.
        draws: the same of resamples [resamples, 3, labels].
    """
    rows: dict[str, dict[str, float | int | Interval | None]] = {}
    for i, label in enumerate(labels):
        hits, false, missed = (int(count) for count in counts[:, i])
        scores = label_scores(hits, hits + false, hits + missed)
        f1 = None if draws is None or scores["f1"] is None else interval_of(macro_f1(draws[:, :, [i]]))
        rows[label] = {**scores, "f1_interval": f1}
    return rows
