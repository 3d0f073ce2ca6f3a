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
    fitted, measured = read_hand_labels(str(file), None, LABELS, None, 0)
    assert (len(fitted), len(measured)) == (20, 40)
    assert sum(fitted.labels) == 10
    assert not set(fitted.texts) & set(measured.texts)
    assert {LABELS[label] for label in fitted.labels} == set(LABELS)
    assert read_hand_labels(str(file), None, LABELS, None, 0)[0].texts == fitted.texts


def test_labelled_test_texts_measure_and_then_all_others_calibrate(tmp_path: Path) -> None:
    rows = sentences(60)
    audit, test = write_csv(tmp_path / "a.csv", rows[:20]), write_csv(tmp_path / "b.csv", rows[20:])
    assert [len(part) for part in read_hand_labels(str(audit), str(test), LABELS, None, 0)] == [20, 40]
    assert [len(part) for part in read_hand_labels(None, str(test), LABELS, None, 0)] == [0, 40]
    assert [len(part) for part in read_hand_labels(None, None, LABELS, None, 0)] == [0, 0]


def test_a_label_that_is_not_asked_for_is_refused_with_its_place(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "audit.csv", [("a film", "positve"), ("b film", "negative")])
    with pytest.raises(UserError, match=r"audit\.csv:2: label 'positve' is not among the labels given"):
        read_hand_labels(str(file), None, LABELS, None, 0)
