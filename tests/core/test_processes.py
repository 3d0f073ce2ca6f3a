"""A single process is first, waits for nobody, and agrees with itself; several share what they have."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import distributed

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


def test_processes_that_met_over_several_backends_wait_over_gloo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on GPUs, where the group is of NCCL and Gloo and has no barrier of its own that is watched."""
    distributed.init_process_group(
        "cuda:gloo,cpu:gloo", store=distributed.FileStore(str(tmp_path / "store"), 1), rank=0, world_size=1
    )
    try:
        assert distributed.get_backend() != "gloo"
        monkeypatch.setattr(processes, "num_processes", lambda: 2)
        processes.wait()
        processes.wait()
    finally:
        processes.leave()
    assert not distributed.is_initialized()
    assert processes._over_gloo is None


def test_the_least_is_what_one_process_says() -> None:
    assert processes.least(4) == 4


def test_processes_here_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr("llamita.core.opening.num_cores", lambda: 8)
    assert processes.num_processes_here() == 2
    assert set_threads(None) == 4
    assert set_threads(1) == 1


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        (
            {"ACCELERATE_USE_FSDP": "true"},
            "ACCELERATE_USE_FSDP shares the weights out among processes, and this is one",
        ),
        ({"ACCELERATE_USE_FSDP": "1", "FSDP_VERSION": "1", "WORLD_SIZE": "2"}, "FSDP_VERSION must be 2, got 1"),
        (
            {"ACCELERATE_USE_FSDP": "1", "FSDP_OFFLOAD_PARAMS": "true", "WORLD_SIZE": "2"},
            "FSDP_OFFLOAD_PARAMS isn't supported",
        ),
        ({"ACCELERATE_USE_FSDP": "1", "FSDP_VERSION": "2", "WORLD_SIZE": "2"}, None),
        ({"ACCELERATE_USE_FSDP": "false", "FSDP_VERSION": "1"}, None),
        ({"ACCELERATE_USE_FSDP": ""}, None),
    ],
)
def test_what_is_asked_of_fsdp_and_cannot_be_is_refused_in_one_line(
    said: dict[str, str], refused: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processes, "leave", lambda: None)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert main(["pretrain", "model"]) == 2
    told = capsys.readouterr().err
    assert (refused or "--data") in told
    assert ("FSDP" in told) == (refused is not None)
    monkeypatch.setenv("WORLD_SIZE", "1")
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
