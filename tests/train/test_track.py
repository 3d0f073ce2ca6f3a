"""Trackers get what metrics.jsonl gets, and change nothing."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.families import tiny_model
from tests.train.kill import apply_until_done, checkpoint_often, saved_bytes
from tests.train.tiny import LABELS, tiny_run, tiny_task

from llamita.core.errors import UserError
from llamita.learn.finetune import Finetune
from llamita.train.track import SILENT, check_tracker, open_tracker

STEP = Finetune(epochs=1, batch_size=8, early_stopping=1, evaluations=2)


def tracked(folder: Path, track: str) -> tuple[dict[str, bytes], list[dict[str, float]]]:
    task = tiny_task(32)
    model = STEP.apply(tiny_model("bert", labels=LABELS), replace(tiny_run(folder, task), track=track))
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return saved_bytes(model, folder / "saved"), lines


def test_mlflow_gets_every_line_and_the_bytes_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, dict[str, float]]] = []
    settings: dict[str, object] = {}
    stand_in = SimpleNamespace(
        start_run=lambda run_name: sent.append((0, {run_name: 0.0})), end_run=lambda: sent.append((-1, {})),
        log_metrics=lambda values, step: sent.append((step, values)), log_params=settings.update,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "mlflow", stand_in)
    monkeypatch.setattr("llamita.train.track.find_spec", lambda name: name)
    plain, _ = tracked(tmp_path / "plain", "")
    found, lines = tracked(tmp_path / "tracked", "mlflow")
    assert found == plain
    assert sent[0] == (0, {"tracked": 0.0})
    assert sent[-1] == (-1, {})
    assert [{"step": step, **values} for step, values in sent[1:-1]] == lines
    assert settings["learning_rate"] > 0
    assert "batch_size" in settings["step"]


def test_a_training_that_breaks_off_leaves_no_run_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    stand_in = SimpleNamespace(
        start_run=lambda run_name: done.append("begun"), end_run=lambda: done.append("ended"),
        log_metrics=lambda values, step: None, log_params=lambda values: None,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "mlflow", stand_in)
    monkeypatch.setattr("llamita.train.track.find_spec", lambda name: name)
    run = replace(tiny_run(tmp_path, tiny_task(32)), track="mlflow")
    model = tiny_model("bert", labels=LABELS)
    model.module.classifier.bias.data.fill_(float("nan"))
    with pytest.raises(UserError, match="training diverged at step"):
        STEP.apply(model, run)
    assert done == ["begun", "ended"]


def test_a_killed_training_goes_on_in_the_run_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, str]] = []
    had = SimpleNamespace(info=SimpleNamespace(run_id="7f"))
    stand_in = SimpleNamespace(
        start_run=lambda **named: asked.append(named), end_run=lambda: None, log_metrics=lambda values, step: None,
        log_params=lambda values: None, search_runs=lambda **named: [had] if "'run'" in named["filter_string"] else [],
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "mlflow", stand_in)
    monkeypatch.setattr("llamita.train.track.find_spec", lambda name: name)
    checkpoint_often(monkeypatch, 2)
    run = replace(tiny_run(tmp_path / "run", tiny_task(32)), track="mlflow")
    apply_until_done(replace(STEP, early_stopping=0), lambda: tiny_model("bert", labels=LABELS), run, [3], monkeypatch)
    assert asked == [{"run_name": "run"}, {"run_id": "7f"}]


def test_a_tracker_tells_its_makers_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in SILENT:
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    seen: list[str | None] = []
    opened = SimpleNamespace(
        start_run=lambda run_name: seen.append(os.environ.get("MLFLOW_DISABLE_TELEMETRY")),
        end_run=0,
        log_params=lambda values: None,
    )
    monkeypatch.setitem(sys.modules, "mlflow", opened)
    monkeypatch.setattr("llamita.train.track.find_spec", lambda name: name)
    open_tracker("mlflow", tmp_path)
    assert seen == ["true"]


def test_tensorboard_writes_outside_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    monkeypatch.chdir(tmp_path)
    tracked(tmp_path / "stages" / ".abc-finetune.part", "tensorboard")
    assert list((tmp_path / "runs" / "abc-finetune").glob("events.*"))


def test_a_tracker_that_fails_to_open_is_the_users_to_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(run_name: str) -> None:
        raise RuntimeError("no server at 127.0.0.1:5000")

    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(start_run=refuse))
    monkeypatch.setattr("llamita.train.track.find_spec", lambda name: name)
    with pytest.raises(UserError, match=r"mlflow can't be opened .no server at 127.0.0.1:5000.; mend its settings"):
        tracked(tmp_path / "run", "mlflow")


def test_what_is_unknown_or_missing_is_refused_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="track must be one of tensorboard, trackio, mlflow, got 'wandb'"):
        check_tracker("wandb")
    monkeypatch.setattr("llamita.train.track.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'llamita\[track\]'"):
        check_tracker("mlflow")
