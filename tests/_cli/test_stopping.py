"""A command that the system ends leaves as one that is stopped by Ctrl-C: its way out is walked, and the exit code says why."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from llamita._cli.predict import _output
from llamita._cli.stopping import NAMES, Stopped, stopped_by_signals
from llamita.cli import main

posix = pytest.mark.skipif(
    os.name != "posix" or threading.current_thread() is not threading.main_thread(),
    reason="Windows has no signals to send, and only the main thread takes them",
)


@pytest.fixture(autouse=True)
def _signals_as_a_terminal_has_them() -> Iterator[None]:
    """Whoever runs the tests may ignore some, as nohup does."""
    known = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    before = [signal.signal(number, signal.SIG_DFL) for number in known]
    yield
    for number, handler in zip(known, before, strict=True):
        signal.signal(number, handler)


@posix
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_what_is_half_written_is_cleaned_away(
    name: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    number, out = getattr(signal, name), tmp_path / "answers.csv"

    def work(_: list[str]) -> int:
        with _output(str(out)) as stream:
            stream.write("half a")
            signal.raise_signal(number)
        return 0

    monkeypatch.setattr("llamita.cli._carry_out", work)
    before = signal.getsignal(number)
    assert main(["predict"]) == code
    assert signal.getsignal(number) == before
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err == "stopped\n"


@posix
def test_what_is_ignored_stays_so_and_a_second_signal_is_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with pytest.raises(Stopped) as stop, stopped_by_signals():  # noqa: PT012
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        assert stop.value.code == 143
    finally:
        signal.signal(signal.SIGHUP, before)


def test_several_processes_are_left_to_who_started_them(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("llamita.cli._answered", lambda _: seen.append(signal.getsignal(signal.SIGTERM)) or 0)
    assert main(["run"]) == 0
    assert seen == [signal.SIG_DFL]
    assert "SIGTERM" in NAMES


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_a_stream_that_is_closed_is_no_bug(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, name, None)
    assert main(["--version"]) == 0
    assert main(["predict", "no-such-model"]) == 2
    getattr(sys, name).close()
