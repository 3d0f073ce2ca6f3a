"""Labels that are missing, exchanged, unlike in size, or written into the text."""

from __future__ import annotations

import pytest

from llamita.data.labels import labels_found, labels_of_test
from llamita.data.read import read_table
from llamita.data.table import Table

WORDS = ("tea", "rain", "books", "music", "bread", "trains", "winter")


def table(texts: list[str], labels: list[str]) -> Table:
    lines = list(range(2, len(texts) + 2))
    return Table(
        texts=list(texts), labels=labels, lines=lines, columns={"text": "text", "label": "label"}, source="t.csv"
    )


def found(texts: list[str], labels: list[str]) -> dict[str, tuple[int, ...]]:
    return {f.kind: tuple(t + 2 for t in f.rows) for f in labels_found(table(texts, labels))}


TEXTS = [f"{WORDS[i % 7]} and number {i}, {WORDS[(i * 3) % 7]}" for i in range(200)]
LABELS = ["good", "bad"] * 100


def test_sound_labels_have_no_finding() -> None:
    assert found(TEXTS, LABELS) == {}


def test_labels_of_few_rows_are_told_however_small_the_data() -> None:
    assert found(TEXTS[:20], LABELS[:20]) == {}
    assert found(TEXTS[:19], LABELS[:19]) == {"rare_label": tuple(range(3, 20, 2))}
    assert found(TEXTS[:2], LABELS[:2]) == {"rare_label": (2, 3)}


def test_labels_for_nothing_are_told_once() -> None:
    assert found(TEXTS, ["", "nan", *LABELS[2:]]) == {"empty_label": (3,)}
    kinds = [f.message for f in labels_found(table(TEXTS, ["", "nan", *LABELS[2:]]))]
    assert kinds == ["1 row with an empty label", "1 row with 'nan' for a label, a word for nothing"]


def misspelt(counted: dict[str, int]) -> list[str]:
    labels = [label for label, n in counted.items() for _ in range(n)]
    texts = [f"{WORDS[i % 7]}，第 {i} 条" for i in range(len(labels))]
    return [f.given or f.message for f in labels_found(table(texts, labels)) if f.kind == "label_spelling"]


def test_a_label_in_traditional_characters_is_the_simplified_one_written_otherwise() -> None:
    pytest.importorskip("opencc")
    assert misspelt({"好评": 100, "差评": 90, "好評": 60}) == ["好評"]
    train, test = table(TEXTS, ["好评", "差评"] * 100), table(TEXTS[:20], ["好評", "差评"] * 10)
    assert next(labels_of_test(train, test)).remedy == "is '好评' meant?"


def test_a_rare_chinese_label_one_character_off_a_common_one_is_suspected() -> None:
    assert misspelt({"好评": 100, "差评": 90, "好坪": 2}) == ["label '好坪' (2) looks like '好评' (100) misspelt"]
    assert misspelt({"体育新闻": 100, "财经新闻": 90, "体育新文": 1}) != []


@pytest.mark.parametrize(
    "counted",
    [
        {"好评": 300, "差评": 9},
        {"好评": 300, "差评": 280, "中评": 3},
        {"体育": 100, "体裁": 100},
        {"体育": 100, "教育": 90, "德育": 3},
        {"一级": 300, "二级": 8, "三级": 2},
        {"正面": 300, "负面": 200, "中性": 4},
        {"军事": 200, "房产": 200, "汽车": 8, "股票": 3},
    ],
)
def test_chinese_labels_that_differ_by_design_are_not_suspected(counted: dict[str, int]) -> None:
    assert misspelt(counted) == []


def test_none_is_a_label() -> None:
    assert "empty_label" not in found(TEXTS, ["none"] * 12 + LABELS[12:])


def test_text_and_label_exchanged_are_told_and_nothing_else_of_them() -> None:
    texts, labels = list(TEXTS), list(LABELS)
    texts[7], labels[7] = labels[7], texts[7]
    assert found(texts, labels) == {"swapped": (9,)}


def test_a_word_that_gives_the_label_away_is_told() -> None:
    texts = [f"[{label}] {text}" if label == "good" else text for text, label in zip(TEXTS, LABELS, strict=True)]
    assert found(texts, LABELS)["label_in_text"] == tuple(range(2, 202, 2))
    everywhere = [f"review: {text}" for text in TEXTS]
    assert found(everywhere, LABELS) == {}


def test_a_column_of_many_values_is_no_column_of_labels() -> None:
    assert "many_labels" in found(TEXTS, [f"id {i}" for i in range(200)])


def test_labels_that_are_wrong_are_not_missed_in_the_test_file() -> None:
    train, test = table(TEXTS, ["goood", *LABELS[1:]]), table(TEXTS[:20], LABELS[:20])
    assert [f.kind for f in labels_of_test(train, test)] == ["absent_label"]
    assert list(labels_of_test(train, test, {0})) == []


def test_texts_with_any_labels_may_have_none_and_are_compared_label_by_label() -> None:
    train = read_table((["a b", "c d", "e f", "g h"], [["x"], ["y", "x"], [], ["y"]]))
    test = read_table((["i j", "k l"], [["y", "z"], []]))
    assert {f.kind for f in labels_found(train)} == {"rare_label"}
    found = {f.kind: f for f in labels_of_test(train, test)}
    assert set(found) == {"unknown_label", "absent_label"}
    assert found["unknown_label"].message.startswith("label 'z' stands in 1 row")
    assert "'x'" in found["absent_label"].message


def test_labels_of_texts_with_any_labels_are_judged_one_by_one() -> None:
    cells = [["positive", "long"], ["bad"], [], ["positive"], ["bad", "long"]] * 40
    cells[0], cells[5], cells[10], cells[15] = ["Positive", "long"], ["positve", "bad"], ["nan", "bad"], ["odd", "long"]
    told = {(f.kind, f.message, tuple(f.rows)) for f in labels_found(read_table((TEXTS, cells)))}
    assert {(kind, rows) for kind, _, rows in told} == {
        ("label_spelling", (0,)), ("label_spelling", (5,)), ("empty_label", (10,)), ("rare_label", (15,)), ("imbalance", (15,)),
    }  # fmt: skip
    assert "label 'Positive' (1) looks like 'positive' (76) misspelt" in {message for _, message, _ in told}
    assert (
        list(labels_found(read_table((TEXTS, [["positive", "long"], ["bad"], [], ["positive"], ["bad", "long"]] * 40))))
        == []
    )


def test_an_empty_label_of_the_test_file_is_an_error() -> None:
    found = list(labels_of_test(table(TEXTS, LABELS), table(TEXTS[:20], ["", *LABELS[1:20]])))
    assert [(f.kind, f.severity, f.line) for f in found] == [("empty_label", "error", 2)]
    several = read_table((["i j", "k l"], [["good", "bad"], []]))
    assert not [f for f in labels_of_test(read_table((TEXTS, [[label] for label in LABELS])), several) if f.count]
