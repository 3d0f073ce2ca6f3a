from __future__ import annotations

import pytest

from llamita.core.errors import UserError
from llamita.data.given import rows_of


def test_lists_pairs_and_dicts_have_names_for_their_columns() -> None:
    kinds = {
        ("text",): ["a", "b"],
        ("text", "pair"): [("a", "b")],
        ("text", "label"): (["a"], ["x"]),
        ("review", "stars"): [{"review": "a", "stars": 1}],
    }
    for names, source in kinds.items():
        assert rows_of(source)[1].names == names


def test_label_lists_stay_lists_and_numbers_become_pythons() -> None:
    import numpy as np

    _, rows = rows_of((["a", "b"], [["x", "y"], []]))
    assert [values for _, values in rows.rows] == [["a", ["x", "y"]], ["b", []]]
    _, rows = rows_of((["a"], np.array([3])))
    assert [values for _, values in rows.rows] == [["a", 3]]


def test_what_holds_no_texts_is_refused() -> None:
    with pytest.raises(UserError, match="data must be a file, a list of texts"):
        rows_of(3)
    with pytest.raises(UserError, match=r"item 2 of the list must be a text, got '4'"):
        rows_of(["a", 4])
    with pytest.raises(UserError, match="2 texts but 1 labels"):
        rows_of((["a", "b"], ["x"]))
