"""What Python holds becomes rows with names; what can't be a table of texts is refused."""

from __future__ import annotations

import json
from pathlib import Path
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


def test_arrays_in_a_data_frame_are_lists_of_labels() -> None:
    import numpy as np
    import pandas

    frame = pandas.DataFrame({"text": ["a", "b"], "topics": [np.array(["x", "y"]), np.array([], dtype=str)]})
    table = read_table(frame)
    assert (table.several, table.labels) == (True, ["x|y", ""])


def test_an_array_of_0_and_1_has_no_names_of_labels() -> None:
    import numpy as np

    with pytest.raises(UserError, match="have no names; give each text's as a list of names"):
        rows_of((["a", "b"], np.array([[0, 1], [1, 0]])))


def test_lists_of_class_labels_have_their_names() -> None:
    from datasets import ClassLabel, Dataset, Features, Sequence, Value

    features = Features({"text": Value("string"), "labels": Sequence(ClassLabel(names=["joy", "fear"]))})
    table = read_table(Dataset.from_dict({"text": ["a", "b"], "labels": [[1, 0], []]}, features=features))
    assert table.labels == ["fear|joy", ""]


def test_two_columns_of_one_name_are_refused() -> None:
    import pandas

    frame = pandas.DataFrame([["a", "x", "b"]], columns=["text", "label", "text"])
    with pytest.raises(UserError, match="DataFrame: two columns are named 'text'; rename one"):
        rows_of(frame)


def test_a_dict_that_lacks_a_key_is_refused_as_an_object_of_a_file_is() -> None:
    with pytest.raises(UserError, match="list:2: this object has no 'text', which others have"):
        read_table([{"text": "a", "label": "x"}, {"label": "y"}])


def test_labels_of_a_list_are_passed_beside_it() -> None:
    with pytest.raises(
        UserError, match=r"a list of texts or pairs of texts has no labels; pass them beside it: \(texts, labels\)"
    ):
        read_table([("a good film", "pos"), ("bad", "neg")], labelled=True)


def test_what_numpy_pandas_or_torch_hold_is_what_python_holds() -> None:
    import numpy as np
    import pandas as pd
    from datasets import Dataset

    texts = ["a", "b", "c", "d"]
    for labels, wanted in (
        (pd.array([True, False] * 2, dtype="boolean"), ["true", "false"] * 2),
        (np.array([0, 1] * 2, dtype="float32"), ["0", "1"] * 2),
        (pd.Series([0, 1] * 2, dtype="Int64"), ["0", "1"] * 2),
        (pd.Series(["x", "y"] * 2, dtype="category"), ["x", "y"] * 2),
        ([np.array(["x"]), np.array(["y", "x"])] * 2, ["x", "y|x"] * 2),
    ):
        for source in (
            pd.DataFrame({"text": texts, "label": labels}),
            (np.array(texts), labels),
            [{"text": np.str_(t), "label": one} for t, one in zip(texts, labels, strict=True)],
        ):
            assert read_table(source).labels == wanted, (type(source), labels)
    data = Dataset.from_dict({"text": texts, "label": [0, 1] * 2})
    for form in (None, "numpy", "torch", "pandas"):
        table = read_table(data.with_format(form))
        assert (table.texts, table.labels) == (texts, ["0", "1"] * 2), form


def test_a_column_or_an_array_is_a_list_of_texts() -> None:
    import numpy as np
    import pandas as pd

    for source in (pd.Series(["a", "b"], index=[7, 3]), np.array(["a", "b"])):
        assert read_table(source).texts == ["a", "b"]
    with pytest.raises(UserError, match="item 2 of the list must be a text, got 'nan'"):
        read_table(pd.Series(["a", None]))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (({"a", "b"}, ["x", "y"]), "texts must stand in order, as in a list, an array or a column, got set"),
        ((["a", "b"], {"x": 1, "y": 2}), "labels must stand in order, .* got dict"),
        ((None, None), "texts must stand in order, .* got NoneType"),
        ([{"text": "a"}, "b"], "item 2 of the list must be a dict as the first is, got 'b'"),
    ],
)
def test_what_has_no_order_or_changes_its_kind_is_refused(source: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_table(source)


def test_columns_of_pandas_may_have_numbers_for_names_and_are_a_dict() -> None:
    import pandas as pd

    table = read_table(pd.DataFrame({0: ["a", "b"], 1: ["x", "y"]}), columns={"text": 0, "label": 1})  # type: ignore[dict-item]
    assert (table.texts, table.labels) == (["a", "b"], ["x", "y"])
    with pytest.raises(UserError, match=r"columns must be a dict such as .*, got \['text'\]"):
        read_table(["a"], columns=["text"])  # type: ignore[arg-type]


def test_what_pandas_writes_as_a_dict_of_dicts_is_read(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"text": ["a film", "a book"], "label": ["good", "bad"]}, index=[4, 7])
    for orient in ("columns", "index"):
        written = frame.to_json(orient=orient)
        (tmp_path / f"{orient}.json").write_text(written, encoding="utf-8")
        for source in (json.loads(written), tmp_path / f"{orient}.json"):
            table = read_table(source)
            assert (table.texts, table.labels) == (["a film", "a book"], ["good", "bad"])
    assert read_table(frame.to_dict()).texts == ["a film", "a book"]


def test_rows_with_names_are_not_taken_for_columns(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"review": ["a film", "a book"], "stars": ["5", "1"]}, index=["first", "second"])
    for orient in ("columns", "index"):
        (tmp_path / "data.json").write_text(frame.to_json(orient=orient), encoding="utf-8")
        for source in (frame.to_dict("dict" if orient == "columns" else orient), str(tmp_path / "data.json")):
            table = read_table(source)
            assert (table.texts, table.labels) == (["a film", "a book"], ["5", "1"])
    chinese = pd.DataFrame({"評論": ["好", "壞"], "标签": ["是", "否"]}, index=["甲", "乙"])
    assert read_table(chinese.to_dict("index")).texts == ["好", "壞"]
    for unclear in (frame.rename(columns={"review": "one", "stars": "two"}), pd.DataFrame([["a film", "5"]])):
        with pytest.raises(UserError, match=r"give pandas\.DataFrame\(data\)"):
            read_table(unclear.to_dict())


def test_an_arrow_table_and_a_generator_are_read() -> None:
    import pyarrow as pa

    table = read_table(pa.table({"text": ["a film", "a book"], "label": ["good", "bad"]}))
    assert (table.texts, table.labels) == (["a film", "a book"], ["good", "bad"])
    assert read_table(text for text in ("a", "b")).texts == ["a", "b"]
    assert read_table(iter([{"text": "a", "label": 1}])).labels == ["1"]


def test_a_data_frame_without_names_of_columns_is_told_how_to_name_them() -> None:
    import pandas as pd

    frame = pd.DataFrame([["a long film", "good"], ["a dull book", "bad"]])
    with pytest.raises(
        UserError, match=r"numbers for names \(0, 1\); say which is which: columns=\{'text': '0', 'label'"
    ):
        read_table(frame)
    table = read_table(frame, columns={"text": "0", "label": "1"})
    assert (table.texts, table.labels) == (["a long film", "a dull book"], ["good", "bad"])


@pytest.mark.parametrize("source", [[1, 2, 3], [Path("a.csv")], [None]])
def test_an_item_that_is_no_text_may_be_a_text_or_a_pair(source: list[Any]) -> None:
    with pytest.raises(UserError, match="item 1 of the list must be a text or a pair of texts, got"):
        read_table(source)


def test_a_dict_of_splits_in_lists_is_refused_by_their_names() -> None:
    with pytest.raises(UserError, match=r"one split, got a dict of train, test; give data\['train'\]"):
        read_table({"train": ["a"], "test": ["b"]})


def test_a_label_that_the_first_dict_lacks_is_missed_there() -> None:
    rows = [{"text": "a"}, *({"text": f"text {i}", "label": "x"} for i in range(4))]
    with pytest.raises(UserError, match=r"list:1: .*label"):
        read_table(rows)


def test_columns_of_pyarrow_and_pairs_in_an_array_have_labels_beside_them() -> None:
    import numpy as np
    import pyarrow

    table = pyarrow.table({"text": ["a", "b"], "label": ["x", "y"]})
    for texts in (table["text"], np.array(["a", "b"])):
        assert read_table((texts, table["label"])).texts == ["a", "b"]
    assert read_table((np.array([["a", "c"], ["b", "d"]]), ["x", "y"])).texts == [("a", "c"), ("b", "d")]


@pytest.mark.parametrize(("part", "kind"), [("xy", "str"), ("frame", "DataFrame")])
def test_a_text_or_a_table_in_the_place_of_labels_or_texts_is_named(part: str, kind: str) -> None:
    import pandas

    given = pandas.DataFrame({"label": ["x", "y"]}) if part == "frame" else part
    with pytest.raises(UserError, match=f"labels must stand in order, .* got {kind}"):
        read_table((["a", "b"], given))
    with pytest.raises(UserError, match=f"texts must stand in order, .* got {kind}"):
        read_table((given, ["x", "y"]))
