"""Splits are known by their content, labels by their names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.families import tiny_model

from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.registry import build
from llamita.core.task import Split, Task, label_order
from llamita.tasks.chat import Chat
from llamita.tasks.classify import Classify
from llamita.tasks.language import Language

SPLIT = Split(texts=("a", "很好", ("p", "q")), labels=(0, 1, 1), source="file.csv")


def test_numbered_default_labels_stand_for_numbers_only() -> None:
    assert label_order(["LABEL_0", "LABEL_1"], ["1", "0"]) == [1, 0]
    assert label_order(["LABEL_0", "LABEL_1"], ["bad", "good"]) is None
    assert label_order(["a", "A"], ["a", "a"]) is None


def test_labels_are_found_by_name_and_by_case_only_where_that_tells_them_apart() -> None:
    assert label_order(["a", "b", "c"], ["c", "a", "b"]) == [2, 0, 1]
    assert label_order(["Positive", "NEGATIVE"], ["negative", "positive"]) == [1, 0]
    assert label_order(["a", "A"], ["A", "a"]) == [1, 0]
    assert label_order(["STRASSE", "x"], ["X", "straße"]) == [1, 0]
    assert label_order(["label_1", "1"], ["1", "LABEL_1"]) == [1, 0]
    assert label_order(["a", "b"], ["a", "b", "c"]) is None
    assert label_order(["a", "b", "c"], ["a", "b"]) is None
    assert label_order([], []) == []


def test_a_text_of_several_labels_stands_with_the_rarest_of_them() -> None:
    assert Split(texts=("a", "b", "c", "d"), label_sets=((0,), (0, 1), (0,), ())).strata == [0, 1, 0, -1]
    assert SPLIT.strata == (0, 1, 1)


def test_taken_examples_keep_their_labels_and_the_order_asked_for() -> None:
    taken = SPLIT.take([2, 0, 0])
    assert taken == Split(texts=(("p", "q"), "a", "a"), labels=(1, 0, 0), source="file.csv")
    assert len(taken) == 3
    assert Split(texts=("a", "b")).take([1]) == Split(texts=("b",))
    assert SPLIT.take([]).texts == ()


def test_the_fingerprint_is_that_of_the_content_alone() -> None:
    assert replace(SPLIT, source="elsewhere.csv").fingerprint == SPLIT.fingerprint
    others = (
        SPLIT.take([1, 0, 2]),
        SPLIT.take([0, 1]),
        replace(SPLIT, labels=(1, 1, 1)),
        replace(SPLIT, labels=()),
        replace(SPLIT, texts=("a", "很好", "p", "q")),
        replace(SPLIT, texts=("a", "很好", ("q", "p"))),
        replace(SPLIT, texts=("a", "很好", ("pq", ""))),
        replace(SPLIT, texts=("a很好", "", ("p", "q"))),
    )
    assert len({SPLIT.fingerprint, *(other.fingerprint for other in others)}) == 1 + len(others)


def test_broken_characters_have_a_fingerprint_too() -> None:
    assert Split(texts=("\ud83d",)).fingerprint != Split(texts=("\ud83e",)).fingerprint


def test_training_depends_on_everything_but_the_test_split() -> None:
    task = Classify(labels=("no", "yes"), train=SPLIT, select=SPLIT.take([0]), test=SPLIT.take([1]))
    assert replace(task, test=Split(texts=())).training_fingerprint == task.training_fingerprint
    others = (
        replace(task, labels=("yes", "no")),
        replace(task, train=SPLIT.take([0, 1])),
        replace(task, select=SPLIT.take([2])),
        replace(task, unlabelled=Split(texts=("new",))),
        replace(task, max_length=64),
    )
    assert len({task.training_fingerprint, *(other.training_fingerprint for other in others)}) == 1 + len(others)


def test_splits_are_found_by_name_and_empty_where_not_given() -> None:
    task = Classify(labels=("no", "yes"), train=SPLIT)
    assert task.split("train") is SPLIT
    assert [len(task.split(name)) for name in ("select", "test", "unlabelled")] == [0, 0, 0]


def test_a_task_must_fit_a_head_score_and_describe_itself() -> None:
    class Scored(Task):
        def score(self, predictions: object, split: Split) -> list:
            return []

    with pytest.raises(TypeError, match=r"describe.*fit_head"):
        Scored()  # type: ignore[abstract]
    with pytest.raises(TypeError, match="positional"):
        Classify(("no", "yes"))  # type: ignore[misc]


def test_characters_that_part_texts_do_not_make_two_splits_one() -> None:
    given = [("a\x1fb",), (("a", "b"),), ("a", "b"), ("a\x1e", "b"), ("a\x1b1fb",)]
    assert len({Split(texts=texts).fingerprint for texts in given}) == len(given)
    tasks = [Classify(labels=labels) for labels in (("a", "b\x1fc"), ("a", "b", "c"), ("a\x1fb", "c"))]
    assert len({task.training_fingerprint for task in tasks}) == len(tasks)


ABOUT_LABELS = (
    "distill.logits", "distill.hidden", "distill.temperature", "learn.calibrate", "learn.contrastive", "learn.finetune",
)  # fmt: skip


@pytest.mark.parametrize("kind", [Language, Chat])
@pytest.mark.parametrize("step", ABOUT_LABELS)
def test_what_is_about_labels_refuses_documents_and_dialogues_in_one_line(
    step: str, kind: type, tmp_path: Path
) -> None:
    if (step, kind) == ("learn.finetune", Chat):
        return  # dialogues are what it learns from, too
    split = Split(texts=("a film", "another"))
    run = Run(folder=tmp_path, task=kind(train=split, select=split, test=split))
    with pytest.raises(UserError, match="is for texts with labels, which documents and dialogues don't have"):
        build(step).apply(tiny_model("llama"), run)


def test_a_split_shows_how_many_texts_it_has_and_none_of_them() -> None:
    assert (
        repr(Split(texts=("secret",) * 1200, labels=(0,) * 1200, source="a.csv"))
        == "<Split: 1,200 labelled texts of a.csv>"
    )
    assert repr(Split(texts=("secret",))) == "<Split: 1 texts>"
