"""Task: examples, how they are put to a model, and how an answer is scored."""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, get_args, runtime_checkable

import numpy as np

from llamita.core.answers import Answers, OneLabel, told
from llamita.core.errors import UserError, require

if TYPE_CHECKING:
    from llamita.core.engine import Engine
    from llamita.core.measure import Finding
    from llamita.core.model import Model

Text = str | tuple[str, str]
"""A text, or a pair of texts such as premise and hypothesis."""
SplitName = Literal["train", "select", "test", "unlabelled"]
SPLITS: tuple[str, ...] = get_args(SplitName)
"""What the splits of a task are called."""


def is_text(item: object) -> bool:
    """Whether it is a text, or a pair of them."""
    pair = isinstance(item, (tuple, list)) and len(item) == 2
    return isinstance(item, str) or (pair and all(isinstance(part, str) for part in item))


def parts_of(text: Text) -> tuple[str, ...]:
    """A text alone, or both of a pair."""
    return (text,) if isinstance(text, str) else text


def as_columns(text: Text) -> dict[str, str]:
    """A text as the columns of a table, such as those of a report's rows."""
    return {"text": text} if isinstance(text, str) else {"text": text[0], "pair": text[1]}


def label_order(theirs: Sequence[str], ours: Sequence[str]) -> list[int] | None:
    """For each of our labels its place among theirs, or None when the two name different labels.

    Names may differ in case, and the names `LABEL_0`, `LABEL_1` ... stand for the numbers.
    """
    for rename in (str, str.casefold, lambda name: name.casefold().removeprefix("label_")):
        known = [rename(name) for name in theirs]
        wanted = [rename(name) for name in ours]
        if len(known) == len(wanted) == len(set(known)) and set(known) == set(wanted):
            return [known.index(name) for name in wanted]
    return None


def _escaped(text: str) -> str:
    """The text without the characters that part texts and examples in a fingerprint."""
    return re.sub("[\x1b\x1e\x1f]", lambda found: f"\x1b{ord(found[0]):x}", text)


@dataclass(frozen=True, kw_only=True)
class Split:
    """Examples of one split, in file order."""

    texts: tuple[Text, ...]
    labels: tuple[int, ...] = ()
    """Index into the task's labels, one per text; empty when the texts are unlabelled."""
    label_sets: tuple[tuple[int, ...], ...] = ()
    """Where a text has any labels: the indices of its labels, rising; `labels` is empty then."""
    source: str = ""
    """File (and lines) the split came from, for reports."""

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        """How many and from where; all of them would fill the screen."""
        where = f" of {self.source}" if self.source else ""
        return f"<Split: {len(self):,} {'labelled ' if self.is_labelled else ''}texts{where}>"

    @property
    def is_labelled(self) -> bool:
        """Whether its texts have labels; a text may well have an empty set of them."""
        return bool(self.labels or self.label_sets)

    @property
    def strata(self) -> Sequence[int]:
        """What a cut keeps the proportions of: a text's label, or the rarest of its labels; texts without one are -1."""
        if not self.label_sets:
            return self.labels
        counts = Counter(label for labels in self.label_sets for label in labels)
        return [min(labels, key=lambda label: (counts[label], label), default=-1) for labels in self.label_sets]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the content; the source does not count."""
        digest = hashlib.sha256()
        for text in self.texts:
            for part in parts_of(text):
                digest.update(_escaped(part).encode("utf-8", "surrogatepass") + b"\x1f")
            digest.update(b"\x1e")
        digest.update(np.asarray(self.labels, dtype="<i8").tobytes())
        for labels in self.label_sets:
            digest.update(np.asarray([len(labels), *labels], dtype="<i8").tobytes())
        return digest.hexdigest()

    def take(self, indices: Sequence[int]) -> Split:
        """The examples at these indices, in the order given."""
        labels = tuple(self.labels[i] for i in indices) if self.labels else ()
        sets = tuple(self.label_sets[i] for i in indices) if self.label_sets else ()
        return Split(texts=tuple(self.texts[i] for i in indices), labels=labels, label_sets=sets, source=self.source)


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """What the model is for: splits, labels, and how answers are scored."""

    answers: ClassVar[Answers] = OneLabel()
    """How a model answers before anything is fitted to it."""

    labels: tuple[str, ...] = ()
    train: Split = field(default_factory=lambda: Split(texts=()))
    """Learned from."""
    select: Split = field(default_factory=lambda: Split(texts=()))
    """Cut from the training data: early stopping, choices and temperature use it."""
    test: Split = field(default_factory=lambda: Split(texts=()))
    """Touched once, at the end."""
    unlabelled: Split = field(default_factory=lambda: Split(texts=()))
    """Texts that a teacher may label."""
    max_length: int | None = None
    """Tokens a text is cut to; None: what the model allows."""
    notes: tuple[str, ...] = ()
    """What was done to the data when it was opened, in plain sentences."""
    weights: tuple[float, ...] = field(default=(), repr=False)
    """How often each training text, and then each unlabelled one, is read in an epoch, on average; empty: once."""
    columns: Mapping[str, str] | None = field(default=None, repr=False, hash=False)
    """How the user named the columns, and the labels; files beside the data that a step reads have them, too."""

    def split(self, name: str) -> Split:
        """The split of this name: train, select, test or unlabelled.

        Raises:
            UserError: there is no such split.
        """
        require(name in SPLITS, f"split must be one of {', '.join(SPLITS)}, got {name!r}")
        return getattr(self, name)

    def gold(self, split: Split) -> np.ndarray:
        """The split's labels as losses and scores take them: indices [texts], or 0 and 1 [texts, labels]."""
        return self.answers.gold(split, len(self.labels))

    def told_gold(self, split: Split, index: int) -> str:
        """A labelled text's labels in words."""
        indices = (split.labels[index],) if split.labels else split.label_sets[index]
        return told([i in indices for i in range(len(self.labels))], self.labels)

    @property
    def training_fingerprint(self) -> str:
        """What a trained stage depends on: everything but the test split."""
        parts = [
            *map(_escaped, self.labels),
            self.train.fingerprint,
            self.select.fingerprint,
            self.unlabelled.fingerprint,
        ]
        parts += [str(self.max_length), *map(str, self.weights)]
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()

    @abstractmethod
    def fit_head(self, model: Model) -> Model:
        """Give the model a head for this task (fresh if it has none that fits), with the label names in its config."""

    @abstractmethod
    def score(self, predictions: np.ndarray, split: Split, answers: Answers | None = None) -> list[Finding]:
        """Score an engine's predictions (rows: examples; columns: probabilities of the labels) on a split.

        Args:
            answers: the engine's, in the order of the task's labels; the task's own when left out.

        Returns:
            The finding named `answers.score_name` first, with a row for each example.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Name, labels, sizes and sources, for reports."""


@runtime_checkable
class MeasuresItself(Protocol):
    """A task without labels, which asks an engine itself."""

    def measured(self, engine: Engine, split: Split) -> list[Finding]:
        """The task's scores of an engine on a split, the one that choices go by first."""
        ...


@runtime_checkable
class Worded(MeasuresItself, Protocol):
    """A task whose models answer in words and not with labels: it makes its own training rows, too."""

    def examples(self, model: Model, split: Split, max_length: int | None) -> Any:
        """Rows of tokens with a target for each, as `train.language.TokenExamples`."""
        ...


def require_head(task: Task, engine: Engine, what: str) -> None:
    """Refuse a model that doesn't answer with the task's labels, where something only changes how sure it is of them.

    Raises:
        UserError: a fresh head would be needed, which nothing has taught.
    """
    name = engine.name or "the model"
    require(
        bool(engine.labels), f"{what} teaches no labels, and {name} has none; train it on them first (llamita finetune)"
    )
    require(
        label_order(engine.labels, task.labels) is not None,
        f"{what} teaches no labels: {name} has {', '.join(engine.labels[:20])}, and the data {', '.join(task.labels[:20])}; train"
        " it on these first (llamita finetune), or give data with the labels that it knows",
    )
    require(
        engine.answers.task == task.answers.task,
        f"{what}: {name} and the data have the same labels, but only one of the two gives a text several; train the model on such"
        " data first (llamita finetune)",
    )


def require_labels(task: Task, what: str) -> None:
    """Refuse a task of documents or dialogues where something is about labels.

    Raises:
        UserError: the task has none.
    """
    if isinstance(task, MeasuresItself):
        raise UserError(
            f"{what} is for texts with labels, which documents and dialogues don't have; documents are for learn.pretrain,"
            " dialogues for learn.finetune"
        )
