"""Rows of what Python holds: a list, texts and labels, a pandas table or a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from llamita.core.checked import as_python
from llamita.core.errors import UserError
from llamita.core.task import is_text
from llamita.data.records import as_pandas_writes, common_keys
from llamita.data.rows import MISSING, Rows, require_different

SPLITS = {"train", "test", "validation", "valid", "val", "dev", "unlabelled", "unsupervised"}
"""What parts of a data set are called, and columns aren't."""


def rows_of(source: Any) -> tuple[str, Rows]:
    """What the source is called, and its rows; refused when it is none of these."""
    if isinstance(source, (str, Path)):
        raise UserError("the data file's name is empty")
    kind = type(source)
    if kind.__name__ == "DataFrame":
        return "DataFrame", _frame_rows(source)
    if hasattr(source, "column_names") and hasattr(source, "features"):
        return "Dataset", _dataset_rows(source)
    if hasattr(source, "column_names") and hasattr(source, "to_pylist"):
        return "Table", _arrow_rows(source)
    if isinstance(source, tuple) and len(source) == 2 and not all(isinstance(part, str) for part in source):
        return "texts and labels", _texts_and_labels(*source)
    if isinstance(source, Mapping):
        written = as_pandas_writes(source)
        if written is None:
            raise UserError(_advice_for(source))
        return "dict", written
    source = list(source) if isinstance(source, Iterator) else as_python(source)
    if not isinstance(source, Sequence):
        raise UserError(
            "data must be a file, a list of texts, (texts, labels), a pandas DataFrame, a pyarrow.Table or a datasets.Dataset, got"
            f" {kind.__name__}"
        )
    return "list", _list_rows(source)


def _advice_for(source: Mapping[Any, Any]) -> str:
    """What to do with several data sets in one, or with columns in a dict."""
    first = next(iter(source), "train")
    if hasattr(source.get(first), "column_names") or (source and set(map(str, source)) <= SPLITS):
        return f"data must be one split, got a {type(source).__name__} of {', '.join(map(str, source))}; give data[{first!r}]"
    return "data must be no dict of columns; give pandas.DataFrame(data), or a list with a dict for each row"


def _frame_rows(source: Any) -> Rows:
    names = tuple(str(c) for c in source.columns)
    require_different("DataFrame", names)
    rows = (list(map(as_python, values)) for values in source.itertuples(index=False, name=None))
    return Rows(names=names, rows=enumerate(rows, 1))


def _arrow_rows(source: Any) -> Rows:
    names = tuple(source.column_names)
    require_different("Table", names)
    return Rows(names=names, rows=((i, [row[name] for name in names]) for i, row in enumerate(source.to_pylist(), 1)))


def _dataset_rows(source: Any) -> Rows:
    source = source.with_format(None)  # one that gives tensors or tables would call its labels so
    names = tuple(source.column_names)
    each = {name: getattr(feature, "feature", feature) for name, feature in source.features.items()}
    named = {name: feature.int2str for name, feature in each.items() if hasattr(feature, "int2str")}

    def value(name: str, raw: Any) -> Any:
        if name not in named or raw is None or (not isinstance(raw, list) and raw < 0):
            return raw
        return named[name](raw)

    return Rows(names=names, rows=((i, [value(n, record[n]) for n in names]) for i, record in enumerate(source, 1)))


def _texts_and_labels(texts: Any, labels: Any) -> Rows:
    if getattr(labels, "ndim", 1) > 1 and not hasattr(labels, "columns"):
        raise UserError(
            "labels as an array of 0 and 1 for each label have no names; give each text's as a list of names, or a DataFrame"
            " with a column of 0 and 1 for each label and columns={'labels': 'toxic,insult'}"
        )
    texts, labels = _in_order(texts, "texts"), [as_python(label) for label in _in_order(labels, "labels")]
    if len(texts) != len(labels):
        raise UserError(f"{len(texts)} texts but {len(labels)} labels; each text needs one")
    paired = _list_rows(texts)
    rows = ((number, [*values, label]) for (number, values), label in zip(paired.rows, labels, strict=True))
    return Rows(names=(*paired.names, "label"), rows=rows, headed=False)


def _in_order(items: Any, what: str) -> list[Any]:
    """The items one by one; refused where they have no order, by which each text finds its label."""
    table = hasattr(items, "columns") or hasattr(items, "column_names")
    if table or isinstance(items, (str, Mapping, Set)) or not isinstance(items, Iterable):
        raise UserError(f"{what} must stand in order, as in a list, an array or a column, got {type(items).__name__}")
    return list(as_python(items))


def _list_rows(source: Sequence[Any]) -> Rows:
    first = source[0] if len(source) else ""
    if isinstance(first, Mapping):
        strange = next((i for i, record in enumerate(source, 1) if not isinstance(record, Mapping)), None)
        if strange is not None:
            raise UserError(
                f"item {strange} of the list must be a dict as the first is, got {str(source[strange - 1])[:60]!r}"
            )
        own = common_keys(source)
        names = tuple(dict.fromkeys([*own, *(str(key) for record in source for key in record)]))
        by_name = ({str(key): value for key, value in record.items()} for record in source)
        rows = ((i, [as_python(record.get(name, MISSING)) for name in names]) for i, record in enumerate(by_name, 1))
        return Rows(names=names, rows=rows, added=len(names) - len(own))
    pairs = not isinstance(first, str)
    either = len(source) and not is_text(first)
    for i, item in enumerate(source, 1):
        if not is_text(item) or isinstance(item, str) == pairs:
            wanted = "a text or a pair of texts" if either else "a pair of texts" if pairs else "a text"
            raise UserError(f"item {i} of the list must be {wanted}, got {str(item)[:60]!r}")
    rows = ((i, list(item) if pairs else [item]) for i, item in enumerate(source, 1))
    return Rows(names=("text", "pair") if pairs else ("text",), rows=rows, headed=False)
