"""What Python holds becomes rows with names; what can't be a table of texts is refused."""

from __future__ import annotations

from typing import Any

import pytest

from llamita.core.errors import UserError
from llamita.data.objects import rows_of
from llamita.data.read import read_table


def test_lists_pairs_and_dicts_have_the_names_of_their_columns() -> None:
    cases: list[tuple[Any, tuple[str, ...], list[Any]]] = [
        (["a", "b"], ("text",), [(1, ["a"]), (2, ["b"])]),
        ([("a", "b")], ("text", "pair"), [(1, ["a", "b"])]),
        ([{"review": "a", "stars": 5}], ("review", "stars"), [(1, ["a", 5])]),
        ((["a"], [1]), ("text", "label"), [(1, ["a", 1])]),
    ]
    for source, names, wanted in cases:
        rows = rows_of(source)[1]
        assert (rows.names, list(rows.rows)) == (names, wanted)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "the data file's name is empty"),
        (7, "data must be a file"),
        ((["a"], []), "1 texts but 0 labels"),
        (["a", 3], "item 2"),
        ({"text": ["a"], "label": ["b"]}, r"no dict of columns; give pandas.DataFrame\(data\)"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused(source: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        rows_of(source)


def test_a_dict_of_splits_is_refused_by_the_name_of_one() -> None:
    from datasets import Dataset, DatasetDict

    with pytest.raises(UserError, match=r"one split, got a DatasetDict of train, test; give data\['train'\]"):
        rows_of(DatasetDict(train=Dataset.from_dict({"text": ["a"]}), test=Dataset.from_dict({"text": ["b"]})))


def test_label_lists_stay_lists_and_numbers_become_pythons() -> None:
    import numpy as np

    _, rows = rows_of((["a", "b"], [["x", "y"], []]))
    assert [values for _, values in rows.rows] == [["a", ["x", "y"]], ["b", []]]
    _, rows = rows_of((["a"], np.array([3])))
    assert [values for _, values in rows.rows] == [["a", 3]]


def test_labels_of_a_list_are_passed_beside_it() -> None:
    with pytest.raises(
        UserError, match=r"a list of texts or pairs of texts has no labels; pass them beside it: \(texts, labels\)"
    ):
        read_table([("a good film", "pos"), ("bad", "neg")], labelled=True)
