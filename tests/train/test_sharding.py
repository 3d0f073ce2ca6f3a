"""Two processes that hold half the weights each end where one does, in half the memory, and go on from a kill to the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.train.several import STEPS, assert_like_one_process, assert_resumed_to_the_bytes, by_two_processes
from tests.train.tiny import tiny_task

from llamita.core import processes
from llamita.core.model import Model
from llamita.train.sharding import kept_from_accelerate, total_norm

TRIED = ("plain", "lora", "language", "apart", "masked", "mixed", "hidden", "in parts", "language in parts")
"""Early stopping; frozen weights beside trained ones; packed rows and heads that are read by themselves; rows of unlike length;
tied embeddings; rows without targets; hidden states and a loss with weights of its own; batches beyond memory."""
KILLED = ("killed", "killed language")


@pytest.fixture(scope="module")
def by_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared")
    return by_two_processes(folder, [*TRIED, *KILLED], ACCELERATE_USE_FSDP="true", FSDP_VERSION="2")


@pytest.mark.parametrize("name", TRIED)
def test_shares_give_the_loss_curve_and_weights_of_one_process(name: str, by_two: Path, tmp_path: Path) -> None:
    assert name in STEPS
    model = assert_like_one_process(name, by_two, tmp_path)
    saved = Model.load(by_two / name / "saved")
    assert type(saved.module) is type(model.module)
    if name == "plain":
        texts = tiny_task(8).test.texts[:9]
        np.testing.assert_allclose(saved.scores(texts), model.scores(texts), atol=1e-4)


@pytest.mark.parametrize("name", KILLED)
def test_shares_killed_and_resumed_end_with_the_bytes_of_undisturbed_ones(name: str, by_two: Path) -> None:
    assert_resumed_to_the_bytes(name, by_two)
    kept = by_two / name / "calm" / "checkpoints"
    assert {path.name for path in kept.iterdir() if path.is_dir()} == {"share-1-of-2", "share-2-of-2"}


def test_each_process_holds_half_of_weights_and_moments(by_two: Path, tmp_path: Path) -> None:
    assert_like_one_process("language", by_two, tmp_path)
    whole = json.loads((tmp_path / "language" / "held-0.json").read_text())
    for rank in (0, 1):
        shared = json.loads((by_two / "language" / f"held-{rank}.json").read_text())
        assert max(shared) < min(whole) * 2 / 3


def test_the_norm_of_whole_gradients_is_theirs() -> None:
    assert total_norm([torch.tensor([3.0]), torch.tensor([[0.0, 4.0]])]).item() == 5


def test_accelerate_is_not_told_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    for said in ("1", "false"):
        monkeypatch.setenv(processes.SHARDING, said)
        with kept_from_accelerate():
            assert not processes.shares_weights()
        assert processes.shares_weights() == (said == "1")
