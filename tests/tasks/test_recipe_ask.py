"""A recipe's `ask`: examples and hand labels, none of which stand in the test split; what makes no sense is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from llamita.core.errors import UserError
from llamita.data.read import read_table
from llamita.tasks.classify import open_task
from llamita.tasks.recipe_ask import asking_for, examples_of


def test_examples_are_balanced_and_never_among_what_measures() -> None:
    table = read_table(([f"text {i}" for i in range(20)], ["bad", "good"] * 10))
    shown = examples_of(table, ("bad", "good"), 6, table.texts[:10], 0)
    assert [label for _, label in shown].count("good") == 3
    assert not {text for text, _ in shown} & set(table.texts[:10])
    assert shown == examples_of(table, ("bad", "good"), 6, table.texts[:10], 0)
    with pytest.raises(UserError, match="all its texts are hand labels too"):
        examples_of(table, ("bad", "good"), 6, table.texts, 0)
    with pytest.raises(UserError, match="label 'good' is not among --labels"):
        examples_of(table, ("bad", "fine"), 6, (), 0)


def task_of_ten(labels: str = "bad,good"):
    return open_task(test=([f"text {i}" for i in range(10)], ["bad", "good"] * 5), labels=labels)


def write_labelled(file: Path, rows: list[tuple[str, str]]) -> Path:
    file.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"promt": "x"}, "unknown key 'promt'. Did you mean 'prompt'"),
        ({"shots": "abc", "few_shot": "seen.csv"}, "shots must be a whole number from 1 on, got 'abc'"),
        ({"words": 5}, "words must say a word for each label, such as {1: good}, got 5"),
        ({"words": {"good": True, "bad": False}}, "words must be text, in quotes where they are yes, no"),
        ({"prompt": 5}, "prompt must be text with {text} in it, got 5"),
        ({"shots": 3}, "name their file: few_shot"),
        ({"calibrate": "seen.csv"}, "all its texts are shown or stand in the test split"),
        ({"calibrate": "strange.csv"}, "label 'fine' is not among the labels given"),
    ],
)
def test_what_a_recipe_can_not_ask_is_refused(
    how: dict, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_labelled(tmp_path / "seen.csv", [("text 1", "good"), ("text 2", "bad")])
    write_labelled(tmp_path / "strange.csv", [("one", "good"), ("two", "fine")])
    with pytest.raises(UserError, match=message.replace("?", "[?]")):
        asking_for(task_of_ten(), "config:bert:300k", how, 0)


def test_hand_labels_and_examples_of_a_recipe_stand_in_the_columns_of_its_data(tmp_path: Path) -> None:
    rows = "".join(f"question {i},reply {i},{'good' if i % 2 else 'bad'}\n" for i in range(12))
    (tmp_path / "hand.csv").write_text("query,reply,label\n" + rows, encoding="utf-8")
    task = open_task(test=([("q", "r"), ("s", "t")], ["bad", "good"]))
    columns = {"text": "query", "pair": "reply", "label": "label"}
    how = {"calibrate": str(tmp_path / "hand.csv"), "few_shot": str(tmp_path / "hand.csv"), "shots": 2}
    asking, calibrating = asking_for(task, "config:llama:300k", how, 0, columns)
    assert calibrating is not None
    assert len(calibrating) == 10
    assert {len(text) for text in (*calibrating.texts, *(text for text, _ in asking.examples))} == {2}
    with pytest.raises(UserError, match=r"hand\.csv:2: a single text, but the data has pairs"):
        asking_for(task, "config:llama:300k", how, 0)


def test_a_recipe_asks_without_a_test_split_too(tmp_path: Path) -> None:
    hand = write_labelled(tmp_path / "hand.csv", [("fine", "good"), ("poor", "bad")])
    task = open_task(train=([f"text {i}" for i in range(20)], ["bad", "good"] * 10), test=[])
    asking, _ = asking_for(task, "config:llama:300k", {"few_shot": str(hand), "shots": 2}, 0)
    assert len(asking.examples) == 2
