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
from llamita.core.scaling import fit_scales
from llamita.export.onnx import Onnx, open_folder
from llamita.learn.calibrate import Calibrate


@pytest.mark.parametrize("bits", [8, 4])
def test_a_temperature_is_fitted_anew_to_what_was_kept_and_stands_in_the_graph(bits: int, tmp_path: Path) -> None:
    task = dataclasses.replace(tiny_task(80), select=reviews(150, 5))
    run = Run(folder=tmp_path / "onnx", task=task, threads=1)
    step = Calibrate()
    model = step.apply(tiny_model("bert", labels=task.labels), run)
    exporter = Onnx(precision="int8-dynamic", bits=bits, max_divergence=9)
    before = open_folder(
        exporter.export(model, Run(folder=tmp_path / "before", task=task, threads=1)).folder, threads=1
    )
    model.lineage = ({"step": "learn.calibrate", "settings": settings_of(step)},)
    after = open_folder(exporter.export(model, run).folder, threads=1)
    logits, gold = (engine.text_logits(task.select.texts) for engine in (before, after)), task.gold(task.select)
    plain, warmed = logits
    sharpness = fit_scales("temperature", plain, gold)[0][0]
    assert abs(np.log(sharpness)) > 1e-6
    np.testing.assert_allclose(warmed, plain * sharpness, rtol=1e-4, atol=1e-6)
    again = Onnx(precision="int8-dynamic", bits=bits, max_divergence=9).export(
        model, Run(folder=tmp_path / "again", task=task, threads=1)
    )
    name = "model_quantized.onnx"
    assert (again.folder / name).read_bytes() == (tmp_path / "onnx" / name).read_bytes()


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
