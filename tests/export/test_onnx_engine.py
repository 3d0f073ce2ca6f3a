"""The engine of an exported folder: its session is silent, and none of it needs torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from llamita.export import onnx_engine


def test_a_session_tells_nobody_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    seen: list[str] = []
    monkeypatch.setattr(onnxruntime, "disable_telemetry_events", lambda: seen.append("silenced"))
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: seen.append("opened"))
    onnx_engine._session(Path("model.onnx"), 1)
    assert seen == ["silenced", "opened"]


def test_the_module_is_read_without_torch() -> None:
    code = "import sys, llamita.export.onnx; sys.exit('torch' in sys.modules or 'onnx_ir' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
