"""A model that is asked for labels it was never taught: what it would answer anyway is taken off, labelled texts set the rest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from tests.engines import BagOfWords

from llamita.core.answers import Answers, AnyLabels, OneLabel
from llamita.core.engine import Engine
from llamita.core.errors import UserError
from llamita.core.task import Text
from llamita.tasks._untrained import Untrained

TEXTS = ["good", "bad", "good good", "bad bad"]


class Told(Untrained[Engine]):
    """Says what a bag of words says, and leans to the first label when nothing is said."""

    def __init__(self, *, takes_prior: bool = False, answers: Answers | None = None):
        self.engine = BagOfWords({"good": (0.0, 1.0), "bad": (1.0, 0.0)}, bias=(3.0, 0.0))
        self.name, self.labels, self.takes_prior = "told", self.engine.labels, takes_prior
        self.answers = answers or OneLabel()
        self.scale, self.shift = np.ones(2), np.zeros(2)

    def logits(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None) -> np.ndarray:
        raise NotImplementedError

    def judged(self, texts: Sequence[Text], tokens_per_batch: int) -> np.ndarray:
        return self.engine.text_logits(texts, tokens_per_batch)

    def judged_empty(self) -> np.ndarray:
        return self.judged(["", "film"], 4096)


def test_what_it_would_answer_anyway_is_taken_off_where_that_is_asked_for() -> None:
    assert (Told().scores(TEXTS).argmax(axis=1) == 0).all()
    np.testing.assert_array_equal(Told(takes_prior=True).scores(TEXTS).argmax(axis=1), [1, 0, 1, 0])
    np.testing.assert_allclose(Told(takes_prior=True).scores(["film"]), [[0.5, 0.5]], atol=1e-6)


def test_labelled_texts_set_a_scale_and_a_shift_of_each_label() -> None:
    engine = Told()
    engine.calibrate(TEXTS * 10, ["positive", "negative", "positive", "negative"] * 10)
    np.testing.assert_array_equal(engine.scores(TEXTS).argmax(axis=1), [1, 0, 1, 0])
    assert engine.shift.any()


def test_few_texts_of_one_label_set_one_temperature() -> None:
    engine = Told()
    engine.calibrate(TEXTS * 10, ["positive"] * 9 + ["negative"] * 31)
    assert np.ptp(engine.scale) == 0
    assert not engine.shift.any()


def test_labels_that_may_hold_together_are_not_calibrated_by_a_table_of_one_each() -> None:
    with pytest.raises(UserError, match="calibration needs every label of a text"):
        Told(answers=AnyLabels()).calibrate(TEXTS, ["positive"] * 4)
