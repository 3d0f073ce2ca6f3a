"""A progress bar is drawn where somebody watches, on standard error and nowhere else."""

from __future__ import annotations

import io
import sys

import pytest

from llamita.train.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, steps: int = 3, *, silenced: bool = False) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    if silenced:
        monkeypatch.setenv("TQDM_DISABLE", "1")
    bar = progress_bar(3, "training", unit="text")
    for _ in range(steps):
        bar.update(1)
    bar.refresh()
    bar.close()
    return stream.getvalue()


def test_a_terminal_sees_the_title_the_steps_and_nothing_afterwards(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = drawn(Terminal(), monkeypatch)
    assert "training" in text
    assert "3/3" in text
    assert "text/s" in text
    assert text.endswith("\r")
    assert capsys.readouterr().out == ""


def test_a_file_or_a_pipe_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(io.StringIO(), monkeypatch) == ""


def test_it_can_be_silenced_as_other_bars_can(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(Terminal(), monkeypatch, silenced=True) == ""


def test_what_was_done_before_says_nothing_of_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    with progress_bar(10_000, "training", done=5_000) as bar:
        bar.update(1)
        told = bar.format_dict
    assert told["n"] == 5_001
    assert told["initial"] == 5_000, "else thousands of steps seem to have taken no time"
