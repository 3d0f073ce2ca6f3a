from __future__ import annotations

import math

import numpy as np
import pytest

from llamita.core.answers import KINDS, NOTHING, AnyLabels, OneLabel, answers_of, read_answers, sigmoid, told
from llamita.core.statistics import kl_divergences
from llamita.core.task import Split

CURVE = ((0.0, 0.5, 1.0), (0.1, 0.2, 0.9))


def test_any_labels_are_those_that_reach_their_thresholds() -> None:
    answers = AnyLabels(thresholds=(0.5, 0.7, 0.2))
    chosen = answers.chosen(np.array([[0.5, 0.6, 0.1], [0.4, 0.7, 0.3]], dtype=np.float32))
    assert chosen.tolist() == [[True, False, False], [False, True, True]]
    assert AnyLabels().chosen(np.array([[0.49, 0.5]])).tolist() == [[False, True]]


def test_one_label_is_the_likeliest_and_only_one() -> None:
    chosen = OneLabel().chosen(np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]]))
    assert chosen.tolist() == [[False, True, False], [True, False, False]]


def test_the_score_of_any_labels_is_micro_f1_by_hand() -> None:
    answers = AnyLabels()
    gold = answers.gold(Split(texts=("a", "b", "c"), label_sets=((0, 1), (), (2,))), 3)
    chosen = np.array([[1, 0, 1], [0, 0, 0], [0, 0, 1]], dtype=bool)
    hits, weights = answers.tally(chosen, gold)
    assert (hits.tolist(), weights.tolist()) == ([2, 0, 2], [4, 0, 2])
    true_positive, false, missed = 2, 1, 1
    assert hits.sum() / weights.sum() == 2 * true_positive / (2 * true_positive + false + missed)
    assert answers.right(chosen, gold).tolist() == [False, True, True]


def test_the_score_of_one_label_is_accuracy() -> None:
    hits, weights = OneLabel().tally(np.array([[True, False], [True, False]]), np.array([0, 1]))
    assert (hits.tolist(), weights.tolist()) == ([1, 0], [1, 1])


def test_sigmoid_is_finite_and_exact_at_both_ends() -> None:
    assert sigmoid(np.array([-1e30, 0, 1e30])).tolist() == [0, 0.5, 1]
    assert sigmoid(np.array([math.log(3)]))[0] == pytest.approx(0.75)


def test_curves_are_applied_and_one_label_is_scaled_to_sum_1() -> None:
    found = OneLabel(curves=(CURVE, CURVE)).probabilities(np.log(np.array([[0.25, 0.75]])))
    low, high = 0.15, 0.55
    assert found[0] == pytest.approx([low / (low + high), high / (low + high)], abs=1e-6)
    assert found.dtype == np.float32
    alone = AnyLabels(curves=(CURVE, CURVE)).probabilities(np.array([[math.log(3), -math.log(3)]]))
    assert alone[0] == pytest.approx([0.55, 0.15], abs=1e-6)


@pytest.mark.parametrize(
    "answers",
    [OneLabel(), OneLabel(curves=(CURVE, CURVE)), AnyLabels(thresholds=(0.25, 0.5)), AnyLabels(curves=(CURVE, CURVE))],
)
def test_answers_are_written_and_read_back(answers: OneLabel | AnyLabels) -> None:
    import json

    assert read_answers(json.loads(json.dumps(answers.to_dict()))) == answers


def test_another_order_of_labels_takes_curves_and_thresholds_along() -> None:
    other = ((0.0, 1.0), (0.0, 1.0))
    turned = AnyLabels(curves=(CURVE, other), thresholds=(0.1, 0.9)).in_order([1, 0])
    assert (turned.curves, turned.thresholds) == ((other, CURVE), (0.9, 0.1))
    logits = np.array([[0.3, -1.2]])
    whole = AnyLabels(curves=(CURVE, other)).probabilities(logits)
    np.testing.assert_array_equal(turned.probabilities(logits[:, ::-1])[:, ::-1], whole)


def test_a_config_says_which_kind_and_says_mostly_nothing() -> None:
    assert answers_of("multi_label_classification") == AnyLabels()
    assert answers_of(None) == answers_of("single_label_classification") == answers_of("regression") == OneLabel()
    assert not any(kind().is_fitted for kind in KINDS)
    assert AnyLabels(thresholds=(0.5,)).is_fitted
    assert OneLabel(conformity=((0.5,),)).is_fitted


def test_answers_written_before_sets_were_kept_are_read() -> None:
    assert read_answers({"task": "classify", "curves": []}) == OneLabel()


def test_divergence_of_any_labels_is_the_sum_of_choices_of_two() -> None:
    p, q = np.array([[0.5, 0.25]]), np.array([[0.25, 0.25]])
    by_hand = 0.5 * math.log(2) + 0.5 * math.log(0.5 / 0.75)
    assert AnyLabels().divergences(p, q)[0] == pytest.approx(by_hand)
    assert OneLabel().divergences(p, q)[0] == pytest.approx(kl_divergences(p, q)[0])


def test_log_odds_are_those_of_the_probability() -> None:
    logits = np.array([[1.0, -0.5, 2.0], [0.0, 3.0, 1.0]])
    for answers in (OneLabel(), AnyLabels()):
        p = answers.probabilities(logits)[:, 1].astype(np.float64)
        assert answers.log_odds(logits, 1) == pytest.approx(np.log(p / (1 - p)), abs=1e-5)


def test_confidence_brier_and_surprise_of_any_labels_by_hand() -> None:
    answers, p, gold = AnyLabels(), np.array([[0.9, 0.4]]), np.array([[1, 1]])
    assert answers.confidence(p)[0] == pytest.approx(0.6)
    assert answers.brier(p, gold)[0] == pytest.approx(0.01 + 0.36)
    assert answers.surprise(p, gold)[0] == pytest.approx(-math.log(0.9) - math.log(0.4))
    claimed, true = answers.decisions(p, gold)
    assert (claimed.tolist(), true.tolist()) == ([[0.9, 0.4]], [[True, True]])


def test_near_ties_are_undecided() -> None:
    assert OneLabel().undecided(np.array([[0.51, 0.49], [0.6, 0.4]]), 0.05).tolist() == [[True, True], [False, False]]
    assert AnyLabels().undecided(np.array([[0.51, 0.6]]), 0.05).tolist() == [[True, False]]


def test_labels_in_words() -> None:
    assert told([True, False, True], ("a", "b", "c")) == "a | c"
    assert told([False], ("a",)) == NOTHING


def test_what_sets_are_drawn_from_comes_back_as_it_was() -> None:
    one, several = OneLabel(conformity=((0.5,), (0.75,))), AnyLabels(conformity=((0.25,), (0.5, 0.75)))
    assert one.to_dict()["conformity"] == [0.5, 0.75]
    assert several.to_dict()["conformity"] == [0.25, [0.5, 0.75]]
    assert [read_answers(answers.to_dict()) for answers in (one, several)] == [one, several]
