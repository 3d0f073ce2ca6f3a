"""Label names, and cuts that keep proportions and copies."""

from __future__ import annotations

import random

import pytest

from llamita.core.errors import UserError
from llamita.core.task import Split
from llamita.data.copies import _Met, _Sketch
from llamita.tasks._open import _nearly_apart
from llamita.tasks.classify import open_task
from llamita.tasks.splits import cut, in_order, listed_names, openable, rows_apart, without


def test_labels_stand_by_number_or_alphabet() -> None:
    assert in_order({"10", "9", "1", "01"}) == ("01", "1", "9", "10")
    assert in_order({"b", "10", "9"}) == ("10", "9", "b")
    assert listed_names("a, b") == listed_names(["a", "b"]) == ["a", "b"]
    with pytest.raises(UserError, match="labels must be names in order"):
        listed_names({"a", "b"})


def test_a_cut_takes_the_share_of_each_label_and_keeps_copies_together() -> None:
    texts = tuple(f"text {i // 2}" for i in range(40))
    split = Split(texts=texts, labels=tuple((i // 2) % 2 for i in range(40)))
    left, taken = cut(split, 0.2, seed=0)
    assert not set(left.texts) & set(taken.texts)
    assert taken.labels.count(0) == taken.labels.count(1) > 0
    assert len(left) + len(taken) == 40


def test_texts_that_stand_elsewhere_are_taken_out() -> None:
    split, other = Split(texts=("a", "b", "c"), labels=(0, 1, 0)), Split(texts=("b",), labels=(1,))
    kept, gone = without(split, other)
    assert (kept.texts, kept.labels, gone) == (("a", "c"), (0, 0), 1)
    assert rows_apart(["a", "b"], ["b"]) == [0]


def test_what_no_task_can_open_is_refused() -> None:
    assert openable("train.csv", None, 0.1, 3, 64) == (3, 64)
    for given, said in (
        ((None, None, 0.1, 0, None), "no data given"), (("t", None, 0.6, 0, None), "select must be in"),
        (("t", None, 0.1, -1, None), "seed must be"), (("t", None, 0.1, 0, 0), "max_length must be"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=said):
            openable(*given)


WORDS = ("river", "engine", "violin", "harvest", "lantern", "glacier", "market", "compass", "orchard", "puzzle")


def long_text(i: int) -> str:
    """No two of these are alike."""
    draw = random.Random(i)
    return " ".join(f"{draw.choice(WORDS)}{draw.randrange(1000)}" for _ in range(12))


def test_training_texts_that_nearly_say_what_a_test_text_does_are_left_out_with_their_copies() -> None:
    texts, notes = [long_text(i) for i in range(80)], list[str]()
    test = Split(texts=(*texts[:3], "short", "short one"), labels=(0,) * 5)
    near = [f"{texts[1]} indeed", f"{texts[1]} INDEED!", texts[79] + " too", "short on"]
    train = Split(texts=(*texts[3:], *near), labels=(1,) * 81)
    left = _nearly_apart(train, test, notes)
    assert set(train.texts) - set(left.texts) == set(near[:2])
    assert left.labels == (1,) * 79
    assert notes == ["Left out of training, since the test split has nearly the same: 2 of the training texts"]
    assert _nearly_apart(left, test, notes) is left
    assert len(notes) == 1


def test_where_all_texts_are_much_alike_none_is_left_out_and_the_scores_are_doubted() -> None:
    body = long_text(0)
    texts, labels = [f"{body} number {i}" for i in range(60)], ["a", "b"] * 30
    task = open_task(train=(texts, labels))
    assert len(task.train) + len(task.select) + len(task.test) == 60
    assert any("the scores are of texts that are much alike" in note for note in task.notes)


def test_texts_that_are_all_alike_are_soon_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    compared, exact = list[int](), _Met.is_near

    def counted(met: _Met, place: int, sketch: _Sketch) -> bool:
        compared.append(place)
        return exact(met, place, sketch)

    monkeypatch.setattr(_Met, "is_near", counted)
    body, notes = long_text(0), list[str]()
    texts = tuple(f"{body} number {i}" for i in range(100))
    train, test = Split(texts=texts[20:], labels=(0,) * 80), Split(texts=texts[:20], labels=(0,) * 20)
    assert _nearly_apart(train, test, notes) is train
    assert notes[0].startswith("80 of the training texts are nearly like one")
    assert len(compared) <= 100, "not each with every other, 4,950 times"
