"""Recorded answers are found by text, under the scale and shift laid over them, and nobody is asked anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.families import tiny_model

from llamita.core.errors import UserError
from llamita.tasks.recorded import open_folder, recorded
from llamita.workshop import open_engine

TEXTS = ["a warm film", "a dull film", ("one", "other")]


@pytest.fixture
def table():
    engine = tiny_model("bert", labels=("x", "y"))
    return recorded(engine, TEXTS, engine.text_logits(TEXTS), way="its own head")


def test_answers_come_back_in_any_order_from_the_folder(table, tmp_path: Path) -> None:
    table.save(tmp_path)
    for engine in (open_folder(tmp_path), open_engine(tmp_path)):
        np.testing.assert_array_equal(engine.text_logits(TEXTS[::-1]), table.text_logits(TEXTS)[::-1])
        assert (engine.labels, engine.num_parameters) == (("x", "y"), table.num_parameters)
    assert open_folder(tmp_path).about["way"] == "its own head"


def test_scale_and_shift_lie_over_the_answers_as_they_came(table, tmp_path: Path) -> None:
    scaled = table.scaled(np.array([2.0, 1.0]), np.array([0.5, -0.5]))
    scaled.save(tmp_path)
    again = open_folder(tmp_path)
    np.testing.assert_allclose(again.text_logits(TEXTS), table.text_logits(TEXTS) * [2, 1] + [0.5, -0.5], atol=1e-6)
    np.testing.assert_array_equal(again.as_given(TEXTS), table.as_given(TEXTS))


def test_a_text_that_was_never_asked_is_refused(table) -> None:
    with pytest.raises(
        UserError, match=r"lack 1 of 2 texts \(first: 'unknown'\); they hold 3, and nobody is asked anew"
    ):
        table.scores(["a warm film", "unknown"])


def test_damaged_folders_are_one_line(table, tmp_path: Path) -> None:
    table.save(tmp_path)
    (tmp_path / "answers.safetensors").write_bytes(b"x")
    with pytest.raises(UserError, match="is damaged"):
        open_folder(tmp_path)
    (tmp_path / "answers.safetensors").unlink()
    with pytest.raises(UserError, match=r"answers\.safetensors is missing"):
        open_folder(tmp_path)


def test_answers_whose_columns_were_put_in_another_order_come_back_as_they_were(tmp_path: Path) -> None:
    engine = tiny_model("bert", labels=("x", "y"))
    logits = engine.text_logits(TEXTS)[:, [1, 0]]  # NumPy keeps such an array by columns
    recorded(engine, TEXTS, logits).save(tmp_path)
    np.testing.assert_array_equal(open_folder(tmp_path).text_logits(TEXTS), logits)
