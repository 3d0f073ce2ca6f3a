"""A step must change a model; its fields are its settings."""

from __future__ import annotations

import random
from dataclasses import FrozenInstanceError, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.families import tiny_model

from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.core.registry import build, entries, settings_of
from llamita.core.step import Step


@dataclass(frozen=True, kw_only=True)
class Nothing(Step):
    times: int = 1

    def apply(self, model: Model, run: Run) -> Model:
        return model


def test_a_step_must_apply() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Idle(Step):
        pass

    with pytest.raises(TypeError, match=r"abstract method.*apply"):
        Idle()  # type: ignore[abstract]


def test_settings_are_named_and_stay() -> None:
    with pytest.raises(FrozenInstanceError):
        Nothing(times=2).times = 3  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        Nothing(2)  # type: ignore[misc]
    assert Nothing(times=2) == Nothing(times=2) != Nothing()


def test_what_a_step_needs_is_no_setting() -> None:
    assert [one.name for one in fields(Nothing)] == ["times"]
    assert settings_of(Nothing()) == {"times": 1}
    assert (Nothing.needs_teacher, Nothing.needs_data) == (False, True)


def test_steps_that_distil_need_a_teacher_and_no_others_do() -> None:
    needed = {"prune.depth": {"keep": 1}, "prune.width": {"ffn": 0.5}}
    for entry in entries().values():
        if entry.kind == "step":
            step = build(entry.name, needed.get(entry.name, {}))
            assert step.needs_teacher is entry.name.startswith("distill."), entry.name


@dataclass(frozen=True, kw_only=True)
class Drawing(Step):
    def apply(self, model: Model, run: Run) -> Model:
        for seeded in (torch.manual_seed, np.random.seed, random.seed):
            seeded(run.seed)
        return model


def test_a_step_leaves_random_numbers_as_they_were(tmp_path: Path) -> None:
    def drawn() -> tuple[float, ...]:
        return float(torch.rand(1)), float(np.random.rand()), random.random()

    model, state = tiny_model("bert"), (torch.get_rng_state(), np.random.get_state(), random.getstate())
    expected = drawn()
    for put_back, one in zip((torch.set_rng_state, np.random.set_state, random.setstate), state, strict=True):
        put_back(one)  # type: ignore[operator]
    assert Drawing().apply(model, Run(folder=tmp_path, seed=7)) is model
    assert drawn() == expected


@pytest.mark.parametrize(
    ("given", "told"), [("minilm", "minilm"), (None, "NoneType"), (torch.nn.Linear(1, 1), "Linear")]
)
def test_a_step_takes_a_model_and_nothing_else(given: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"Nothing changes a Model, got {told}; load one first"):
        Nothing().apply(given, Run(folder=tmp_path))


def test_a_step_stands_in_the_lineage_also_without_a_recipe(tmp_path: Path) -> None:
    model = Nothing(times=2).apply(tiny_model("bert"), Run(folder=tmp_path))
    assert model.lineage[-1] == {"step": "Nothing", "settings": {"times": 2}, "parameters": model.num_parameters}


def test_a_step_takes_a_run_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Nothing needs a Run, got \w+Path; such as"):
        Nothing().apply(tiny_model("bert"), tmp_path)  # type: ignore[arg-type]
