"""An interview in the terminal: every answer is on disk before the next question, and can be taken back."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from llamita._cli import hand_labels
from llamita._cli.hand_labels import Interview, ask_for_labels
from llamita._cli.language import speaking
from llamita.core.errors import UserError
from llamita.hand_labels import read_hand_labels

TEXTS = [f"text {i}" for i in range(5)]
LABELS = {"bad": "bad", "good": "good"}


def interview(file: Path, given: dict | None = None) -> Interview:
    return Interview(sample=TEXTS, labels=LABELS, file=file, given=given if given is not None else {})


def written(file: Path) -> list[tuple[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return [(row["text"], row["label"]) for row in csv.DictReader(stream)]


def answers(*given: str) -> Callable[[str], str]:
    rest = iter(given)

    def ask(_: str) -> str:
        try:
            return next(rest)
        except StopIteration:
            raise EOFError from None

    return ask


def listening(*given: str) -> tuple[Callable[[str], str], list[str]]:
    """Someone who gives these answers, and what they were shown."""
    shown: list[str] = []
    ask = answers(*given)

    def listens(question: str) -> str:
        shown.append(question)
        return ask(question)

    return listens, shown


def test_numbers_and_names_label_and_what_is_neither_is_asked_again(tmp_path: Path) -> None:
    interview(tmp_path / "a.csv").hold(answers("2", "BAD", "9", "x", "1", "q"))
    assert written(tmp_path / "a.csv") == [("text 0", "good"), ("text 1", "bad"), ("text 2", "bad")]


def test_the_questions_are_asked_in_the_language_spoken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "q"

    with speaking("zh"):
        interview(tmp_path / "a.csv").hold(ask)
    assert asked == ["1 bad  2 good  |  u 撤销  s 跳过  q 停止："]
    assert capsys.readouterr().out == "\n[第 1 条，共 5 条]  text 0\n\n"


def test_each_answer_is_saved_before_the_next_question(tmp_path: Path) -> None:
    seen = []

    def ask(_: str) -> str:
        seen.append(len(written(tmp_path / "a.csv")) if (tmp_path / "a.csv").exists() else 0)
        return "1"

    interview(tmp_path / "a.csv").hold(ask)
    assert seen == [0, 1, 2, 3, 4]


def test_undo_takes_the_last_answer_back_and_asks_again_and_skip_passes_on(tmp_path: Path) -> None:
    interview(tmp_path / "a.csv").hold(answers("u", "1", "2", "u", "1", "s", "2", "q"))
    assert written(tmp_path / "a.csv") == [("text 0", "bad"), ("text 1", "bad"), ("text 3", "good")]


def test_a_skipped_text_comes_back_by_undo(tmp_path: Path) -> None:
    interview(tmp_path / "a.csv").hold(answers("s", "u", "2", "q"))
    assert written(tmp_path / "a.csv") == [("text 0", "good")]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("llamita.hand_labels.FEWEST", 3)


def test_a_later_call_goes_on_where_the_first_stopped(
    tmp_path: Path, terminal: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    file = tmp_path / "run" / "audit.csv"
    monkeypatch.setattr("builtins.input", answers("1", "2", "q"))
    with pytest.raises(UserError, match="2 hand labels are too few to say anything; the same command goes on"):
        ask_for_labels(str(tmp_path / "texts.txt"), LABELS, file)
    first = written(file)
    monkeypatch.setattr("builtins.input", answers("1", "1", "1"))
    assert sorted(ask_for_labels(str(tmp_path / "texts.txt"), LABELS, file).texts) == TEXTS
    assert written(file)[:2] == first
    assert {text for text, _ in written(file)} == set(TEXTS)
    assert "[text 3 of 5]" in capsys.readouterr().out
    with pytest.raises(UserError, match="holds the label 'bad', which --labels doesn't name"):
        ask_for_labels(str(tmp_path / "texts.txt"), {"poor": "poor", "good": "good"}, file)


def test_without_a_terminal_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(UserError, match="--audit ask needs a terminal to ask in"):
        ask_for_labels("texts.txt", LABELS, tmp_path / "a.csv")


def test_labels_are_shown_with_number_and_word_and_named_by_any_of_them(tmp_path: Path) -> None:
    listens, shown = listening("2", "GREAT", "yes", "awful", "q")
    labels = {"no": "awful", "yes": "great"}
    Interview(sample=TEXTS, labels=labels, file=tmp_path / "a.csv", given={}).hold(listens)
    assert shown[0].startswith("1 no (awful)  2 yes (great)  |")
    assert [label for _, label in written(tmp_path / "a.csv")] == ["yes", "yes", "yes", "no"]


def test_where_labels_are_numbers_a_number_is_the_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listens, shown = listening("1", "0", "2", "good", "bad")
    labels = {"0": "bad", "1": "good"}
    Interview(sample=TEXTS, labels=labels, file=tmp_path / "a.csv", given={}).hold(listens)
    assert shown[0].startswith("0 (bad)  1 (good)  |")
    assert [label for _, label in written(tmp_path / "a.csv")] == ["1", "0", "1", "0"]
    assert "one of 0, 1, u, s or q, please" in capsys.readouterr().out


def test_earlier_hand_labels_are_kept_whatever_is_drawn_now(
    tmp_path: Path, terminal: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hand_labels, "MOST", 6)
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    file = tmp_path / "audit.csv"
    earlier = [(f"earlier {i}", "good") for i in range(4)]
    file.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in earlier), encoding="utf-8")
    monkeypatch.setattr("builtins.input", answers("1", "q"))
    given = ask_for_labels(str(tmp_path / "texts.txt"), LABELS, file)
    assert written(file)[:4] == earlier
    assert len(written(file)) == len(given) == 5
    assert "[text 5 of 6]" in capsys.readouterr().out
    monkeypatch.setattr(hand_labels, "MOST", 2)
    monkeypatch.setattr("builtins.input", answers())
    assert len(ask_for_labels(str(tmp_path / "texts.txt"), LABELS, file)) == 5


def test_the_answers_are_read_by_their_own_columns(
    tmp_path: Path, terminal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text("id,review\n" + "".join(f"{i},{text}\n" for i, text in enumerate(TEXTS)), encoding="utf-8")
    monkeypatch.setattr("builtins.input", answers("1", "2", "1", "q"))
    given = ask_for_labels(str(file), LABELS, tmp_path / "audit.csv", columns={"text": "review"})
    fitted, measured = read_hand_labels(given, None, tuple(LABELS), {"text": "review"}, 0, pairs=False)
    assert len(fitted) + len(measured) == 3


def test_texts_with_labels_are_refused_before_anybody_is_asked(
    tmp_path: Path, terminal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_: str) -> str:
        raise AssertionError

    file = tmp_path / "data.csv"
    file.write_text("text,label\n" + "".join(f"{text},bad\n" for text in TEXTS), encoding="utf-8")
    monkeypatch.setattr("builtins.input", nobody)
    with pytest.raises(UserError, match=r"--audit ask is for texts without labels, but .*data\.csv has a label column"):
        ask_for_labels(str(file), LABELS, tmp_path / "audit.csv")
    assert not (tmp_path / "audit.csv").exists()


def test_hand_labels_of_pairs_are_not_lost_to_single_texts(tmp_path: Path, terminal: None) -> None:
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    (tmp_path / "audit.csv").write_text("text,pair,label\na,b,good\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"audit\.csv holds hand labels of pairs, and --data has others"):
        ask_for_labels(str(tmp_path / "texts.txt"), LABELS, tmp_path / "audit.csv")
