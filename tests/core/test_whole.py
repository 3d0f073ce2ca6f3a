"""A file or folder has its name once it is whole, and what stood there stays until then."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from llamita.core.whole import save_array, whole_file, whole_folder, write_whole


def fill_the_disk(part: Path) -> None:
    part.write_text("half")
    raise OSError("the disk is full")


@pytest.mark.parametrize("shared", [False, True])
def test_a_file_that_fails_half_written_leaves_the_old_one_and_nothing_else(shared: bool, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    write_whole(file, "old 你好")
    with pytest.raises(OSError, match="full"), whole_file(file, shared=shared) as part:
        fill_the_disk(part)
    assert file.read_text(encoding="utf-8") == "old 你好"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_fails_half_filled_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "onnx"
    (tmp_path / ".onnx.part").mkdir()
    (tmp_path / ".onnx.part" / "of a killed run").touch()
    for name in ("first", "second"):
        with whole_folder(folder) as part:
            (part / name).touch()
        assert [path.name for path in folder.iterdir()] == [name]
    with pytest.raises(OSError, match="full"), whole_folder(folder):
        raise OSError("the disk is full")
    assert [path.name for path in folder.iterdir()] == ["second"]
    assert list(tmp_path.iterdir()) == [folder]


def test_an_array_is_read_as_it_was_saved_in_a_folder_that_is_made(tmp_path: Path) -> None:
    save_array(tmp_path / "cache" / "scores.npy", np.eye(2, dtype=np.float32))
    assert np.load(tmp_path / "cache" / "scores.npy").tolist() == [[1, 0], [0, 1]]
    assert len(list((tmp_path / "cache").iterdir())) == 1
