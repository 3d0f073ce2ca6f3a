"""What Python gives, as a recipe's file holds it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from llamita.core.errors import UserError
from llamita.core.plain import plain_data, plain_settings, rows_of


def test_numbers_paths_and_arrays_become_what_a_file_holds() -> None:
    given = {"path": Path("a/b"), "rate": np.float64(0.5), "sizes": (1, np.int64(2)), "row": np.array([1, 2])}
    assert plain_data(given) == {"path": str(Path("a/b")), "rate": 0.5, "sizes": [1, 2], "row": [1, 2]}


def test_texts_and_labels_stand_side_by_side_and_other_lists_as_they_are() -> None:
    found = plain_settings({"train": (["x", ("y", "z")], ["a", "b"]), "labels": ("a", "b")})
    assert found["train"] == [{"text": "x", "label": "a"}, {"text": "y", "pair": "z", "label": "b"}]
    assert found["labels"] == ["a", "b"]


def test_what_no_file_holds_is_refused() -> None:
    with pytest.raises(UserError, match="2 texts but 1 labels; each text needs one"):
        rows_of((["x", "y"], ["a"]))
    with pytest.raises(UserError, match="a recipe holds plain data, got a object"):
        plain_settings({"train": object()})
    with pytest.raises(
        UserError, match="item 2 of the list must be a text or a pair of texts, got \"\\['a', 'b', 'c'\\]\""
    ):
        rows_of((["x", ("a", "b", "c")], ["a", "b"]))
