"""A calibrated model's temperature is fitted anew to the file of fewer bits, unless hand labels fitted it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.families import tiny_model
from tests.train.tiny import reviews, several_task, tiny_task

from llamita.core.answers import AnyLabels, OneLabel, sigmoid, softmax
from llamita.core.context import Run
from llamita.core.model import Model
from llamita.core.registry import settings_of
from llamita.core.scaling import fit_curves, fit_scales, held_out, sharpness_like
from llamita.export._refit import fitted_again
from llamita.export.onnx import Onnx, open_folder
from llamita.learn.calibrate import Calibrate


@pytest.mark.parametrize("bits", [8, 4])
def test_a_temperature_is_fitted_anew_to_what_was_kept_and_stands_in_the_graph(bits: int, tmp_path: Path) -> None:
    task = dataclasses.replace(tiny_task(80), select=reviews(150, 5))
    model = tiny_model("bert", labels=task.labels)
    answers = model.text_logits(task.select.texts).argmax(axis=1)
    mostly_right = tuple(int(label) if i % 5 else 1 - int(label) for i, label in enumerate(answers))
    task = dataclasses.replace(task, select=dataclasses.replace(task.select, labels=mostly_right))
    run = Run(folder=tmp_path / "onnx", task=task, threads=1)
    step = Calibrate()
    model = step.apply(model, run)
    exporter = Onnx(precision="int8-dynamic", bits=bits, max_divergence=9)
    model.lineage = ()
    before = open_folder(
        exporter.export(model, Run(folder=tmp_path / "before", task=task, threads=1)).folder, threads=1
    )
    model.lineage = ({"step": "learn.calibrate", "settings": settings_of(step)},)
    after = open_folder(exporter.export(model, run).folder, threads=1)
    logits, gold = (engine.text_logits(task.select.texts) for engine in (before, after)), task.gold(task.select)
    plain, warmed = logits
    sharpness = sharpness_like(plain, model.text_logits(task.select.texts), gold)
    assert abs(np.log(sharpness)) > 1e-6
    np.testing.assert_allclose(warmed, plain * sharpness, rtol=1e-4, atol=1e-6)
    again = Onnx(precision="int8-dynamic", bits=bits, max_divergence=9).export(
        model, Run(folder=tmp_path / "again", task=task, threads=1)
    )
    name = "model_quantized.onnx"
    assert (again.folder / name).read_bytes() == (tmp_path / "onnx" / name).read_bytes()


def stand_in(logits: np.ndarray, **settings: object) -> Model:
    """A model that was calibrated by these settings and answers every text list with these logits."""
    lineage = ({"step": "learn.calibrate", "settings": settings},)
    return SimpleNamespace(lineage=lineage, text_logits=lambda _: logits)  # type: ignore[return-value]


def test_a_file_that_answers_as_the_model_does_keeps_its_temperature() -> None:
    """Texts without a mistake ask for more certainty each time a temperature is fitted to them."""
    task = dataclasses.replace(tiny_task(80), select=reviews(150, 5))
    described = {"answers": task.answers.to_dict(), "labels": list(task.labels)}
    right = np.eye(len(task.labels))[np.array(task.select.labels)].astype(np.float32)
    found = [
        fitted_again(described, stand_in(right), task, lambda _: file)  # noqa: B023
        for file in (right, 0.5 * right)
    ]
    assert fit_scales("temperature", right, task.gold(task.select))[0][0] > 2
    assert [one.sharpness for one in found if one] == pytest.approx([1.0, 2.0])


@pytest.mark.parametrize("method", ["temperature", "vector", "isotonic"])
def test_no_text_judges_itself_by_the_map_that_the_model_was_calibrated_by(method: str) -> None:
    task = dataclasses.replace(tiny_task(80), select=reviews(150, 5))
    gold, random = task.gold(task.select), np.random.default_rng(0)
    logits = (2 * np.eye(len(task.labels))[gold] * [1, 0] + random.normal(size=(len(gold), 2))).astype(np.float32)
    curves = fit_curves(softmax(logits), gold) if method == "isotonic" else ()
    described = {"answers": OneLabel(curves=curves, conformity=((0.5,),)).to_dict(), "labels": list(task.labels)}
    found = fitted_again(described, stand_in(logits, method=method), task, lambda _: logits)
    assert found is not None
    assert found.sharpness == 1.0
    assert found.answers.conformity == held_out(method, logits, gold)


def test_texts_that_lead_away_from_the_model_are_not_fitted_to(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An export's data may be few, and other than those that calibrated the model."""
    task = dataclasses.replace(tiny_task(80), select=reviews(150, 5))
    run = Run(folder=tmp_path / "onnx", task=task, threads=1)
    model = Calibrate(method="isotonic").apply(tiny_model("bert", labels=task.labels), run)
    answers = model.text_logits(task.select.texts).argmax(axis=1)
    wrong = dataclasses.replace(task.select, labels=tuple(1 - int(label) for label in answers))
    others = dataclasses.replace(task, select=wrong)
    made = {
        name: open_folder(
            Onnx(precision="int8-dynamic").export(model, Run(folder=tmp_path / name, task=of, threads=1)).folder
        )
        for name, of in {"same": task, "wrong": others, "none": None}.items()
    }
    assert made["same"].about["kept"]["kl"] < 0.05
    assert "it keeps what was fitted to the model" in caplog.text
    assert "kept" not in made["wrong"].about
    texts = task.select.texts
    np.testing.assert_allclose(made["wrong"].scores(texts), made["none"].scores(texts), atol=1e-6)


def test_a_temperature_of_hand_labels_stays_as_it_was_fitted(tmp_path: Path) -> None:
    task = dataclasses.replace(tiny_task(80), select=reviews(150, 5))
    model = tiny_model("bert", labels=task.labels)
    model.lineage = ({"step": "learn.calibrate", "settings": {"labelled": "hand.csv"}},)
    export = Onnx(precision="int8-dynamic").export
    made = [
        export(model, Run(folder=tmp_path / "a", task=task, threads=1)).folder,
        export(model, Run(folder=tmp_path / "b", threads=1)).folder,
    ]
    first, second = ((folder / "model_quantized.onnx").read_bytes() for folder in made)
    assert first == second


def test_a_file_gives_each_label_to_as_many_texts_as_the_model_whatever_the_order_of_its_labels() -> None:
    task = several_task(60)
    task = dataclasses.replace(task, select=task.train)
    n, labels = len(task.select), len(task.labels)
    own = np.random.default_rng(0).normal(size=(n, labels)).astype(np.float32)
    drawn = np.random.default_rng(1).normal(size=(n, labels)).astype(np.float32)
    turned = list(range(labels))[::-1]
    limits = tuple(np.linspace(0.3, 0.6, labels).tolist())
    answers = AnyLabels(thresholds=limits)
    described = {"labels": [task.labels[i] for i in turned], "answers": answers.to_dict()}
    for file in (own, own + 0.3 * drawn):
        found = fitted_again(described, stand_in(own, method="temperature"), task, lambda _, file=file: file)
        assert found is not None
        given, wanted = (
            found.answers.chosen(answers.probabilities(file * found.sharpness)),
            answers.chosen(sigmoid(own)),
        )
        assert given.sum(axis=0).tolist() == wanted.sum(axis=0).tolist()
        if file is own:
            assert found.answers.thresholds == pytest.approx(limits)
