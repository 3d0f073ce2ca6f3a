"""A data set of the Hub is read only where a name is one and no file, and every failure says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llamita.core.errors import UserError
from llamita.data.hub import is_hub_id
from llamita.data.passes import read_with_rows
from llamita.data.read import read_table

datasets = pytest.importorskip("datasets")


def test_only_names_that_are_no_files_are_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    assert is_hub_id("owner/name")
    assert is_hub_id("owner/name:test")
    assert is_hub_id("owner/name:config:train[:100]")
    for no in ("name", "data/name", "a/b/c", "reviews/train.csv", "x/train.csv.gz", "./data", "-", "C:\\a/b"):
        assert not is_hub_id(no), no


@pytest.mark.parametrize(
    ("named", "wanted"),
    [
        ("owner/name", ("owner/name", None, "train")),
        ("owner/name:test", ("owner/name", None, "test")),
        ("owner/name:zh:validation", ("owner/name", "zh", "validation")),
        ("owner/name:train[:100]", ("owner/name", None, "train[:100]")),
        ("owner/name:zh:train[10:100]", ("owner/name", "zh", "train[10:100]")),
    ],
)
def test_the_named_split_is_read_with_the_names_of_its_labels(
    named: str, wanted: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def load(path: str, name: str | None, *, split: str) -> Any:
        asked.append((path, name, split))
        features = datasets.Features(text=datasets.Value("string"), label=datasets.ClassLabel(names=["bad", "good"]))
        return datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [1, 0, 1]}, features=features)

    monkeypatch.setattr(datasets, "load_dataset", load)
    table = read_table(named)
    assert (table.texts, table.labels, table.source, table.lines) == (
        ["a", "b", "c"],
        ["good", "bad", "good"],
        named,
        [1, 2, 3],
    )
    assert asked == [wanted]
    assert read_with_rows(named)[2][0][1] == ["a", "good"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionError("No way\nat all"), "can't fetch 'owner/name': No way. Without a network: give a file"),
        (FileNotFoundError("Dataset doesn't exist"), "no file owner/name, and no data set of this name on the Hub"),
        (ValueError('Unknown split "train"'), "Name configuration and split: owner/name:config:split"),
    ],
)  # fmt: skip
def test_what_fails_is_told_in_one_line_that_says_what_to_do(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(UserError) as caught:
        read_table("owner/name")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
