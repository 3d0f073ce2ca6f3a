"""An interview in the terminal: every answer is on disk before the next question, and can be taken back."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from llamita._cli import hand_labels
from llamita._cli.hand_labels import Interview, ask_for_labels
from llamita.core.errors import UserError

TEXTS = [f"text {i}" for i in range(5)]


def interview(file: Path, given: dict | None = None) -> Interview:
    return Interview(sample=TEXTS, labels=("bad", "good"), file=file, given=given if given is not None else {})


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


def test_numbers_and_names_label_and_what_is_neither_is_asked_again(tmp_path: Path) -> None:
    interview(tmp_path / "a.csv").hold(answers("2", "BAD", "9", "x", "1", "q"))
    assert written(tmp_path / "a.csv") == [("text 0", "good"), ("text 1", "bad"), ("text 2", "bad")]


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
    monkeypatch.setattr(hand_labels, "FEWEST", 3)


def test_a_later_call_goes_on_where_the_first_stopped(
    tmp_path: Path, terminal: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    file = tmp_path / "run" / "audit.csv"
    monkeypatch.setattr("builtins.input", answers("1", "2", "q"))
    with pytest.raises(UserError, match="2 hand labels are too few to say anything; the same command goes on"):
        ask_for_labels(str(tmp_path / "texts.txt"), ("bad", "good"), file)
    first = written(file)
    monkeypatch.setattr("builtins.input", answers("1", "1", "1"))
    assert ask_for_labels(str(tmp_path / "texts.txt"), ("bad", "good"), file) == file
    assert written(file)[:2] == first
    assert {text for text, _ in written(file)} == set(TEXTS)
    assert "[3 of 5]" in capsys.readouterr().out
    with pytest.raises(UserError, match="holds the label 'bad', which --labels doesn't name"):
        ask_for_labels(str(tmp_path / "texts.txt"), ("poor", "good"), file)


def test_without_a_terminal_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(UserError, match="--audit ask needs a terminal to ask in"):
        ask_for_labels("texts.txt", ("bad", "good"), tmp_path / "a.csv")
