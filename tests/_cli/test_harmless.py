"""What strangers wrote reaches the terminal without its control characters."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from llamita._cli import show
from llamita._cli.harmless import harmless
from llamita.cli import main

TITLE = "\x1b]0;owned\x07fine\x9b31m"
"""Would set a terminal's title, then its colour."""
SHOWN = "\\x1b]0;owned\\x07fine\\x9b31m"


def test_control_characters_are_written_out_and_all_else_stays() -> None:
    assert harmless(TITLE) == SHOWN
    assert harmless("a\r\x7f") == "a\\x0d\\x7f"
    kept = "two\nlines\tand [red]中文[/] é\u200d😀"
    assert harmless(kept) == kept


def test_tables_and_lines_hold_none(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    show.table([TITLE], [[TITLE]], TITLE)
    text = capsys.readouterr().out
    assert text.count(SHOWN) == 3
    assert "\x1b" not in text
    assert main([TITLE]) == 2
    assert main(["predict", TITLE, "a text"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_the_data_check_shows_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"a text of its own {i},{label}" for i in range(6) for label in (TITLE, "b")]
    (tmp_path / "t.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    main(["data", "check", str(tmp_path / "t.csv")])
    text = capsys.readouterr().out
    assert SHOWN in text
    assert "\x1b" not in text


def test_what_is_logged_holds_none(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(_: list[str]) -> int:
        logging.getLogger("llamita.some").warning("read: %s", TITLE)
        return 0

    monkeypatch.setattr("llamita.cli._carry_out", answer)
    assert main(["list"]) == 0
    assert capsys.readouterr().err == f"read: {SHOWN}\n"


def test_brackets_in_a_files_name_are_no_markup_of_the_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with show.progress() as bar:
        bar.add_task("a[/red]b.csv", total=None)
        assert bar.columns[0].render(bar.tasks[0]).plain == "a[/red]b.csv"  # type: ignore[union-attr]
