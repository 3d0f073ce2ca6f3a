from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.engines import BagOfWords
from tests.families import FAMILIES, tiny_model
from tests.train.tiny import several_task

from llamita.attack.noise import Noise
from llamita.core.answers import AnyLabels
from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.task import Split
from llamita.data.read import read_table
from llamita.explain.occlusion import Occlusion
from llamita.measure.agreement import Agreement
from llamita.measure.calibration import Calibration
from llamita.measure.coverage import Coverage
from llamita.measure.quality import Quality
from llamita.tasks.classify import Classify
from llamita.tasks.classify import open_task as open_classify
from llamita.tasks.multilabel import MultiLabel, open_known, open_task

LABELS = ("food", "room", "staff")
TEXTS = ("good food", "food room", "", "staff room", "quiet")
SETS = ((0,), (0, 1), (), (1, 2), (1,))
TASK = MultiLabel(labels=LABELS, test=Split(texts=TEXTS, label_sets=SETS))
WEIGHTS = {"food": (4, 0, 0), "room": (0, 4, 0), "staff": (0, 0, 4), "quiet": (0, 0, 1)}


def bag(weights=WEIGHTS, labels=LABELS, answers=None, **more) -> BagOfWords:
    engine = BagOfWords(weights, labels, bias=[-2] * len(labels), **more)
    engine.answers = answers or AnyLabels()
    return engine


def run(tmp_path: Path, task=TASK) -> Run:
    return Run(folder=tmp_path, task=task)


def test_a_table_that_was_handed_in_stays_as_it_was() -> None:
    train = read_table((["a", "b", "c", "d"] * 3, [["x"], ["y", "x"], ["y"], []] * 3))
    test = read_table((["e", "f"], ["x", "y"]))
    assert open_task(train=train, test=test).test.label_sets == ((0,), (1,))
    assert (test.several, test.columns, test.labels) == (False, {"text": "text", "label": "label"}, ["x", "y"])


def test_scores_by_hand(tmp_path: Path) -> None:
    micro, macro, exact, hamming = Quality().measure(bag(), TASK, run(tmp_path))
    assert micro.value == pytest.approx(2 * 5 / (2 * 5 + 0 + 1))
    assert macro.value == pytest.approx((1 + 4 / 5 + 1) / 3)
    assert exact.value == pytest.approx(4 / 5)
    assert hamming.value == pytest.approx(1 / 15)
    table = micro.detail["per_class"]
    assert (table["room"]["precision"], table["room"]["recall"], table["room"]["n"]) == (1.0, 2 / 3, 3)
    assert table["room"]["f1_interval"][0] <= 4 / 5 <= table["room"]["f1_interval"][1]
    assert [(row["label"], row["predicted"]) for row in micro.rows[1:3]] == [("food | room",) * 2, ("—",) * 2]
    json.dumps([f.to_dict() for f in (micro, macro, exact, hamming)], allow_nan=False)


def test_scores_agree_with_scikit_learn(tmp_path: Path) -> None:
    from sklearn.metrics import accuracy_score, f1_score, hamming_loss

    generator = np.random.default_rng(0)
    gold, p = generator.integers(0, 2, (200, 4)), generator.random((200, 4))
    split = Split(texts=("x",) * 200, label_sets=tuple(tuple(np.flatnonzero(row).tolist()) for row in gold))
    found = [f.value for f in MultiLabel(labels=tuple("abcd")).score(p, split)]
    guess = p >= 0.5
    theirs = [
        f1_score(gold, guess, average="micro"), f1_score(gold, guess, average="macro"), accuracy_score(gold, guess),
        hamming_loss(gold, guess),
    ]  # fmt: skip
    assert found == pytest.approx(theirs)


def test_thresholds_of_the_engine_count_in_the_tasks_order(tmp_path: Path) -> None:
    turned = bag(
        {word: row[::-1] for word, row in WEIGHTS.items()}, LABELS[::-1], AnyLabels(thresholds=(0.2, 0.5, 0.99))
    )
    micro = Quality().measure(turned, TASK, run(tmp_path))[0]
    assert micro.rows[0]["predicted"] == "—"
    assert micro.rows[4]["predicted"] == "staff"


def test_an_engine_for_one_label_is_refused_and_the_other_way_round(tmp_path: Path) -> None:
    one = BagOfWords(WEIGHTS, LABELS)
    with pytest.raises(UserError, match="gives one label a text, the data has any labels a text"):
        Quality().measure(one, TASK, run(tmp_path))
    single = Classify(labels=LABELS, test=Split(texts=("x",), labels=(0,)))
    with pytest.raises(UserError, match="gives any labels a text, the data has one label a text"):
        Quality().measure(bag(), single, run(tmp_path, single))


def test_every_measure_takes_any_labels_or_says_why_not(tmp_path: Path) -> None:
    light = bag({"food": (4, 0, 0), "room": (0, 4, 0)})
    loss = Quality().measure(light, TASK, run(tmp_path), bag())[-1]
    assert loss.value == pytest.approx(10 / 11 - 8 / 10)
    assert (loss.detail["lost"], loss.detail["won"]) == (1, 0)
    same, kl, curve = Agreement().measure(light, TASK, run(tmp_path), bag())
    assert same.value == pytest.approx(4 / 5)
    assert same.rows[0]["reference_predicted"] == "room | staff"
    assert kl.value is not None
    assert kl.value > 0
    ends = curve.detail["curve"]
    assert (ends[0]["accuracy"], ends[-1]["accuracy"]) == pytest.approx((8 / 10, 10 / 11))
    ece, _, nll = Calibration(bins=4).measure(bag(), TASK, run(tmp_path))
    assert set(ece.detail["per_label"]) == set(LABELS)
    assert nll.value is not None
    noise = Noise(rate=0).measure(bag(), TASK, run(tmp_path))[0]
    assert (noise.value, noise.detail["fall"]) == (pytest.approx(10 / 11), 0)
    why = Occlusion().measure(bag(), TASK, run(tmp_path), light)[0]
    row = next(row for row in why.rows if row["text"] == "good food")
    assert dict(zip(row["words"], row["scores"], strict=True)) == {"good": 0.0, "food": 4.0}
    big = MultiLabel(labels=LABELS, test=Split(texts=TEXTS * 20, label_sets=SETS * 20))
    share = Coverage(promised=0.8).measure(bag(), big, run(tmp_path, big))[0]
    assert share.value is not None
    assert share.value >= share.detail["bounds"][0]


def test_prediction_tells_all_labels_that_are_given() -> None:
    both, none = bag().classify(["food room", "nothing"])
    assert (both.labels, none.labels) == (("food", "room"), ())
    assert both.probabilities["food"] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-6)
    assert none.label in LABELS


def test_classify_sees_by_itself_that_texts_have_several_labels() -> None:
    texts = [f"text {i}" for i in range(40)]
    labels = [("a", "a;b", "b;c", "", "c")[i % 5] for i in range(40)]
    task = open_classify(train=(texts, labels))
    assert isinstance(task, MultiLabel)
    assert task.labels == ("a", "b", "c")
    assert "a text may have any of the labels: a, b, c" in task.notes[0]
    assert len(task.train) + len(task.select) + len(task.test) == 40
    assert task.describe()["without_labels"]["train"] > 0
    named = open_task(train=(texts, ["a" if i % 2 else "b" for i in range(40)]))
    assert named.train.label_sets[0] in ((0,), (1,))


def test_select_keeps_a_share_of_the_rarest_label() -> None:
    texts = [f"text {i}" for i in range(200)]
    labels = [["common", "rare"] if i % 20 == 0 else ["common"] for i in range(200)]
    task = open_task(train=(texts, labels), test=(["other"], [["rare"]]), select=0.2)
    rare = task.labels.index("rare")
    assert sum(rare in labels for labels in task.select.label_sets) == 2


def test_a_test_set_without_a_pair_of_labels_is_read_as_training_is() -> None:
    task = open_classify(train=(["x", "y", "z"] * 5, ["a;b", "a", "b"] * 5), test=(["p", "q"], ["b", "a"]), select=0)
    assert task.test.label_sets == ((1,), (0,))


def test_no_label_at_all_and_strange_labels_are_refused() -> None:
    with pytest.raises(UserError, match="no text has a label"):
        open_task(train=(["x", "y"], [[], []]))
    with pytest.raises(UserError, match="label 'c' is not among the labels given"):
        open_task(train=(["x", "y"], [["a", "b"], ["c"]]), labels="a,b")
    for given in ([["a", "b"], ["0"]], ["a", "0"]):
        with pytest.raises(
            UserError, match=r":2: label '0' is none of the model's labels \(a, b\).* --label-names 0=NAME"
        ):
            open_known((["x", "y"], given), ("a", "b"))
    assert open_known((["x", "y"], [["A", "b"], []]), ("a", "b")).labels == ("A", "b")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gets_a_head_that_tells_labels_one_by_one(family: str) -> None:
    task = several_task(8)
    model = task.fit_head(tiny_model(family))
    assert model.module.config.problem_type == "multi_label_classification"
    logits = model.text_logits(task.test.texts[:4])
    np.testing.assert_allclose(model.scores(task.test.texts[:4]), 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_fingerprints_know_the_labels_of_each_text() -> None:
    splits = [Split(texts=("a", "b"), label_sets=sets) for sets in (((0, 1), ()), ((0,), (1,)), ((), (0, 1)))]
    assert len({split.fingerprint for split in splits}) == 3
    assert splits[0].take([1]).label_sets == ((),)


def test_labels_of_a_finished_model_may_be_written_in_another_case() -> None:
    for cells in ([["Sport"], ["POLITICS", "Sport"], []], ["Sport", "POLITICS|Sport", "POLITICS"]):
        task = open_known((["x", "y", "z"], cells), ("politics", "sport"))
        assert task.test.label_sets[:2] == ((1,), (0, 1))
    assert open_known((["x", "y"], [["A"], ["a"]]), ("A", "a")).test.label_sets == ((0,), (1,))
    with pytest.raises(UserError, match="label 'economy' is none of the model's labels"):
        open_known((["x", "y"], [["economy", "Sport"], ["sport"]]), ("politics", "sport"))
