"""Tracing leaves the model as it was, and the graph doesn't show what was traced before it."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import textwrap
import warnings
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.export.test_onnx import TEXTS, exported, file_bytes
from tests.families import tiny_model

from llamita.core.architecture import head_linear
from llamita.export import _trace
from llamita.export._check import shaped_batches
from llamita.export._trace import quiet, trace


@pytest.fixture
def nothing_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """No graph is kept from other tests."""
    monkeypatch.setattr(_trace, "_TRACED", {})


@pytest.mark.usefixtures("nothing_drawn")
def test_the_model_is_afterwards_as_it_was() -> None:
    model = tiny_model("qwen2")
    before = model.text_logits(TEXTS)
    settings = model.module.config.to_dict() | {"attention": model.module.config._attn_implementation}
    with quiet():
        graph = trace(model, shaped_batches(model.encoder, TEXTS)[1])
    assert [value.name for value in graph.graph.outputs] == ["logits"]
    assert model.module.config.to_dict() | {"attention": model.module.config._attn_implementation} == settings
    assert (model.text_logits(TEXTS) == before).all()


@pytest.mark.usefixtures("nothing_drawn")
def test_a_model_of_a_shape_seen_before_is_not_traced_again_and_answers_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced: list[str] = []
    draw = _trace._traced
    monkeypatch.setattr(_trace, "MOST_KEPT", 1)
    monkeypatch.setattr(_trace, "_traced", lambda whole, named: traced.append(whole.module.name) or draw(whole, named))
    first, second, longer = tiny_model("bert"), tiny_model("bert"), tiny_model("bert", layers=3)
    for model, name in ((first, "first"), (second, "second"), (longer, "longer")):
        model.module.name = name
    with torch.no_grad():
        head_linear(second.module).weight.neg_()
    artifacts = [exported(m, tmp_path / m.module.name, precision="fp32") for m in (first, second, longer)]
    assert traced == ["first", "longer"]
    assert len(_trace._TRACED) == 1
    for model, artifact in zip((first, second, longer), artifacts, strict=True):
        assert np.abs(artifact.text_logits(TEXTS) - model.text_logits(TEXTS)).max() < 1e-4
    assert np.abs(first.text_logits(TEXTS) - second.text_logits(TEXTS)).max() > 0.1


@pytest.mark.usefixtures("nothing_drawn")
def test_what_is_kept_of_a_trace_holds_no_weights() -> None:
    model = tiny_model("bert")
    gone = weakref.ref(model.module.get_input_embeddings().weight)
    with quiet():
        trace(model, shaped_batches(model.encoder, TEXTS)[1])
    del model
    gc.collect()
    assert gone() is None


def test_what_is_told_meanwhile_is_silent_and_told_again_afterwards() -> None:
    level = logging.getLogger("torch.onnx").level
    with quiet():
        warnings.warn("nobody's business", stacklevel=1)
        assert logging.getLogger("torch.onnx").level == logging.ERROR
    assert logging.getLogger("torch.onnx").level == level


def test_an_export_traced_after_another_has_the_bytes_of_one_traced_in_a_fresh_process(tmp_path: Path) -> None:
    exported(tiny_model("mpnet"), tmp_path / "other")
    exported(tiny_model("distilbert"), tmp_path / "here")
    code = f"""
        from pathlib import Path
        from tests.families import tiny_model
        from llamita.core.context import Run
        from llamita.export.onnx import Onnx
        Onnx().export(tiny_model("distilbert"), Run(folder=Path({str(tmp_path / "there")!r}), threads=1))
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, cwd=Path(__file__).parents[2])
    assert file_bytes(tmp_path / "here") == file_bytes(tmp_path / "there")
