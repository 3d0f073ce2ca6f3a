"""Answers: how a classifier's logits become probabilities, and those the labels it answers with.

Two kinds: one label a text, whose probabilities sum to 1, and any labels a text, each with a probability of its own. All that
differs between the two stands here and, for training, in train/losses.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from llamita.core.statistics import LEAST, brier_scores, kl_divergences, negative_log_likelihoods

if TYPE_CHECKING:
    from typing import Self

    from llamita.core.task import Split

Curve = tuple[tuple[float, ...], tuple[float, ...]]
"""Probabilities, rising, and what they become; between them straight lines."""
ANSWERS_FILE = "answers.json"
"""Curves, thresholds and what sets are drawn from, which stock code has no place for and doesn't read."""
NOTHING = "—"
"""Stands for an answer without a label."""


@dataclass(frozen=True, kw_only=True)
class Answers(ABC):
    """What follows the logits; what is fitted here stands beside the weights, since stock code has no place for it."""

    task: ClassVar[str]
    """The task whose models answer so."""
    problem_type: ClassVar[str]
    """Transformers' word for it, in a model's config."""
    score_name: ClassVar[str]
    """The finding that says how good such a model is."""

    curves: tuple[Curve, ...] = ()
    """A calibrating curve for each label, or none."""
    conformity: tuple[tuple[float, ...], ...] = ()
    """What conformal sets are drawn from: of texts that weren't fitted to, the probabilities of the labels that they have."""

    @property
    def is_fitted(self) -> bool:
        """Whether there is something here that the weights don't tell."""
        return self != type(self)()

    @abstractmethod
    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Float32 [texts, labels] of logits [texts, labels]."""

    @abstractmethod
    def logits_of(self, probabilities: np.ndarray) -> np.ndarray:
        """Logits, float32 [texts, labels], that give these probabilities where no curve follows."""

    @abstractmethod
    def chosen(self, probabilities: np.ndarray) -> np.ndarray:
        """The labels that a text is given, bool [texts, labels]."""

    @abstractmethod
    def confidence(self, probabilities: np.ndarray) -> np.ndarray:
        """How sure the answers are, float64 [texts]."""

    @abstractmethod
    def undecided(self, probabilities: np.ndarray, margin: float) -> np.ndarray:
        """Where less than this much probability would change the answer, bool [texts, labels]."""

    @abstractmethod
    def gold(self, split: Split, num_labels: int) -> np.ndarray:
        """The labels of a split as losses take them: int64 indices [texts], or 0 and 1 [texts, labels]."""

    @abstractmethod
    def tally(self, chosen: np.ndarray, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Hits and weights of each text, float64 [texts] both: the score is the sum of the hits over that of the weights."""

    @abstractmethod
    def divergences(self, reference: np.ndarray, ours: np.ndarray) -> np.ndarray:
        """KL(reference || ours) of each text's probabilities, in nats [texts]."""

    @abstractmethod
    def decisions(self, probabilities: np.ndarray, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What calibration asks of: probabilities that were claimed and whether it was so, [texts] or [texts, labels] each."""

    @abstractmethod
    def brier(self, probabilities: np.ndarray, gold: np.ndarray) -> np.ndarray:
        """Squared distance to the truth, summed over the labels [texts]."""

    @abstractmethod
    def surprise(self, probabilities: np.ndarray, gold: np.ndarray) -> np.ndarray:
        """Minus the logarithm of what was claimed of the truth, in nats, summed over what is claimed of a text [texts]."""

    @abstractmethod
    def log_odds(self, logits: np.ndarray, label: int) -> np.ndarray:
        """Log-odds of a label by the logits, float64 [texts]."""

    @abstractmethod
    def in_order(self, order: Sequence[int]) -> Self:
        """The same for labels in another order: for each its place here."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `read_answers` reads back."""
        curves = [[list(part) for part in curve] for curve in self.curves]
        conformity = [of[0] if len(of) == 1 else list(of) for of in self.conformity]
        return {"task": self.task, "curves": curves, "conformity": conformity}

    def right(self, chosen: np.ndarray, gold: np.ndarray) -> np.ndarray:
        """Whether a text's answer is right as a whole, bool [texts]."""
        hits, weights = self.tally(chosen, gold)
        return hits == weights

    def through_curves(self, probabilities: np.ndarray) -> np.ndarray:
        """Each label's probabilities [texts, labels] through its curve, same shape; as they are where there is none."""
        if not self.curves:
            return probabilities
        columns = [np.interp(probabilities[:, i], x, y) for i, (x, y) in enumerate(self.curves)]
        return np.stack(columns, axis=1)


@dataclass(frozen=True, kw_only=True)
class OneLabel(Answers):
    """The likeliest label."""

    task: ClassVar[str] = "classify"
    problem_type: ClassVar[str] = "single_label_classification"
    score_name: ClassVar[str] = "quality.accuracy"

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        if not self.curves:
            return softmax(logits)
        found = self.through_curves(softmax(logits, np.float64))
        return (found / found.sum(axis=1, keepdims=True)).astype(np.float32)

    def logits_of(self, probabilities: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(probabilities.astype(np.float64), LEAST)).astype(np.float32)

    def chosen(self, probabilities: np.ndarray) -> np.ndarray:
        return np.arange(probabilities.shape[1]) == probabilities.argmax(axis=1)[:, None]

    def confidence(self, probabilities: np.ndarray) -> np.ndarray:
        return probabilities.max(axis=1).astype(np.float64)

    def undecided(self, probabilities: np.ndarray, margin: float) -> np.ndarray:
        if probabilities.shape[1] < 2:
            return np.zeros(probabilities.shape, dtype=bool)
        best = np.sort(probabilities.astype(np.float64), axis=1)
        return np.broadcast_to((best[:, -1] - best[:, -2] < margin)[:, None], probabilities.shape)

    def gold(self, split: Split, num_labels: int) -> np.ndarray:
        return np.asarray(split.labels, dtype=np.int64)

    def tally(self, chosen: np.ndarray, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The score is accuracy: a hit is 1 or 0, each text weighs 1."""
        return chosen[np.arange(len(gold)), gold].astype(np.float64), np.ones(len(gold))

    def divergences(self, reference: np.ndarray, ours: np.ndarray) -> np.ndarray:
        return kl_divergences(reference, ours)

    def decisions(self, probabilities: np.ndarray, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The confidence of the answer, float64, and whether it is right, bool, [texts] both."""
        return self.confidence(probabilities), probabilities.argmax(axis=1) == gold

    def brier(self, probabilities: np.ndarray, gold: np.ndarray) -> np.ndarray:
        return brier_scores(probabilities, gold)

    def surprise(self, probabilities: np.ndarray, gold: np.ndarray) -> np.ndarray:
        return negative_log_likelihoods(probabilities, gold)

    def log_odds(self, logits: np.ndarray, label: int) -> np.ndarray:
        """Against all other labels together."""
        rest = np.delete(logits, label, axis=1)
        top = rest.max(axis=1)
        return logits[:, label] - top - np.log(np.exp(rest - top[:, None]).sum(axis=1))

    def in_order(self, order: Sequence[int]) -> Self:
        return replace(self, curves=tuple(self.curves[i] for i in order) if self.curves else ())


@dataclass(frozen=True, kw_only=True)
class AnyLabels(Answers):
    """Every label whose probability reaches its threshold: several, one or none."""

    task: ClassVar[str] = "multilabel"
    problem_type: ClassVar[str] = "multi_label_classification"
    score_name: ClassVar[str] = "quality.micro_f1"

    thresholds: tuple[float, ...] = ()
    """Of each label; none: 0.5 for all."""

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        return self.through_curves(sigmoid(logits)).astype(np.float32)

    def logits_of(self, probabilities: np.ndarray) -> np.ndarray:
        yes, no = (np.maximum(side, LEAST) for side in (probabilities.astype(np.float64), 1.0 - probabilities))
        return (np.log(yes) - np.log(no)).astype(np.float32)

    def chosen(self, probabilities: np.ndarray) -> np.ndarray:
        return probabilities >= np.asarray(self.thresholds or 0.5, dtype=np.float32)

    def confidence(self, probabilities: np.ndarray) -> np.ndarray:
        """Of the label that the model is least sure of, float64 [texts]."""
        wide = probabilities.astype(np.float64)
        return np.where(self.chosen(probabilities), wide, 1 - wide).min(axis=1)

    def undecided(self, probabilities: np.ndarray, margin: float) -> np.ndarray:
        """Two probabilities of a choice of two differ by twice what lies between one and its threshold."""
        return np.abs(probabilities - np.asarray(self.thresholds or 0.5)) < margin / 2

    def gold(self, split: Split, num_labels: int) -> np.ndarray:
        """Int64 [texts, labels], 1 for a label that a text has."""
        found = np.zeros((len(split.label_sets), num_labels), dtype=np.int64)
        for row, labels in enumerate(split.label_sets):
            found[row, list(labels)] = 1
        return found

    def tally(self, chosen: np.ndarray, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The score is micro-F1; a text without labels that is given none is no hit and weighs nothing."""
        has = gold.astype(bool)
        return 2.0 * (chosen & has).sum(axis=1), 1.0 * (chosen.sum(axis=1) + has.sum(axis=1))

    def divergences(self, reference: np.ndarray, ours: np.ndarray) -> np.ndarray:
        """Summed over the labels, each a choice of two, in nats [texts]."""
        both = [np.stack([p, 1 - p], axis=-1).reshape(-1, 2) for p in (reference, ours)]
        return kl_divergences(*both).reshape(reference.shape).sum(axis=1)

    def decisions(self, probabilities: np.ndarray, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each label's probability, float64, and whether the text has it, bool, [texts, labels] both."""
        return probabilities.astype(np.float64), gold.astype(bool)

    def brier(self, probabilities: np.ndarray, gold: np.ndarray) -> np.ndarray:
        return ((probabilities - gold) ** 2).sum(axis=1)

    def surprise(self, probabilities: np.ndarray, gold: np.ndarray) -> np.ndarray:
        of_truth = np.where(gold == 1, probabilities.astype(np.float64), 1 - probabilities.astype(np.float64))
        return -np.log(np.maximum(of_truth, LEAST)).sum(axis=1)

    def log_odds(self, logits: np.ndarray, label: int) -> np.ndarray:
        return logits[:, label].astype(np.float64)

    def in_order(self, order: Sequence[int]) -> Self:
        curves = tuple(self.curves[i] for i in order) if self.curves else ()
        return replace(
            self, curves=curves, thresholds=tuple(self.thresholds[i] for i in order) if self.thresholds else ()
        )

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | {"thresholds": list(self.thresholds)}


KINDS: tuple[type[OneLabel] | type[AnyLabels], ...] = (OneLabel, AnyLabels)


def answers_of(problem_type: str | None) -> Answers:
    """How a model with this word in its config answers; most configs have none and mean one label."""
    return next((kind() for kind in KINDS if kind.problem_type == problem_type), OneLabel())


def read_answers(data: Mapping[str, Any]) -> Answers:
    """What `to_dict` wrote.

    Raises:
        KeyError, TypeError, ValueError: it didn't.
    """
    kind = next(kind for kind in KINDS if kind.task == data["task"])
    curves = tuple((tuple(map(float, x)), tuple(map(float, y))) for x, y in data["curves"])
    held = [of if isinstance(of, list) else [of] for of in data.get("conformity", ())]
    conformity = tuple(tuple(map(float, of)) for of in held)
    if kind is AnyLabels:
        return AnyLabels(curves=curves, conformity=conformity, thresholds=tuple(map(float, data["thresholds"])))
    return OneLabel(curves=curves, conformity=conformity)


def softmax(logits: np.ndarray, dtype: type[np.floating] = np.float32) -> np.ndarray:
    """Softmax over the last axis, computed in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(dtype)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Float64, exact at both ends."""
    wide = logits.astype(np.float64)
    small = np.exp(-np.abs(wide))
    return np.where(wide >= 0, 1, small) / (1 + small)


def told(chosen: np.ndarray | Sequence[bool], labels: Sequence[str]) -> str:
    """A text's labels in words, for a table or a page; of one label its name."""
    return " | ".join(label for label, given in zip(labels, chosen, strict=True) if given) or NOTHING
