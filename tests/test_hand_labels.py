"""What calibrates doesn't measure."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sentiments import sentences, write_csv

from llamita.core.errors import UserError
from llamita.hand_labels import read_hand_labels

LABELS = ("negative", "positive")


def test_a_third_of_each_label_calibrates_and_the_rest_measures(tmp_path: Path) -> None:
    rows = sentences(60)
    file = write_csv(tmp_path / "audit.csv", rows)
    fitted, measured = read_hand_labels(str(file), None, LABELS, None, 0, pairs=False)
    assert (len(fitted), len(measured)) == (20, 40)
    assert sum(fitted.labels) == 10
    assert not set(fitted.texts) & set(measured.texts)
    assert {LABELS[label] for label in fitted.labels} == set(LABELS)
    assert read_hand_labels(str(file), None, LABELS, None, 0, pairs=False)[0].texts == fitted.texts


def test_labelled_test_texts_measure_and_then_all_others_calibrate(tmp_path: Path) -> None:
    rows = sentences(60)
    audit, test = write_csv(tmp_path / "a.csv", rows[:20]), write_csv(tmp_path / "b.csv", rows[20:])
    assert [len(part) for part in read_hand_labels(str(audit), str(test), LABELS, None, 0, pairs=False)] == [20, 40]
    assert [len(part) for part in read_hand_labels(None, str(test), LABELS, None, 0, pairs=False)] == [0, 40]
    assert [len(part) for part in read_hand_labels(None, None, LABELS, None, 0, pairs=False)] == [0, 0]


def test_a_label_that_is_not_asked_for_is_refused_with_its_place(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "audit.csv", [("a film", "positve"), ("b film", "negative")])
    with pytest.raises(UserError, match=r"audit\.csv:2: label 'positve' is not among the labels given"):
        read_hand_labels(str(file), None, LABELS, None, 0, pairs=False)


def test_a_text_that_measures_does_not_calibrate_whatever_its_case(tmp_path: Path) -> None:
    rows = sentences(60)
    twice = [(text.upper(), label) for text, label in rows[20:25]]
    audit, test = write_csv(tmp_path / "a.csv", rows[:20] + twice), write_csv(tmp_path / "b.csv", rows[20:])
    fitted, measured = read_hand_labels(str(audit), str(test), LABELS, None, 0, pairs=False)
    assert fitted.texts == tuple(text for text, _ in rows[:20])
    assert len(measured) == 40


def test_several_labels_a_text_are_refused_in_one_line() -> None:
    several = [{"text": "a film", "labels": ["negative", "positive"]}, {"text": "b film", "labels": []}]
    for audit, test in ((several, None), (None, several)):
        with pytest.raises(UserError, match="a text has several labels, but a teacher is asked for one"):
            read_hand_labels(audit, test, LABELS, None, 0, pairs=False)


def test_pairs_say_nothing_of_single_texts_and_single_ones_nothing_of_pairs() -> None:
    pairs = ([("a", "b"), ("c", "d")], list(LABELS))
    with pytest.raises(UserError, match=r":1: a pair of texts, but --data has single ones"):
        read_hand_labels(pairs, None, LABELS, None, 0, pairs=False)
    with pytest.raises(UserError, match=r":1: a single text, but --data has pairs"):
        read_hand_labels((["a", "c"], list(LABELS)), None, LABELS, None, 0, pairs=True)
