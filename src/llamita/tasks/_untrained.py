"""A model that is asked for labels it was never taught: its prior is taken off, and labelled texts calibrate the rest."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from llamita.core.answers import OneLabel
from llamita.core.delegating import Delegating
from llamita.core.engine import Engine, softmax
from llamita.core.errors import UserError
from llamita.tasks.calibrating import fit_few

if TYPE_CHECKING:
    from llamita.core.task import Text


Asked = TypeVar("Asked", bound=Engine)


class Untrained(Delegating[Asked]):
    """A classifier without training; how the model judges a text is its own matter."""

    capabilities = frozenset({"scores"})
    is_asked = True
    takes_prior: bool
    """Whether what the model answers to texts that say nothing is taken off."""
    scale: np.ndarray
    """Of the logits [labels]; 1 until it is calibrated."""
    shift: np.ndarray
    """Added to the scaled logits [labels]; 0 until it is calibrated."""

    @abstractmethod
    def judged(self, texts: Sequence[Text], tokens_per_batch: int) -> np.ndarray:
        """Logits as the model gives them [texts, labels]."""

    @abstractmethod
    def judged_empty(self) -> np.ndarray:
        """Logits of a few texts that say nothing [texts, labels]."""

    def text_logits(self, texts: Sequence[Text], tokens_per_batch: int | None = None) -> np.ndarray:
        return (self._plain(texts, tokens_per_batch or self.batch_tokens) * self.scale + self.shift).astype(np.float32)

    def calibrate(self, texts: Sequence[Text], labels: Sequence[str]) -> None:
        """Fit a scale and a shift for each label to labelled texts, so that probabilities are as sure as they are right; one
        temperature where a label has few of them.

        Raises:
            UserError: labels may hold together, and a table with one label a text doesn't say which.
        """
        if self.answers.task != OneLabel.task:
            raise UserError("calibration needs every label of a text, but the table names one; leave multi-label out")
        gold = np.array([self.labels.index(label) for label in labels])
        self.scale, self.shift = fit_few(self._plain(texts, self.batch_tokens), gold)

    def _plain(self, texts: Sequence[Text], tokens_per_batch: int) -> np.ndarray:
        """Logits before they are calibrated [texts, labels]."""
        found = self.judged(texts, tokens_per_batch)
        return found - self._prior if self.takes_prior else found

    @cached_property
    def _prior(self) -> np.ndarray:
        """Log of the mean probabilities after texts that say nothing [labels]."""
        return np.log(softmax(self.judged_empty()).mean(axis=0))
