"""Whatever a MODEL argument names opens as an engine; a run's folder opens as what it delivers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.families import tiny_model

from llamita.core.errors import UserError
from llamita.core.hardware import num_cores
from llamita.core.opening import open_engine, set_threads
from llamita.tasks.recorded import recorded


def test_a_runs_folder_opens_as_its_export_before_its_weights(tmp_path: Path) -> None:
    model = tiny_model("bert", labels=("bad", "good"))
    model.save(tmp_path / "light")
    assert open_engine(tmp_path, threads=1).scores(["fine"]).shape == (1, 2)
    answers = np.array([[1.0, 2.0, 3.0]], np.float32)
    table = recorded(tiny_model("bert", labels=("a", "b", "c")), ["fine"], answers)
    table.save(tmp_path / "light" / "onnx")
    np.testing.assert_array_equal(open_engine(tmp_path).text_logits(["fine"]), answers)


def test_a_damaged_artifact_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "artifact.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match=r"artifact.json is damaged; export the model again"):
        open_engine(tmp_path)
    (tmp_path / "artifact.json").write_text(json.dumps({"exporter": "os.path"}), encoding="utf-8")
    with pytest.raises(UserError, match="this version can't open"):
        open_engine(tmp_path)


@pytest.mark.parametrize(
    ("model", "settings", "said"),
    [
        (None, {}, "a model is a folder, a file or a name, got NoneType"),
        ("config:bert:1m", {"threads": -1}, "threads must be a whole number from 1 on, got -1"),
        ("config:bert:1m", {"threads": "2"}, "threads must be a whole number from 1 on, got '2'"),
        ("config:bert:1m", {"precision": "fp8"}, "precision must be one of fp32, bf16, auto, got 'fp8'"),
        ("config:bert:1m", {"device": "tpu"}, "device must be one of cuda, mps, cpu, got 'tpu'"),
    ],
)
def test_what_can_not_be_honoured_is_refused(model: str | None, settings: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        open_engine(model, **settings)  # type: ignore[arg-type]


def test_threads_are_all_cores_unless_told() -> None:
    before = torch.get_num_threads()
    try:
        assert set_threads(None) == num_cores() == torch.get_num_threads()
        assert set_threads(1) == 1 == torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def test_the_run_folder_of_a_model_that_is_asked_opens_too(tmp_path: Path) -> None:
    answers = np.array([[1.0, 2.0, 3.0]], np.float32)
    table = recorded(tiny_model("bert", labels=("a", "b", "c")), ["fine"], answers)
    table.save(tmp_path / "light")
    np.testing.assert_array_equal(open_engine(tmp_path).text_logits(["fine"]), answers)
