"""Two processes end where one does: the same losses, scores and weights, to rounding; killed, they go on to the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.train.several import (
    ACCELERATE,
    KILLED,
    STEPS,
    assert_like_one_process,
    assert_resumed_to_the_bytes,
    by_two_processes,
)


@pytest.fixture(scope="module")
def by_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return by_two_processes(tmp_path_factory.mktemp("two"), [*STEPS, *KILLED])


@pytest.mark.parametrize("name", list(STEPS))
def test_two_processes_give_the_loss_curve_and_weights_of_one(name: str, by_two: Path, tmp_path: Path) -> None:
    assert_like_one_process(name, by_two, tmp_path)


@pytest.mark.parametrize("name", list(KILLED))
def test_two_processes_killed_and_resumed_end_with_the_bytes_of_undisturbed_ones(name: str, by_two: Path) -> None:
    assert_resumed_to_the_bytes(name, by_two)


@pytest.mark.parametrize("how", [["--multi_gpu"], ["--use_fsdp", "--fsdp_version", "2"]])
def test_accelerate_launch_starts_two_processes_that_end_where_one_does(how: list[str], tmp_path: Path) -> None:
    by_two = by_two_processes(tmp_path / "two", ["language"], [*ACCELERATE, *how])
    assert_like_one_process("language", by_two, tmp_path)
    held = json.loads((by_two / "language" / "held-1.json").read_text())
    assert held, "there was a second process"
