"""Flipped labels are found, by probabilities of models that have not seen them, and sound labels are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from tests.sentiments import sentences

from llamita.core.errors import UserError
from llamita.data.label_errors import doubtful, judged_rows, label_errors, out_of_fold, pooled, suspects_found, views_of
from llamita.data.read import read_table
from llamita.data.table import Table

pytest.importorskip("cleanlab")
ROWS = sentences(240)


def flipped(rows: list[int]) -> Table:
    labels = [label for _, label in ROWS]
    for row in rows:
        labels[row] = {"positive": "negative", "negative": "positive"}[labels[row]]
    return read_table(([text for text, _ in ROWS], labels))


def test_flipped_labels_are_the_first_suspects() -> None:
    wrong = [3, 40, 77, 150, 201]
    table = flipped(wrong)
    gold = np.array([label == "positive" for label in table.labels or ()]).astype(int)
    own = out_of_fold(views_of(table), gold)[np.arange(len(gold)), gold]
    assert sorted(np.argsort(own)[:5].tolist()) == wrong
    suspects, agreement = label_errors(table)
    assert suspects
    assert {s.row for s in suspects} <= set(wrong)
    assert all(s.likely != s.label and s.other > s.own for s in suspects)
    assert 0.95 < agreement < 1
    (finding,) = suspects_found(table, suspects, agreement)
    assert (finding.kind, finding.line) == ("label_error", suspects[0].row + 1)
    assert finding.suspects[0]["likely"] == ROWS[suspects[0].row][1]


def test_sound_labels_have_no_suspects() -> None:
    suspects, agreement = label_errors(flipped([]))
    assert suspects == []
    assert suspects_found(flipped([]), suspects, agreement) == []


def test_a_rows_own_label_never_reaches_the_model_that_judges_it() -> None:
    """Features that only name the row are worth nothing out of fold, however well they are learnt by heart."""
    gold = np.array([0, 1] * 50)
    names = {"words": np.eye(100, dtype=np.float32)}
    assert (out_of_fold(names, gold).argmax(1) == gold).mean() <= 0.6


def test_a_view_that_knows_nothing_does_no_harm() -> None:
    gold = np.array([0, 1] * 50)
    sure = np.log(np.where(gold[:, None] == np.arange(2), 0.9, 0.1))
    noise = np.log(np.random.default_rng(0).dirichlet([1, 1], 100))
    np.testing.assert_allclose(pooled([noise, sure], gold), sure)


def test_the_confident_joint_counts_what_the_paper_counts() -> None:
    """Mean self-confidence of label 0 is .7 and of label 1 .8: only the row of label 0 that is 1 with .9 passes another's."""
    probabilities = np.array([[0.95, 0.05]] * 7 + [[0.1, 0.9]] + [[0.15, 0.85]] * 9 + [[0.55, 0.45]])
    gold = np.array([0] * 8 + [1] * 10)
    assert doubtful(gold, probabilities) == [7]


def test_rare_labels_are_not_judged_and_too_few_are_refused() -> None:
    table = read_table((["a b"] * 32, ["x"] * 15 + ["y"] * 15 + ["z"] * 2))
    assert judged_rows(table) == list(range(30))
    with pytest.raises(UserError, match="two labels of 10 rows or more each"):
        judged_rows(read_table((["a"] * 12, ["x"] * 10 + ["y"] * 2)))
    with pytest.raises(UserError, match="has no labels to doubt"):
        judged_rows(read_table(["a", "b"]))


def test_a_models_states_are_a_view_beside_the_words() -> None:
    from tests.families import tiny_model

    table = flipped([]).take(range(40))
    views = views_of(table, [tiny_model("bert")])
    assert [name.split()[0] for name in views] == ["words", "states"]
    assert {features.shape[0] for features in views.values()} == {40}


def test_of_any_labels_each_is_doubted_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llamita.data.label_errors.STRENGTHS", {"words": (10.0,)})
    cells = [[label, *(["filmed"] if "camera" in text else [])] for text, label in ROWS[:120]]
    with_camera = next(i for i, cell in enumerate(cells) if "filmed" in cell and i > 20)
    cells[with_camera] = cells[with_camera][:1]
    cells[7] = ["positive", "negative", *cells[7][1:]]
    suspects, _ = label_errors(read_table(([text for text, _ in ROWS[:120]], cells)))
    told = {s.row: (set(s.label.split("|")), set(s.likely.split("|"))) for s in suspects}
    assert told[with_camera] == (set(cells[with_camera]), {*cells[with_camera], "filmed"})
    assert told[7] == (set(cells[7]), set(cells[7]) - {"positive"})
    assert set(told) == {7, with_camera}
