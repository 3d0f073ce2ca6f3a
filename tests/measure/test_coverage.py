"""Coverage is taken on texts that the threshold doesn't know, and says how often the model abstains."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tests.engines import BagOfWords
from tests.train.tiny import tiny_run, tiny_task

from llamita.core.answers import AnyLabels, OneLabel
from llamita.core.conformal import marks_of
from llamita.core.errors import UserError
from llamita.core.task import Split
from llamita.learn.linear import fit_linear
from llamita.measure.coverage import Coverage, coverage_findings
from llamita.tasks.classify import Classify
from llamita.tasks.multilabel import MultiLabel


def test_the_findings_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.55, 0.45], [0.2, 0.8], [0.5, 0.5]])
    kept = [[0.4]] * 9 + [[0.45]] * 90  # 90 of 100 must pass
    share, size, unsure = coverage_findings(probabilities, marks_of(np.array([0, 1, 0, 1]), 2), OneLabel(), kept, 0.9)
    assert share.value == 0.75
    assert size.value == 1.5
    assert unsure.value == 0.5
    assert share.detail["sizes"] == {"1": 2, "2": 2}
    assert share.detail["accuracy_when_sure"] == 0.5
    assert (share.n, share.detail["n_threshold"], share.detail["promised"]) == (4, 99, 0.9)


def test_of_any_labels_the_share_is_of_texts_that_have_some_and_unsure_is_what_is_answered_otherwise() -> None:
    probabilities = np.array([[0.9, 0.35, 0.1], [0.2, 0.6, 0.7], [0.45, 0.1, 0.1], [0.1, 0.1, 0.1]])
    has = np.array([[1, 1, 1], [0, 1, 1], [1, 0, 0], [0, 0, 0]], dtype=bool)
    kept = [[0.3, 0.8]] * 19 + [[0.4, 0.9]] * 60
    answers = AnyLabels(thresholds=(0.5, 0.5, 0.5))
    share, size, unsure = coverage_findings(probabilities, has, answers, kept, 0.9)
    assert share.detail["threshold"] == 0.3  # at .4 nineteen halves and one whole are lost, 10.5 of 80
    assert (share.value, share.n) == (pytest.approx((2 / 3 + 1 + 1) / 3), 3)
    assert (size.value, size.n) == (5 / 4, 4)
    assert unsure.value == 0.5  # the first and the third have one label more than they are answered
    assert share.detail["accuracy_when_sure"] == 1.0
    assert coverage_findings(probabilities, has, answers, kept, 0.86)[0].detail["threshold"] == 0.4


def test_where_no_measured_text_has_a_label_the_share_is_no_number_and_says_why() -> None:
    probabilities, has = np.array([[0.9, 0.35], [0.2, 0.6]]), np.zeros((2, 2), dtype=bool)
    answers = AnyLabels(thresholds=(0.5, 0.5))
    share, size, _ = coverage_findings(probabilities, has, answers, [[0.3, 0.8]] * 60, 0.9)
    assert (share.value, share.n, share.reason) == (None, 0, "none of the texts has a label")
    assert np.isfinite(share.detail["bounds"]).all()
    assert size.value == 1.5


def test_on_real_answers_the_coverage_is_within_its_bounds(tmp_path: Path) -> None:
    task = tiny_task(200)
    engine = fit_linear(task)
    share, size, unsure = Coverage(promised=0.9).measure(engine, task, tiny_run(tmp_path, task))
    low, high = share.detail["bounds"]
    assert share.value is not None
    assert low <= share.value <= high
    assert share.n == len(task.test) - len(task.test) // 2
    assert size.value is not None
    assert unsure.value is not None
    surer = Coverage(promised=0.5).measure(engine, task, tiny_run(tmp_path, task))[1].value
    assert surer is not None
    assert surer <= size.value


def test_too_few_texts_and_no_share_are_refused(tmp_path: Path) -> None:
    task = tiny_task(60)
    few = task.test.take(range(39))
    small = dataclasses.replace(task, test=few)
    with pytest.raises(UserError, match="coverage needs 40 labelled texts or more, got 39"):
        Coverage().measure(fit_linear(task), small, tiny_run(tmp_path, small))
    with pytest.raises(UserError, match=r"promised must be in \(0, 1\), got 1"):
        Coverage(promised=1)


def test_a_right_label_of_no_probability_is_not_called_too_few_texts(tmp_path: Path) -> None:
    labels = tuple([1, 0, 0, 0] * 20)
    task = Classify(labels=("negative", "positive"), test=Split(texts=("good",) * 80, labels=labels))
    found = Coverage(promised=0.9).measure(BagOfWords({"good": (0.0, 200.0)}), task, tiny_run(tmp_path, task))
    assert [(one.value, one.reason) for one in found] == [(1.0, ""), (2.0, ""), (1.0, "")]


def test_a_promise_that_would_be_empty_is_no_number(tmp_path: Path) -> None:
    task = tiny_task(100)
    small = dataclasses.replace(task, test=task.test.take(range(60)))
    findings = Coverage(promised=0.99).measure(fit_linear(task), small, tiny_run(tmp_path, small))
    assert all(f.value is None for f in findings)
    assert "30 texts are too few to promise 0.99" in findings[0].reason


def test_the_sets_that_a_model_keeps_are_measured_on_all_texts(tmp_path: Path) -> None:
    labels = tuple([1, 0, 0, 0] * 20)
    task = Classify(labels=("negative", "positive"), test=Split(texts=("good",) * 80, labels=labels))
    engine = BagOfWords({"good": (0.0, 1.0)})
    with pytest.raises(UserError, match="keeps nothing that sets could be drawn from"):
        Coverage(kept=True).measure(engine, task, tiny_run(tmp_path, task))
    engine.is_asked = True
    with pytest.raises(UserError, match=r"--kept is about a calibrated model, .* leave it out: half of the texts"):
        Coverage(kept=True).measure(engine, task, tiny_run(tmp_path, task))
    engine.answers = OneLabel(conformity=((0.3,),) * 4 + ((0.73,),) * 26)
    share, size, _ = Coverage(kept=True).measure(engine, task, tiny_run(tmp_path, task))
    assert (share.value, share.n, size.value, share.detail["n_threshold"]) == (0.25, 80, 1.0, 30)
    engine.answers = OneLabel(conformity=((0.5,),) * 4)
    assert Coverage(kept=True).measure(engine, task, tiny_run(tmp_path, task))[0].value is None


def test_labels_of_which_a_text_has_any_are_measured_by_halves_and_by_what_is_kept(tmp_path: Path) -> None:
    sets = ((0, 1), (0,), (), (1,)) * 40
    task = MultiLabel(labels=("long", "funny"), test=Split(texts=("good",) * 160, label_sets=sets))
    engine = BagOfWords({"good": (0.0, 1.0)}, labels=task.labels)
    engine.answers = AnyLabels()
    share, size, _ = Coverage(promised=0.6).measure(engine, task, tiny_run(tmp_path, task))
    assert share.n is not None
    assert 50 <= share.n <= 70  # a quarter of the half has no labels
    assert (share.value, size.value) == (1.0, 2.0)  # with funny alone a half of the labels would be lost
    engine.answers = AnyLabels(conformity=((0.6,),) * 30)
    share, size, _ = Coverage(kept=True).measure(engine, task, tiny_run(tmp_path, task))
    assert (share.value, share.n, size.value) == (0.5, 120, 1.0)
    bare = MultiLabel(
        labels=task.labels, test=Split(texts=("good",) * 160, label_sets=((0,), (), (), ()) * 9 + ((),) * 124)
    )
    with pytest.raises(UserError, match="coverage needs 40 labelled texts or more, got 9"):
        Coverage().measure(engine, bare, tiny_run(tmp_path, bare))
