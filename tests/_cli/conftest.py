"""A working folder, and the two ways a command can end."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from llamita.cli import main

ROWS = [("a warm film", "positive"), ("a dull mess", "negative"), ("很好的酒店", "positive"), ("很失望", "negative")]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a table of 40 texts in it."""
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "good.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("text", "label"))
        writer.writerows((f"{text} {i}", label) for i in range(10) for text, label in ROWS)
    return tmp_path


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Carry out a command that must succeed and hand back what it printed."""
    monkeypatch.delenv("COLUMNS", raising=False)

    def carry_out(*words: str | Path, code: int = 0) -> str:
        capsys.readouterr()
        got = main([str(word) for word in words])
        captured = capsys.readouterr()
        assert got == code, captured.err
        return captured.out

    return carry_out


@pytest.fixture
def refused(place: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Carry out a command that must fail and leave no file, and hand back its one line."""

    def carry_out(*words: str | Path, code: int = 2) -> str:
        before = set(place.rglob("*"))
        capsys.readouterr()
        assert main([str(word) for word in words]) == code
        lines = capsys.readouterr().err.splitlines()
        assert lines[-1].startswith("llamita: ")
        new = {path for path in set(place.rglob("*")) - before if path.is_file()}
        assert not new, f"left behind: {new}"
        return lines[-1]

    return carry_out


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Put bytes on standard input."""
    return lambda given: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
