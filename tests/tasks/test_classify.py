from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engines import BagOfWords
from tests.families import FAMILIES, tiny_model

from llamita.core.errors import UserError
from llamita.core.task import Split
from llamita.data.read import read_table
from llamita.data.text import text_key
from llamita.tasks.classify import Classify, macro_f1, open_known, open_task

TEXTS = [f"text number {i}" for i in range(40)]
LABELS = ["good" if i % 4 else "bad" for i in range(40)]


def test_select_is_stratified_and_every_text_lands_in_one_split() -> None:
    task = Classify.from_lists(TEXTS, LABELS, test=(["another"], ["bad"]), select=0.2)
    assert task.labels == ("bad", "good")
    assert np.bincount(task.select.labels).tolist() == [2, 6]
    assert sorted((*task.train.texts, *task.select.texts)) == sorted(TEXTS)
    assert list(task.train.texts) == [text for text in TEXTS if text in task.train.texts]


def test_another_seed_cuts_another_select_and_the_same_seed_the_same() -> None:
    first, again, other = (Classify.from_lists(TEXTS, LABELS, test=(["x"], ["bad"]), seed=s) for s in (0, 0, 1))
    assert first.select.texts == again.select.texts != other.select.texts


def test_copies_of_a_text_never_stand_on_both_sides() -> None:
    texts = [f"{'Copy' if i % 2 else ' copy '} {i // 2}" for i in range(80)]
    task = Classify.from_lists(texts, ["a" if i < 40 else "b" for i in range(80)], select=0.3)
    splits = [{text_key(text) for text in s.texts} for s in (task.train, task.select, task.test)]
    assert all(splits)
    assert splits[0].isdisjoint(splits[1] | splits[2])
    assert splits[1].isdisjoint(splits[2])


def test_training_texts_that_stand_in_test_are_dropped_and_told() -> None:
    test = ([TEXTS[0].upper(), "fresh"], ["bad", "good"])
    task = Classify.from_lists(TEXTS, LABELS, test=test, select=0.0)
    assert len(task.train) == 39
    assert any("since the test split has them too: 1 of the training texts" in note for note in task.notes)


def test_unlabelled_texts_that_stand_in_test_are_dropped() -> None:
    task = open_task(train=(TEXTS, LABELS), test=(["held out"], ["bad"]), unlabelled=["Held  out", "free"])
    assert task.unlabelled.texts == ("free",)


def test_unlabelled_texts_that_stand_in_select_are_dropped_and_told() -> None:
    texts = [f"a text about the number {i}" for i in range(40)]
    task = open_task(train=(texts, ["good", "bad"] * 20), test=(["held out"], ["bad"]), unlabelled=[*texts, "free"])
    assert len(task.select) == 4
    assert set(task.unlabelled.texts) == {*texts, "free"} - set(task.select.texts)
    assert "Left out, since the select split has them too: 4 of the unlabelled texts" in task.notes


def test_without_test_data_a_tenth_is_cut_off() -> None:
    task = Classify.from_lists(TEXTS, LABELS)
    assert len(task.test) == 4
    assert set(task.test.labels) == {0, 1}
    assert "no test data" in task.notes[0]


def test_an_empty_list_of_test_data_cuts_none_off() -> None:
    task = open_task(train=([f"text {i}" for i in range(20)], ["a", "b"] * 10), test=[], select=0)
    assert (len(task.train), len(task.select), len(task.test)) == (20, 0, 0)
    assert not task.notes


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        (["10", "9", "2"], ("2", "9", "10")),
        (["b", "a", "C"], ("C", "a", "b")),
        ([3, 1, 2], ("1", "2", "3")),
        (["1", "01", "-1"], ("-1", "01", "1")),
        (["--5", "5", "5"], ("--5", "5")),
    ],
)
def test_labels_are_ordered_by_number_or_alphabet(labels: list[object], order: tuple[str, ...]) -> None:
    assert Classify.from_lists(["x", "y", "z"] * 3, labels * 3, select=0.0).labels == order


def test_names_that_are_no_text_are_written_as_labels_are() -> None:
    task = Classify.from_lists(["x", "y"] * 5, [True, False] * 5, names=[True, False], select=0.0)  # type: ignore[list-item]
    assert task.labels == ("true", "false")


def test_labels_that_differ_in_case_alone_are_never_taken_for_one_another() -> None:
    known = ("Yes", "yes", "No")
    assert open_known((["x", "y", "z"], ["Yes", "yes", "NO"]), known).labels == ("Yes", "yes", "NO")
    with pytest.raises(UserError, match="label 'YES' is none of the model's labels"):
        open_known((["x"], ["YES"]), known)


def test_labels_that_look_like_several_say_how_they_are_one(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("text,topic\nx,a;b\ny,a\nz,b\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"t.csv:2: the labels look like several .* say so: --columns label=topic"):
        open_known(str(file), ("a", "b", "a;b"))
    assert open_known(read_table(file, columns={"label": "topic"}), ("a", "b", "a;b")).labels == ("a", "b", "a;b")


def test_given_labels_keep_their_order() -> None:
    task = open_task(train=(TEXTS, LABELS), labels="good, bad, unsure")
    assert task.labels == ("good", "bad", "unsure")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"train": (TEXTS, LABELS), "test": (["x"], ["godo"])}, "label 'godo' is not among.*Did you mean 'good'"),
        ({"train": (TEXTS, LABELS), "labels": "good,fine"}, "label 'bad' is not among the labels given"),
        ({"train": (TEXTS, ["good"] * 40)}, "every example has the label 'good'"),
        ({"train": TEXTS}, "has no labels"),
        ({}, "no data given"),
        ({"train": (TEXTS, LABELS), "select": 0.7}, "select must be in"),
        ({"train": (TEXTS, LABELS), "max_length": 0}, "max_length must be"),
        ({"train": (TEXTS, LABELS), "labels": "good,good"}, "different names"),
        ({"train": (["x", "y"], LABELS[:2]), "test": (["x", "y"], LABELS[:2])}, "every training text"),
    ],
)
def test_bad_data_is_refused_in_one_line(data: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        open_task(**data)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"select": "0.1"}, r"select must be in \[0, 0.5\], or texts for choices, got '0.1'"),
        ({"select": None}, r"select must be in \[0, 0.5\], or texts for choices, got None"),
        ({"seed": "a"}, "seed must be a whole number from 0 on, got 'a'"),
        ({"seed": -1}, "seed must be a whole number from 0 on, got -1"),
        ({"max_length": 12.5}, "max_length must be a whole number from 1 on, got 12.5"),
        ({"labels": 3}, "labels must be names in order, such as .*, got 3"),
        ({"labels": {"good", "bad"}}, "labels must be names in order, such as .*, got {"),
        ({"columns": "text=text"}, "columns must be a dict such as .*, got 'text=text'"),
    ],
)
def test_from_python_a_setting_of_another_kind_is_refused_in_one_line(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        open_task(train=(["a", "b"] * 4, ["good", "bad"] * 4), **setting)


def test_numbers_of_numpy_are_numbers() -> None:
    task = open_task(
        train=([f"text {i}" for i in range(40)], [0.0, 1.0] * 20), labels=np.array([1.0, 0.0]), seed=np.int64(1),  # type: ignore[arg-type]
        max_length=np.int64(12), select=np.float32(0.25),  # type: ignore[arg-type]
    )  # fmt: skip
    assert (task.labels, task.max_length, len(task.select)) == (("1", "0"), 12, 8)
    assert json.loads(json.dumps(task.describe()))["max_length"] == 12


def test_a_split_that_no_task_has_is_refused() -> None:
    with pytest.raises(UserError, match="split must be one of train, select, test, unlabelled, got 'tset'"):
        Classify().split("tset")


def test_pairs_are_kept_as_pairs() -> None:
    pairs = [("a premise", f"claim {i}") for i in range(20)]
    task = Classify.from_lists(pairs, ["yes", "no"] * 10)
    assert task.describe()["pairs"]
    assert set(task.train.texts) < set(pairs)


def test_scores_match_a_hand_worked_confusion_matrix() -> None:
    split = Split(texts=("x", "y", "z", ("p", "q")), labels=(0, 0, 1, 2))
    predictions = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]])
    accuracy, f1 = Classify(labels=("a", "b", "c")).score(predictions, split)
    assert accuracy.value == 0.75
    assert accuracy.detail["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert accuracy.detail["per_class"]["a"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "n": 2}
    assert f1.value == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert accuracy.rows[3]["pair"] == "q"
    assert [row["predicted"] for row in accuracy.rows] == ["a", "b", "b", "c"]


def test_macro_f1_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import f1_score

    generator = np.random.default_rng(0)
    truth, guess = generator.integers(0, 4, 200), generator.integers(0, 3, 200)
    table = np.zeros((4, 4), dtype=int)
    np.add.at(table, (truth, guess), 1)
    assert macro_f1(table[None])[0] == pytest.approx(f1_score(truth, guess, average="macro"))


def test_one_right_example_does_not_claim_certainty() -> None:
    accuracy, f1 = Classify(labels=("a", "b")).score(np.array([[0.9, 0.1]]), Split(texts=("",), labels=(0,)))
    assert accuracy.interval is not None
    assert accuracy.interval[0] < 0.5
    assert f1.interval is None


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fresh_head_keeps_the_base_and_is_the_same_each_time(family: str) -> None:
    from transformers import AutoModel

    task = Classify(labels=("一", "two", "3"))
    models = []
    for _ in range(2):
        model = tiny_model(family)
        model.module = AutoModel.from_config(model.module.config).eval()
        base = tiny_model(family).module.base_model.state_dict()
        model.module.load_state_dict(base, strict=False)
        models.append(task.fit_head(model))
    first, again = models
    assert first.labels == task.labels
    assert first.module.config.problem_type == "single_label_classification"
    kept = first.module.base_model.state_dict()
    assert all(kept[key].equal(value) for key, value in base.items() if key in kept)
    texts = ["a warm and funny film", "酒店很干净"]
    assert first.text_logits(texts).tobytes() == again.text_logits(texts).tobytes()


def test_a_fresh_head_leaves_the_global_random_numbers_alone() -> None:
    import torch

    state = torch.random.get_rng_state()
    Classify(labels=("x", "y", "z")).fit_head(tiny_model("bert"))
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("family", ["llama", "bert", "roberta", "bart"])
def test_a_head_with_the_same_labels_in_another_order_is_put_in_ours(family: str) -> None:
    model = tiny_model(family, labels=("NEG", "Neutral", "pos"))
    texts = ["a warm and funny film", "dull"]
    before = model.text_logits(texts)
    task = Classify(labels=("pos", "neg", "neutral"))
    assert task.has_head(model)
    after = task.fit_head(model).text_logits(texts)
    assert model.labels == task.labels
    np.testing.assert_allclose(after, before[:, [2, 0, 1]], atol=1e-6)


def test_a_head_with_other_labels_is_replaced() -> None:
    model = tiny_model("distilbert")
    task = Classify(labels=("sport", "politics"))
    assert not task.has_head(model)
    assert task.fit_head(model).labels == ("sport", "politics")


def test_the_tasks_length_cuts_the_model_fitted_to_it() -> None:
    model = Classify(labels=("negative", "positive"), max_length=9).fit_head(tiny_model("gpt2"))
    assert model.max_length == 9
    assert len(model.encoder.encode(["word " * 50])[0][0]) == 9


def test_a_traditional_copy_of_a_test_text_leaves_training() -> None:
    pytest.importorskip("opencc")
    train = (["这部电影第3场很好看", "一般", "不好看", "很喜欢"], ["a", "b", "b", "a"])
    task = open_task(train=train, test=(["這部電影第3場很好看"], ["a"]), select=0)
    assert len(task.train) == 3


@pytest.mark.parametrize("model", [None, "minilm", BagOfWords({"good": (0, 1)})])
def test_what_is_no_live_model_takes_no_head(model: Any) -> None:
    with pytest.raises(UserError, match=r"a head is put on a live model, such as llamita.load"):
        Classify.from_lists(TEXTS, LABELS).fit_head(model)


def test_texts_for_choices_may_be_given_and_no_split_has_anothers_texts() -> None:
    chosen = ([TEXTS[0].upper(), "Held out", "a choice"], ["bad", "good", "good"])
    task = open_task(
        train=(TEXTS, LABELS), test=(["held out"], ["bad"]), select=chosen, unlabelled=["A choice", "free"]
    )
    assert task.select.texts == (TEXTS[0].upper(), "a choice")
    assert task.train.texts == tuple(TEXTS[1:])
    assert task.unlabelled.texts == ("free",)
    assert "Left out, since the test split has them too: 1 of the texts for choices" in task.notes
    assert "Left out of training, since the select split has them too: 1 of the training texts" in task.notes
    assert len(open_task(train=(TEXTS, LABELS), select=chosen).test) == 4


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"train": (TEXTS, LABELS), "select": (["x"], ["bade"])}, "label 'bade' is not among the labels of the training data"),
        ({"train": (TEXTS, LABELS), "select": ["a text without a label"]}, "no label"),
        ({"train": (TEXTS, LABELS), "select": (TEXTS, LABELS)}, "every training text also stands in the select split"),
        ({"test": (TEXTS, LABELS), "select": (TEXTS, LABELS)}, "give training data too"),
        ({"train": (TEXTS, LABELS), "select": None}, "select must be in"),
        ({"train": (TEXTS, LABELS), "select": 0.6}, "select must be in"),
        ({"train": (TEXTS, LABELS), "select": "nowhere.csv"}, "nowhere.csv"),
    ],
)  # fmt: skip
def test_texts_for_choices_that_can_not_be_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        open_task(**given)


def test_labels_in_lists_are_one_a_text_whatever_marks_stand_in_them() -> None:
    task = Classify.from_lists(TEXTS[:12], ["oil", "oil, gas", "gas"] * 4, select=0)
    assert task.labels == ("gas", "oil", "oil, gas")


def test_a_label_without_a_training_text_and_a_label_for_each_text_are_told(caplog: pytest.LogCaptureFixture) -> None:
    texts = [f"text {i}" for i in range(60)]
    task = open_task(train=(texts, ["a", "b", "c"] + ["a", "b"] * 28 + ["a"]), test=([texts[2]], ["c"]), select=0)
    assert any("no training text is left with the label 'c'" in note for note in task.notes)
    assert "warning: no training text is left" in caplog.text
    task = open_task(train=(texts, [f"{i / 7:.3f}" for i in range(60)]), test=[], select=0)
    assert any("60 labels in 60 rows; is 'label' the column of the labels?" in note for note in task.notes)
    assert not open_task(train=(texts[:40], [f"{i}" for i in range(40)]), test=[], select=0).notes


def test_a_dict_in_the_place_of_the_names_is_refused_since_its_values_would_be_lost() -> None:
    texts, labels, names = ["a", "b", "c", "d"], [0, 1, 0, 1], {0: "bad", 1: "good"}
    with pytest.raises(UserError, match="put the names in the place of the numbers first"):
        Classify.from_lists(texts, labels, names=names)
    with pytest.raises(UserError, match="labels must be names in order"):
        open_task(train=(texts, labels), labels=names)  # type: ignore[arg-type]
