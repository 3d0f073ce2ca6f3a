"""What was answered is known again, whatever a kill cut short."""

from __future__ import annotations

from pathlib import Path

from llamita.tasks._kept import KeptAnswers


def test_what_was_written_down_is_known_again(tmp_path: Path) -> None:
    kept = KeptAnswers(tmp_path / "answers.jsonl")
    kept.keep_way("drawn")
    kept.keep("a", [-0.1, -2.3])
    kept.keep("b", None)
    again = KeptAnswers(tmp_path / "answers.jsonl")
    assert (again.way, again.found) == ("drawn", {"a": [-0.1, -2.3], "b": None})


def test_a_line_that_a_kill_cut_short_is_left_out_and_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text('{"text": "a", "answer": [0.0]}\n[1]\n{"text": "b", "answ', encoding="utf-8")
    KeptAnswers(file).keep("c", [0.0])
    assert KeptAnswers(file).found == {"a": [0.0], "c": [0.0]}


def test_without_a_file_answers_are_known_as_long_as_the_engine_lives() -> None:
    kept = KeptAnswers(None)
    kept.keep("a", None)
    assert kept.found == {"a": None}
