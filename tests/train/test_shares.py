"""Two processes end where one does: the same losses, scores and weights, to rounding; killed, they go on to the same bytes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.train.several import KILLED, STEPS, carried_out

NO_GRADIENT = re.compile(r"(key|k_lin)\.bias")
"""A bias of keys changes no softmax: its gradient is rounding alone, which AdamW makes large."""


@pytest.fixture(scope="module")
def by_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes leave, started as torchrun starts them."""
    folder = tmp_path_factory.mktemp("two")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    done = subprocess.run(
        [*command, "-m", "tests.train.several", str(folder)], env=environment, capture_output=True, text=True,
        cwd=Path(__file__).parents[2], timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize("name", list(STEPS))
def test_two_processes_give_the_loss_curve_and_weights_of_one(name: str, by_two: Path, tmp_path: Path) -> None:
    model = carried_out(name, tmp_path / name)
    ours = [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
    theirs = [json.loads(line) for line in (by_two / name / "metrics.jsonl").read_text().splitlines()]
    assert [set(line) for line in ours] == [set(line) for line in theirs]
    for one, two in zip(ours, theirs, strict=True):
        assert one == pytest.approx(two, rel=2e-5, abs=2e-6)
    weights = [torch.load(by_two / name / f"weights-{rank}.pt", weights_only=True) for rank in (0, 1)]
    for part, value in model.module.state_dict().items():
        assert torch.equal(weights[0][part], weights[1][part])
        if not NO_GRADIENT.search(part):
            torch.testing.assert_close(
                weights[0][part], value, atol=1e-4, rtol=1e-4, msg=lambda m, part=part: f"{part}: {m}"
            )


@pytest.mark.parametrize("name", list(KILLED))
def test_two_processes_killed_and_resumed_end_with_the_bytes_of_undisturbed_ones(name: str, by_two: Path) -> None:
    calm, resumed = (by_two / name / how for how in ("calm", "resumed"))
    assert (calm / "metrics.jsonl").read_bytes() == (resumed / "metrics.jsonl").read_bytes()
    for rank in (0, 1):
        ours, theirs = (torch.load(one / f"weights-{rank}.pt", weights_only=True) for one in (calm, resumed))
        assert all(torch.equal(theirs[part], value) for part, value in ours.items())
