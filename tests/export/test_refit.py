"""A calibrated model's temperature is fitted anew to the file of fewer bits, unless hand labels fitted it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tests.families import tiny_model
from tests.train.tiny import reviews, tiny_task

from llamita.core.context import Run
from llamita.core.registry import settings_of
from llamita.core.scaling import fit_scales, sharpness_like
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


def test_a_file_that_answers_as_the_model_does_keeps_its_temperature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts without a mistake ask for more certainty each time a temperature is fitted to them."""
    task = dataclasses.replace(tiny_task(80), select=reviews(150, 5))
    described = {"answers": task.answers.to_dict(), "labels": list(task.labels)}
    right = np.eye(len(task.labels))[np.array(task.select.labels)].astype(np.float32)
    factors: list[float] = []
    monkeypatch.setattr("llamita.export._refit.scale_logits", lambda _, factor: factors.append(factor))
    for file in (right, 0.5 * right):
        fitted_again(tmp_path, described, task, lambda _: file, calibrated=lambda _: right)  # noqa: B023
    assert fit_scales("temperature", right, task.gold(task.select))[0][0] > 2
    assert factors == pytest.approx([1.0, 2.0])


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
