"""How fast to learn and how often to write, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from tests.families import tiny_model
from torch import nn

from llamita.train.pace import default_learning_rate, rate_share, steps_between_checkpoints


def test_the_rate_rises_then_falls_to_nothing() -> None:
    shares = [rate_share(step, 20, 0.2, "linear") for step in range(21)]
    assert shares[:4] == [0.2, 0.4, 0.6, 0.8]
    assert shares[4] == 1.0
    assert shares[12] == pytest.approx(0.5)
    assert shares[20] == 0.0
    assert rate_share(12, 20, 0.2, "cosine") == pytest.approx(0.5)
    assert rate_share(19, 20, 0.0, "constant") == 1.0
    assert rate_share(0, 1, 0.0, "linear") == 1.0


@pytest.mark.parametrize("total", [1, 2, 7, 100])
@pytest.mark.parametrize("warmup", [0.0, 0.06, 0.5, 0.99])
@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_every_step_learns_something_and_none_more_than_the_whole_rate(
    total: int, warmup: float, schedule: str
) -> None:
    shares = [rate_share(step, total, warmup, schedule) for step in range(total)]
    assert all(0 < share <= 1 for share in shares)
    top = shares.index(max(shares))
    assert shares[:top] == sorted(shares[:top])
    assert shares[top:] == sorted(shares[top:], reverse=True)


def test_a_cosine_stays_above_the_line_first_and_below_it_later() -> None:
    assert rate_share(25, 100, 0.0, "cosine") == pytest.approx((1 + math.sqrt(0.5)) / 2)
    assert rate_share(25, 100, 0.0, "cosine") > rate_share(25, 100, 0.0, "linear") == 0.75
    assert rate_share(75, 100, 0.0, "cosine") < rate_share(75, 100, 0.0, "linear") == 0.25


def test_larger_models_and_frozen_parts_change_the_steps_between_checkpoints() -> None:
    model = tiny_model("bert")
    few = steps_between_checkpoints(model.module, 1e6, "cpu")
    assert steps_between_checkpoints(model.module, 1e3, "cpu") > few >= 1
    model.module.bert.requires_grad_(False)
    assert steps_between_checkpoints(model.module, 1e6, "cpu") > few


def test_steps_between_checkpoints_by_hand() -> None:
    module = nn.ModuleDict({"dense": nn.Linear(100, 100, bias=False), "embeddings": nn.Embedding(5, 4)})
    assert steps_between_checkpoints(module, 3e6, "cpu") == math.ceil(60 * 3e11 / (3e6 * 6 * 10_000)) == 100
    assert steps_between_checkpoints(module, 3e6, "cuda") == math.ceil(60 * 2e13 / (3e6 * 6 * 10_000))
    module["dense"].requires_grad_(False)
    assert steps_between_checkpoints(module, 3e6, "cpu") == 300
    assert steps_between_checkpoints(module, 1e15, "cpu") == 1
    assert steps_between_checkpoints(nn.ModuleDict(), 1e3, "cpu") == 60 * 3e11


def test_what_takes_long_to_write_is_written_less_often() -> None:
    with torch.device("meta"):
        module = nn.ModuleDict({"dense": nn.Linear(10, 10), "embed": nn.Embedding(2_000_000, 100)})
    seconds = 20 * 12 * 200_000_110 / 5e8
    assert steps_between_checkpoints(module, 1e6, "cpu") == math.ceil(seconds * 3e11 / (1e6 * 6 * 110))
    module["embed"].requires_grad_(False)
    assert steps_between_checkpoints(module, 1e6, "cpu") == math.ceil(60 * 3e11 / (1e6 * 6 * 110))


class Sized:
    """As much of a model as has a number of parameters: a million of them in its embeddings."""

    def __init__(self, body: float) -> None:
        self.num_parameters = int(body) + 1_000_000
        self.module = self

    def get_input_embeddings(self) -> nn.Embedding:
        return nn.Embedding(10_000, 100, device="meta")


def test_the_learning_rate_falls_with_size() -> None:
    small = tiny_model("bert")
    assert default_learning_rate(small) == 3e-4
    assert default_learning_rate(small, lora=True) == pytest.approx(3e-3)
    for body, rate in ((1e7, 1e-4), (8e7, 5e-5), (1e10, 1e-5), (1e12, 1e-5), (0, 3e-4)):
        assert default_learning_rate(Sized(body)) == pytest.approx(rate)  # type: ignore[arg-type]
