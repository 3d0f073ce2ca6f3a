"""Compiled layers learn what plain ones learn, go on exactly after a kill, and are taken where they were measured to be faster."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.families import tiny_model
from tests.train.kill import apply_until_done, checkpoint_often, saved_bytes
from tests.train.tiny import tiny_run, tiny_task

from llamita.core.architecture import layer_lists
from llamita.core.errors import UserError
from llamita.learn.finetune import Finetune
from llamita.train import compiling
from llamita.train.compiling import Compiled, Verdict, _first_of_each_kind, cache_file, layers_to_compile

LABELS = ("negative", "positive")
needs_compiler = pytest.mark.skipif(shutil.which(os.environ.get("CXX", "g++")) is None, reason="no C++ compiler here")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def eager(function: Any, **_: Any) -> Any:
    """In place of torch.compile, which takes its time."""
    return function


def logits(step: Finetune, family: str, folder: Path, compile: str) -> np.ndarray:
    model = step.apply(tiny_model(family, labels=LABELS), tiny_run(folder, tiny_task(48), compile=compile))
    assert not any("forward" in vars(layer) for layers in layer_lists(model.module) for layer in layers)  # type: ignore[arg-type]
    return model.text_logits(["a warm film", "a dull plot and acting"])


@needs_compiler
def test_compiled_layers_learn_what_plain_ones_learn_and_a_killed_training_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, step = tiny_task(40), Finetune(epochs=2, batch_size=8, learning_rate=1e-3, precision="fp32")
    checkpoint_often(monkeypatch, 2)
    saved, said = [], []
    for name, compile, kills in (("plain", "off", []), ("whole", "on", []), ("killed", "on", [3])):
        run = tiny_run(tmp_path / name, task, compile=compile)
        model, _ = apply_until_done(step, lambda: tiny_model("bert", labels=LABELS), run, kills, monkeypatch)
        saved.append(saved_bytes(model, tmp_path / f"saved-{name}"))
        said.append(model.text_logits(["a warm film", "a dull plot and acting"]))
    np.testing.assert_allclose(said[1], said[0], atol=1e-3)  # dropout draws the same in both
    assert saved[1] == saved[2]


def test_layers_are_called_with_the_number_0_and_get_theirs_back() -> None:
    model = tiny_model("llama", labels=LABELS)
    layers = layers_to_compile(model.module)
    numbers = [layer.self_attn.layer_idx for layer in layers]
    assert numbers == [0, 1]
    with Compiled(layers):
        assert [layer.self_attn.layer_idx for layer in layers] == [0, 0]
        assert layers_to_compile(model.module) == [], "what runs code of its own stays as it is"
    assert [layer.self_attn.layer_idx for layer in layers] == numbers
    layers[0].requires_grad_(False)
    assert layers_to_compile(model.module) == layers[1:]


def test_what_is_read_or_has_a_size_of_one_runs_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[int, ...]] = []

    def counted(function: Any, **_: Any) -> Any:
        return lambda layer, states, *given, **named: (
            called.append(tuple(states.shape[:2])) or function(layer, states, *given, **named)
        )

    monkeypatch.setattr(torch, "compile", counted)
    module = tiny_model("bert", labels=LABELS).module
    ids = torch.full((2, 5), 7)
    with Compiled(layers_to_compile(module)) as switch:
        module(input_ids=ids)
        assert called == [(2, 5)] * 2
        module(input_ids=ids[:1])
        module(input_ids=ids[:, :1])
        with torch.no_grad():
            module(input_ids=ids)
        switch.on = False
        module(input_ids=ids)
    assert len(called) == 2


@pytest.mark.parametrize(("work", "gain", "pays"), [(0.0, 1.2, True), (0.0, 1.05, False), (1e14, 1.2, False)])
def test_a_long_training_measures_once_and_keeps_what_came_out(
    work: float,
    gain: float,
    pays: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="llamita")
    monkeypatch.setattr(torch, "compile", eager)
    monkeypatch.setattr(compiling, "LEAST_WORK", work)
    trials: list[bool] = []
    plain = compiling._Trial.step

    def timed(self: Any, batch: Any) -> tuple[float, float]:
        _, loss = plain(self, batch)
        trials.append(self.switch.on)
        return (1.0 if self.switch.on else gain), loss

    monkeypatch.setattr(compiling._Trial, "step", timed)
    step = Finetune(epochs=1, batch_size=8, dropout=False)
    logits(step, "bert", tmp_path / "first", "auto")
    assert (f"layers are compiled: {gain:.2f} times as fast" in caplog.text) == pays
    if work:
        assert not trials
        assert not cache_file().exists()
        return
    (kept,) = json.loads(cache_file().read_text()).values()
    assert kept["verdict"] == ("pays" if pays else "no gain")
    measured = len(trials)
    assert measured >= 2 * compiling.ROUNDS
    logits(step, "bert", tmp_path / "second", "auto")
    assert len(trials) - measured == (measured - 2 * (compiling.ROUNDS + 1) if pays else 0), (
        "those that are compiled for"
    )


def test_another_loss_is_told_and_layers_stay_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch, "compile", eager)
    monkeypatch.setattr(compiling, "LEAST_WORK", 0.0)
    plain = compiling._Trial.step
    monkeypatch.setattr(compiling._Trial, "step", lambda self, batch: (1.0, plain(self, batch)[1] + self.switch.on))
    logits(Finetune(epochs=1, batch_size=8, dropout=False), "bert", tmp_path, "auto")
    assert "compiled layers give another loss" in caplog.text
    (kept,) = json.loads(cache_file().read_text()).values()
    assert kept["verdict"] == "differs"


def test_where_nothing_can_be_compiled_a_training_goes_on_without_unless_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no C++ compiler\nat all")

    monkeypatch.setattr(torch, "compile", broken)
    monkeypatch.setattr(compiling, "LEAST_WORK", 0.0)
    step = Finetune(epochs=1, batch_size=8)
    logits(step, "bert", tmp_path / "auto", "auto")
    (kept,) = json.loads(cache_file().read_text()).values()
    assert kept["verdict"] == "fails"
    with pytest.raises(UserError, match=r"the layers can't be compiled here \(no C\+\+ compiler\); take --compile off"):
        logits(step, "bert", tmp_path / "on", "on")
    with pytest.raises(UserError, match="compile must be auto, on or off, got 'yes'"):
        tiny_run(tmp_path / "odd", tiny_task(8), compile="yes")


def test_a_verdict_without_a_place_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    verdict = Verdict(key="x")
    verdict.keep("pays", 2.0)
    assert verdict.known is None


def test_batches_with_padding_and_without_are_both_seen_first() -> None:
    lengths = [np.array(one) for one in ([3, 3], [2, 5], [4, 4], [6], [1, 6], [5, 2])]
    assert _first_of_each_kind(lengths) == [2, 1]
