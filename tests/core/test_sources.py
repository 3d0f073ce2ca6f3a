"""Where a model comes from: what is no model is refused with what lies near."""

from pathlib import Path

import pytest

from llamita.core.errors import UserError
from llamita.core.sources import fingerprint, locate


def test_a_misspelt_folder_is_told_its_neighbour(tmp_path: Path):
    (tmp_path / "light").mkdir()
    with pytest.raises(UserError, match="Did you mean 'light'"):
        locate(tmp_path / "lihgt")


def test_a_file_that_is_no_model_is_called_a_file(tmp_path: Path):
    (tmp_path / "v.csv").write_text("text,label\n", encoding="utf-8")
    with pytest.raises(UserError, match="is a file and no model"):
        locate(tmp_path / "v.csv")


@pytest.mark.parametrize("file", ["pytorch_model.bin", "chat_template.jinja", "model.safetensors"])
def test_other_weights_or_another_template_are_another_model(file: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    seen = set()
    for content in ("one", "two"):
        (tmp_path / file).write_text(content, encoding="utf-8")
        seen.add(fingerprint(locate(tmp_path)))
    assert len(seen) == 2


def test_weights_beside_a_large_graph_are_part_of_the_model(tmp_path: Path) -> None:
    seen = set()
    for content in ("one", "two"):
        (tmp_path / "model.onnx").write_text("graph", encoding="utf-8")
        (tmp_path / "artifact.json").write_text("{}", encoding="utf-8")
        (tmp_path / "model.onnx_data").write_text(content, encoding="utf-8")
        seen.add(fingerprint(locate(tmp_path)))
    assert len(seen) == 2
