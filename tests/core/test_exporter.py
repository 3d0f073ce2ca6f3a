"""An artifact is a folder: its size is that of its files, and it is opened by the module that its exporter names."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path

import numpy as np
import pytest

from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.exporter import Artifact, Exporter
from llamita.core.model import Model
from llamita.learn._tfidf import View
from llamita.learn.linear import LinearEngine


def test_every_file_counts_whatever_its_depth(tmp_path: Path) -> None:
    artifact = Artifact(folder=tmp_path, exporter="export.onnx")
    assert artifact.size_bytes == 0
    (tmp_path / "tokenizer.json").write_bytes(b"12345")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "weights").write_bytes(bytes(1000))
    assert artifact.size_bytes == 1005


def test_an_artifact_opens_with_the_module_that_made_it(tmp_path: Path) -> None:
    view = View(analyzer="word", ngram_range=(1, 1), token_pattern=r"\w+", terms=("film", "warm"), idf=np.ones(2))
    engine = LinearEngine([view], np.array([[0, -1], [0, 1]], dtype=np.float32), np.zeros(2, np.float32), ("no", "yes"))
    engine.save(tmp_path)
    opened = Artifact(folder=tmp_path, exporter="learn.linear").open(threads=1)
    assert opened.labels == ("no", "yes")
    np.testing.assert_array_equal(opened.scores(["a warm film", "film"]), engine.scores(["a warm film", "film"]))


@pytest.mark.parametrize("exporter", ["export.of_the_future", "os.path", "../evil", ""])
def test_an_artifact_of_an_unknown_exporter_is_told_what_to_do(exporter: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="this version can't open; update llamita, or export the model again") as told:
        Artifact(folder=tmp_path, exporter=exporter).open()
    assert repr(exporter) in str(told.value)


def test_an_exporter_must_export_and_its_settings_stay() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Idle(Exporter):
        pass

    @dataclass(frozen=True, kw_only=True)
    class Copy(Exporter):
        bits: int = 8

        def export(self, model: Model, run: Run) -> Artifact:
            return Artifact(folder=run.folder, exporter="copy")

    with pytest.raises(TypeError, match=r"abstract method.*export"):
        Idle()  # type: ignore[abstract]
    with pytest.raises(FrozenInstanceError):
        Copy(bits=4).bits = 8  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        Copy(4)  # type: ignore[misc]


def test_an_exporter_takes_a_model_and_a_run(tmp_path: Path) -> None:
    from tests.families import tiny_model

    from llamita.export.onnx import Onnx

    with pytest.raises(UserError, match=r"export\.onnx exports a Model, got 'minilm'; load one first"):
        Onnx().export("minilm", Run(folder=tmp_path / "out"))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"export\.onnx needs a Run, got NoneType"):
        Onnx().export(tiny_model("bert"), None)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
