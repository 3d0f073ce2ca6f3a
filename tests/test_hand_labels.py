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
    with pytest.raises(UserError, match=r":1: a pair of texts, but the data has single ones"):
        read_hand_labels(pairs, None, LABELS, None, 0, pairs=False)
    with pytest.raises(UserError, match=r":1: a single text, but the data has pairs"):
        read_hand_labels((["a", "c"], list(LABELS)), None, LABELS, None, 0, pairs=True)


def test_fewer_than_twenty_hand_labels_are_refused(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "audit.csv", sentences(60)[:19])
    with pytest.raises(UserError, match=r"audit\.csv: 19 hand labels are too few to say anything; label 20 texts"):
        read_hand_labels(str(file), None, LABELS, None, 0, pairs=False)


def test_columns_named_for_the_texts_hold_only_where_the_file_has_them(tmp_path: Path) -> None:
    rows = "".join(f"{text},{label}\n" for text, label in sentences(60))
    (tmp_path / "same.csv").write_text("review,stars\n" + rows, encoding="utf-8")
    (tmp_path / "other.csv").write_text("text,label\n" + rows, encoding="utf-8")
    for columns in ({"text": "review", "label": "stars"}, {"text": "review", "label": "none"}, {"text": "review"}):
        for name in ("same.csv", "other.csv"):
            given = read_hand_labels(str(tmp_path / name), None, LABELS, columns, 0, pairs=False)
            assert [len(part) for part in given] == [20, 40], (columns, name)


def test_a_column_that_is_taken_for_the_labels_by_what_it_holds_can_be_said_to_be_none(tmp_path: Path) -> None:
    rows = "".join(f"a film {i},{('web', 'app')[i % 2]}\n" for i in range(20))
    (tmp_path / "audit.csv").write_text("text,source\n" + rows, encoding="utf-8")
    with pytest.raises(
        UserError, match=r"not among the labels given .* If 'source' holds no labels, say so: --columns"
    ):
        read_hand_labels(str(tmp_path / "audit.csv"), None, LABELS, None, 0, pairs=False)
