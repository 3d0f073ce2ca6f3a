"""Label names, and cuts that keep proportions and copies."""

from __future__ import annotations

import pytest

from llamita.core.errors import UserError
from llamita.core.task import Split
from llamita.tasks.splits import cut, in_order, listed_names, openable, rows_apart, strata, without


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


def test_of_several_labels_the_rarest_counts() -> None:
    split = Split(texts=("a", "b", "c", "d"), label_sets=((0,), (0, 1), (0,), ()))
    assert list(strata(split)) == [0, 1, 0, -1]


def test_what_no_task_can_open_is_refused() -> None:
    assert openable("train.csv", None, 0.1, 3, 64) == (3, 64)
    for given, said in (
        ((None, None, 0.1, 0, None), "no data given"), (("t", None, 0.6, 0, None), "select must be in"),
        (("t", None, 0.1, -1, None), "seed must be"), (("t", None, 0.1, 0, 0), "max_length must be"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=said):
            openable(*given)
