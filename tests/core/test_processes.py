"""A single process is first, waits for nobody, and agrees with itself; several share what they have."""

from __future__ import annotations

import pytest

from llamita.cli import main
from llamita.core import processes
from llamita.core.opening import set_threads


def test_one_process_needs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv("RANK", "3")
    assert (processes.num_processes(), processes.process_rank(), processes.is_first()) == (1, 0, True)
    assert processes.agreed("value") == "value"
    processes.wait()
    with processes.first_alone():
        pass
    processes.leave()


def test_processes_here_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr("llamita.core.opening.num_cores", lambda: 8)
    assert processes.num_processes_here() == 2
    assert set_threads(None) == 4
    assert set_threads(1) == 1


@pytest.mark.parametrize(("said", "refused"), [("true", True), ("1", True), ("false", False), ("", False)])
def test_sharded_weights_are_refused_in_one_line(
    said: str, refused: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", said)
    assert main(["pretrain", "model"]) == 2
    told = capsys.readouterr().err
    assert ("FSDP isn't supported: every process holds all weights" in told) is refused
    assert ("--data" in told) is not refused
    assert main(["list"]) == 0


def test_verbs_of_one_process_are_refused_in_several(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setattr(processes, "leave", lambda: None)
    assert main(["evaluate", "model", "--data", "x.csv"]) == 2
    told = capsys.readouterr().err
    assert "llamita evaluate works in one process; start it without torchrun" in told
    assert "`llamita pretrain` and `llamita run`" in told
