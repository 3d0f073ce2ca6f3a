"""Calibration: fitted rightly, in the head or beside the weights, and dropped when these change."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.families import FAMILIES, tiny_model
from tests.tasks.test_likelihood import causal
from tests.train.tiny import reviews, several_task, tiny_run, tiny_task
from transformers import AutoModelForSequenceClassification

from llamita.core.answers import AnyLabels, OneLabel
from llamita.core.architecture import head_linear
from llamita.core.conformal import threshold_among
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.core.scaling import fit_temperature, fit_vector, mean_surprise, with_a_text_more
from llamita.core.step import Step
from llamita.core.task import Split
from llamita.distill.temperature import Temperature
from llamita.learn.calibrate import Calibrate
from llamita.learn.finetune import Finetune
from llamita.prune.depth import Depth
from llamita.prune.vocabulary import Vocabulary
from llamita.prune.width import Width
from llamita.tasks.classify import open_task


@pytest.mark.parametrize("family", FAMILIES)
def test_stock_code_gives_calibrated_probabilities_and_the_same_labels(family: str, tmp_path: Path) -> None:
    task, model = tiny_task(8), tiny_model(family)
    first = model.text_logits(task.select.texts)
    with torch.no_grad():
        head_linear(model.module).weight.mul_(8.0 / float(np.abs(first[:, 0] - first[:, 1]).mean()))
    before = model.text_logits(task.select.texts)
    wrong = np.random.default_rng(0).random(len(before)) < 0.2
    gold = np.where(wrong, before.argmin(axis=1), before.argmax(axis=1))
    task = dataclasses.replace(task, select=dataclasses.replace(task.select, labels=tuple(gold.tolist())))
    model = Calibrate().apply(model, tiny_run(tmp_path, task))
    after = model.text_logits(task.select.texts)
    assert mean_surprise(after, gold, 1.0) < mean_surprise(before, gold, 1.0) - 0.01
    clear = np.abs(before[:, 0] - before[:, 1]) > 1e-3
    np.testing.assert_array_equal(before.argmax(axis=1)[clear], after.argmax(axis=1)[clear])
    assert fit_temperature(after, with_a_text_more(before, gold)) == pytest.approx(1.0, abs=0.01)
    model.save(tmp_path / "saved")
    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    loaded = Model(stock, model.tokenizer)
    np.testing.assert_allclose(loaded.text_logits(task.select.texts), after, atol=1e-5)


def test_no_select_split_and_silly_bounds_are_refused(tmp_path: Path) -> None:
    blind = dataclasses.replace(tiny_task(8), select=Split(texts=()))
    with pytest.raises(UserError, match=r"learn\.calibrate needs a select split"):
        Calibrate().apply(tiny_model("bert"), tiny_run(tmp_path, blind))
    with pytest.raises(UserError, match=r"highest must be > 1, got 0.5"):
        Calibrate(highest=0.5)
    with pytest.raises(UserError, match=r"highest bounds a temperature or scales, and isotonic has none"):
        Calibrate(method="isotonic", highest=5)


@pytest.mark.parametrize("step", [Calibrate(), Calibrate(method="isotonic"), Temperature()])
def test_a_model_that_was_never_taught_the_labels_is_refused_and_gets_no_fresh_head(step: Step, tmp_path: Path) -> None:
    task, model = tiny_task(8), tiny_model("bert", labels=("red", "blue"))
    run = tiny_run(tmp_path / "run", task, teacher=tmp_path)
    with pytest.raises(UserError, match=r"teaches no labels: .* has red, blue, and the data negative, positive"):
        step.apply(model, run)
    assert model.labels == ("red", "blue")
    with pytest.raises(UserError, match="teaches no labels, and llama has none"):
        step.apply(causal("llama"), run)
    several = dataclasses.replace(run, task=several_task(8))
    with pytest.raises(UserError, match="the same labels, but only one of the two gives a text several"):
        Calibrate().apply(tiny_model("bert", labels=("long", "funny")), several)


def test_a_vector_goes_into_a_head_with_bias_and_is_refused_by_one_without(tmp_path: Path) -> None:
    task = tiny_task(200)
    model = tiny_model("bert", labels=task.labels)
    before = model.text_logits(task.select.texts)
    made = Calibrate(method="vector").apply(model, tiny_run(tmp_path, task))
    scale, shift = fit_vector(before, np.asarray(task.select.labels))
    np.testing.assert_allclose(made.text_logits(task.select.texts), before * scale + shift, atol=1e-4)
    with pytest.raises(UserError, match="no bias to hold the shifts; take method temperature or isotonic"):
        Calibrate(method="vector").apply(tiny_model("llama", labels=task.labels), tiny_run(tmp_path, task))
    with pytest.raises(UserError, match="method must be one of temperature, vector, isotonic, got 'beta'"):
        Calibrate(method="beta")  # type: ignore[arg-type]


@pytest.mark.parametrize("family", ["bert", "llama", "bart"])
def test_isotonic_curves_stand_beside_weights_that_stay(family: str, tmp_path: Path) -> None:
    task = tiny_task(8)
    task = dataclasses.replace(task, select=reviews(200, 5))
    model = tiny_model(family, labels=task.labels)
    before, scores = model.text_logits(task.test.texts), model.scores(task.test.texts)
    model = Calibrate(method="isotonic").apply(model, tiny_run(tmp_path, task))
    np.testing.assert_array_equal(model.text_logits(task.test.texts), before)
    after = model.scores(task.test.texts)
    assert np.abs(after - scores).max() > 0.01
    np.testing.assert_allclose(after.sum(axis=1), 1, atol=1e-6)
    model.save(tmp_path / "saved")
    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    np.testing.assert_allclose(Model(stock, model.tokenizer).text_logits(task.test.texts), before, atol=1e-5)
    again = Model.load(tmp_path / "saved")
    assert again.answers == model.answers
    np.testing.assert_allclose(again.scores(task.test.texts), after, atol=1e-6)


def test_curves_are_less_surprised_on_the_texts_they_were_fitted_to(tmp_path: Path) -> None:
    task = dataclasses.replace(tiny_task(8), select=reviews(200, 5))
    model = tiny_model("bert", labels=task.labels)
    before = mean_surprise(model.text_logits(task.select.texts), np.asarray(task.select.labels), 1.0)
    model = Calibrate(method="isotonic").apply(model, tiny_run(tmp_path, task))
    gold = task.gold(task.select)
    assert model.answers.surprise(model.scores(task.select.texts), gold).mean() < before


@pytest.mark.parametrize(
    "step",
    [Finetune(epochs=0.5), Depth(keep=1), Width(ffn=0.5), Vocabulary(frequent=0, every_text=False), Calibrate()],
    ids=lambda step: type(step).__name__,
)
def test_a_step_that_changes_weights_drops_what_was_fitted_and_says_so(
    step: Step, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = tiny_task(40)
    model = Calibrate(method="isotonic").apply(tiny_model("bert", labels=task.labels), tiny_run(tmp_path, task))
    assert model.answers.is_fitted
    caplog.set_level("INFO", logger="llamita")
    model = step.apply(model, tiny_run(tmp_path, task))
    assert not model.answers.curves
    assert isinstance(step, Calibrate) or "fitted to their answers is dropped; calibrate again" in caplog.text
    assert isinstance(model.answers, OneLabel)
    assert bool(model.answers.conformity) == isinstance(step, Calibrate)
    model.save(tmp_path / "saved")
    assert (tmp_path / "saved" / "answers.json").exists() == isinstance(step, Calibrate)


def test_what_sets_are_drawn_from_is_kept_and_can_be_left_out(tmp_path: Path) -> None:
    task = tiny_task(40)
    kept = Calibrate().apply(tiny_model("bert", labels=task.labels), tiny_run(tmp_path, task))
    assert isinstance(kept.answers, OneLabel)
    assert len(kept.answers.conformity) == len(task.select)
    kept.save(tmp_path / "kept")
    again = Model.load(tmp_path / "kept")
    assert again.answers == kept.answers
    texts = list(task.test.texts)
    sets = [found.labels for found in again.classify(texts, coverage=0.8)]
    assert sets == [found.labels for found in kept.classify(texts, coverage=0.8)]
    bare = Calibrate(sets=False).apply(tiny_model("bert", labels=task.labels), tiny_run(tmp_path, task))
    assert not bare.answers.is_fitted
    np.testing.assert_array_equal(bare.text_logits(texts), kept.text_logits(texts))


def test_labels_in_another_order_take_their_curves_along(tmp_path: Path) -> None:
    task = tiny_task(40)
    model = Calibrate(method="isotonic").apply(tiny_model("bert", labels=task.labels), tiny_run(tmp_path, task))
    before = model.scores(task.test.texts)
    turned = dataclasses.replace(task, labels=task.labels[::-1])
    np.testing.assert_allclose(turned.fit_head(model).scores(task.test.texts), before[:, ::-1], atol=1e-6)


def test_texts_with_any_labels_get_thresholds_that_are_stored(tmp_path: Path) -> None:
    task = several_task(8)
    for method in ("temperature", "vector", "isotonic"):
        model = Calibrate(method=method).apply(  # type: ignore[arg-type]
            task.fit_head(tiny_model("bert")), tiny_run(tmp_path, task)
        )
        assert isinstance(model.answers, AnyLabels)
        scores = model.scores(task.select.texts)
        found, plain = (task.score(scores, task.select, answers)[1].value for answers in (model.answers, AnyLabels()))
        assert found is not None
        assert plain is not None
        assert found >= plain
        model.save(tmp_path / method)
        assert Model.load(tmp_path / method).answers == model.answers
    by_hand = Calibrate(threshold=0.3, sets=False)
    assert by_hand.apply(task.fit_head(tiny_model("bert")), tiny_run(tmp_path, task)).answers == AnyLabels(
        thresholds=(0.3, 0.3)
    )


def test_texts_with_any_labels_get_sets_by_what_is_kept(tmp_path: Path) -> None:
    task = several_task(80)
    model = Calibrate().apply(task.fit_head(tiny_model("bert")), tiny_run(tmp_path, task))
    assert len(model.answers.conformity) == sum(map(bool, task.select.label_sets))
    model.save(tmp_path / "kept")
    again, texts = Model.load(tmp_path / "kept"), list(task.test.texts)
    threshold = threshold_among(model.answers.conformity, 0.6)
    for found in again.classify(texts, coverage=0.6):
        assert set(found.labels) == {name for name, p in found.probabilities.items() if p >= threshold}
    other = again.classify(
        texts, coverage=0.6, labelled=(texts, [[task.labels[i] for i in s] for s in task.test.label_sets])
    )
    assert len(other) == len(texts)


def test_thresholds_where_a_text_has_one_label_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="threshold is for texts with any labels"):
        Calibrate(threshold=0.3).apply(tiny_model("bert"), tiny_run(tmp_path, tiny_task(8)))
    with pytest.raises(UserError, match=r"threshold must be in \(0, 1\), got 1.5"):
        Calibrate(threshold=1.5)


def test_damaged_curves_are_one_line(tmp_path: Path) -> None:
    task = tiny_task(40)
    Calibrate(method="isotonic").apply(tiny_model("bert"), tiny_run(tmp_path, task)).save(tmp_path / "saved")
    file = tmp_path / "saved" / "answers.json"
    for text in ("{", "{}", '{"task": "other", "curves": []}', '{"task": "classify", "curves": [[[0], [1]]]}'):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=r"answers.json is damaged; remove it and calibrate the model again"):
            Model.load(tmp_path / "saved")


def test_a_file_of_labels_takes_the_place_of_select(tmp_path: Path) -> None:
    task, file = tiny_task(8), tmp_path / "hand.csv"
    texts = [f"{text} again" for text in task.test.texts[:60]]
    model = tiny_model("bert", labels=task.labels)
    with torch.no_grad():
        head_linear(model.module).weight.mul_(30.0)
    before = model.text_logits(texts)
    gold = np.random.default_rng(0).integers(2, size=60)
    file.write_text("text,label\n" + "".join(f"{t},{task.labels[g]}\n" for t, g in zip(texts, gold, strict=True)))
    made = Calibrate(labelled=str(file)).apply(model, tiny_run(tmp_path / "run", task))
    heat = fit_temperature(before, with_a_text_more(before, gold))
    np.testing.assert_allclose(made.text_logits(texts), before / heat, atol=1e-4)
    measured = "".join(f"{text},{task.labels[0]}\n" for text in task.test.texts)
    file.write_text(f"text,label\n{measured}another,{task.labels[0]}\n")
    assert Calibrate(labelled=str(file)).split_of(task).texts == ("another",)
    file.write_text(f"text,label\n{measured}")
    with pytest.raises(UserError, match="all its texts stand in the test split; calibrate with others"):
        Calibrate(labelled=str(file)).split_of(task)
    file.write_text("text,label\na film,strange\n")
    with pytest.raises(
        UserError, match=r"hand\.csv:2: label 'strange' is none of .*\(negative, pos.* --label-names strange=NAME"
    ):
        Calibrate(labelled=str(file)).apply(model, tiny_run(tmp_path / "run", task))


def test_the_columns_and_label_names_of_the_data_hold_for_a_labelled_file(tmp_path: Path) -> None:
    for name in ("data.csv", "hand.csv"):
        rows = "".join(f"{name[0]} {i},a note that is longer than the text,{i % 2}\n" for i in range(40))
        (tmp_path / name).write_text(f"review,note,stars\n{rows}", encoding="utf-8")
    columns = {"text": "review", "label": "stars", "names": {0: "bad", 1: "good"}}
    task = open_task(train=str(tmp_path / "data.csv"), columns=columns)
    split = Calibrate(labelled=str(tmp_path / "hand.csv")).split_of(task)
    assert split.texts[:2] == ("h 0", "h 1")
    assert [task.labels[i] for i in split.labels[:2]] == ["bad", "good"]
    other = tmp_path / "other.csv"
    other.write_text("text,label\na,0\nb,good\n", encoding="utf-8")
    assert [task.labels[i] for i in Calibrate(labelled=str(other)).split_of(task).labels] == ["bad", "good"]


def test_labelled_pairs_where_the_data_has_single_texts_are_refused_and_the_other_way_round(tmp_path: Path) -> None:
    task, file = tiny_task(8), tmp_path / "hand.csv"
    pairs = dataclasses.replace(task, select=Split(texts=(("a", "b"),), labels=(0,)), train=Split(texts=()))
    file.write_text("text,pair,label\na film,a book,negative\n", encoding="utf-8")
    assert Calibrate(labelled=str(file)).split_of(pairs).texts == (("a film", "a book"),)
    with pytest.raises(UserError, match=r"hand\.csv:2: a pair of texts, but the data has single ones"):
        Calibrate(labelled=str(file)).split_of(task)
    file.write_text("text,label\na film,negative\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"hand\.csv:2: a single text, but the data has pairs"):
        Calibrate(labelled=str(file)).split_of(pairs)


def test_the_address_of_a_calibration_follows_its_file(tmp_path: Path) -> None:
    from llamita.core.store import Store
    from llamita.workshop import Stage, Workshop

    file = tmp_path / "hand.csv"
    shop = Workshop(store=Store(folder=tmp_path / "stages"), task=tiny_task(8), threads=1)
    stage, step = Stage(key="k", folder=tmp_path, name="m"), Calibrate(labelled=str(file))
    addresses = []
    for text in ("text,label\na,negative\n", "text,label\na,positive\n"):
        file.write_text(text)
        addresses.append(shop.address_of(stage, step, None))
    assert addresses[0] != addresses[1]


def test_a_temperature_at_its_bound_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    task = tiny_task(8)
    run = tiny_run(tmp_path, task)
    Calibrate(highest=1.0001).apply(tiny_model("bert", labels=task.labels), run)
    assert "the temperature is at its bound (--highest 1.0001): the" in caplog.text


@pytest.mark.parametrize(("number", "warned"), [(200, True), (600, False)])
def test_curves_of_few_texts_are_warned_of(
    number: int, warned: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = dataclasses.replace(tiny_task(8), select=reviews(number, 5))
    Calibrate(method="isotonic").apply(tiny_model("bert", labels=task.labels), tiny_run(tmp_path, task))
    assert (f"follow the chance of {len(task.select)}" in caplog.text) == warned
