"""Tracing leaves the model as it was, and the graph doesn't show what was traced before it."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

from tests.export.test_onnx import TEXTS, exported, file_bytes
from tests.families import tiny_model

from llamita.export._check import shaped_batches
from llamita.export._trace import quiet, trace


def test_the_model_is_afterwards_as_it_was() -> None:
    model = tiny_model("qwen2")
    before = model.text_logits(TEXTS)
    settings = model.module.config.to_dict() | {"attention": model.module.config._attn_implementation}
    with quiet():
        graph = trace(model, shaped_batches(model.encoder, TEXTS)[1])
    assert [value.name for value in graph.graph.outputs] == ["logits"]
    assert model.module.config.to_dict() | {"attention": model.module.config._attn_implementation} == settings
    assert (model.text_logits(TEXTS) == before).all()


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
