"""A test file that is written in another way than the training file is told of, and one that isn't, not."""

from __future__ import annotations

from pathlib import Path

import pytest

from llamita.data.check import check
from llamita.data.manner import HAVE, SIGNS, written_otherwise
from llamita.data.read import read_table
from llamita.data.table import Table


def table(texts: list[str], number: int = 60) -> Table:
    labels = ["a", "b"]
    return read_table(([f"{texts[i % len(texts)]}" for i in range(number)], [labels[i % 2] for i in range(number)]))


@pytest.mark.parametrize(
    ("sign", "plain", "other"),
    [
        ("edges", "A warm film.", "A warm film. "),
        ("edges", "很好的酒店。", "\u3000很好的酒店。"),
        ("lower", "A warm film.", "a warm film."),
        ("parted", "Warm, funny.", "Warm , funny ."),
        ("open", "A warm film.", "A warm film"),
        ("open", "很好的酒店。", "很好的酒店"),
        ("lines", "A warm film.", "A warm\nfilm."),
        ("wide", "房间 302 很大。", "房间 ３０２ 很大。"),
        ("traditional", "我们觉得很好。", "我們覺得很好。"),
    ],
)
def test_each_sign_is_told_of_whichever_file_has_it(sign: str, plain: str, other: str) -> None:
    for train, test, message in (
        (plain, other, "100 % of the test data, 0 %"),
        (other, plain, "0 % of the test data, 100 %"),
    ):
        (found,) = written_otherwise(table([train]), table([test]))
        assert found.message == f"{SIGNS[sign]}: {message} of the training data"
        assert (found.kind, found.severity, found.count) == ("manner", "info", 60)


def test_rows_are_those_that_differ_and_half_as_many_more_are_needed() -> None:
    train = table(["A warm film."])
    (found,) = written_otherwise(train, table(["A warm film.", "a cold one."]))
    assert found.rows == tuple(range(1, 60, 2))
    assert not list(written_otherwise(train, table(["A warm film.", "A film.", "a cold one."])))
    assert not list(written_otherwise(train, table(["a cold one."], 49)))


def test_scripts_without_capitals_have_none_missing() -> None:
    assert not HAVE["lower"]("很好的酒店。")
    assert not HAVE["lower"]("302")
    assert not list(written_otherwise(table(["A warm film."]), table(["很好的酒店。"])))


def test_of_a_pair_either_text_counts() -> None:
    pairs = read_table(([("A warm film.", "A film. ")] * 60, ["a", "b"] * 30))
    alike = read_table(([("A warm film.", "A film.")] * 60, ["a", "b"] * 30))
    (found,) = written_otherwise(alike, pairs)
    assert found.message.startswith(SIGNS["edges"])


def test_the_example_s_validation_texts_end_with_a_space_each() -> None:
    data = Path(__file__).parents[2] / "examples" / "data"
    found = [f for f in check(data / "sst2_train.csv", data / "sst2_validation.csv") if f.kind == "manner"]
    assert [f.message for f in found] == [f"{SIGNS['edges']}: 100 % of the test data, 0 % of the training data"]
