"""Where a model comes from: what is no model is refused with what lies near."""

from pathlib import Path

import pytest

from llamita.core.errors import UserError
from llamita.core.sources import locate


def test_a_misspelt_folder_is_told_its_neighbour(tmp_path: Path):
    (tmp_path / "light").mkdir()
    with pytest.raises(UserError, match="Did you mean 'light'"):
        locate(tmp_path / "lihgt")


def test_a_file_that_is_no_model_is_called_a_file(tmp_path: Path):
    (tmp_path / "v.csv").write_text("text,label\n", encoding="utf-8")
    with pytest.raises(UserError, match="is a file and no model"):
        locate(tmp_path / "v.csv")
