"""What no training can do is refused with what was given and what is allowed."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from llamita.core.errors import UserError
from llamita.learn.finetune import Finetune
from llamita.train.settings import PRECISIONS, SCHEDULES, LoopSettings, check_training, loop_settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs must be > 0, got 0"),
        ({"epochs": float("inf")}, "epochs must be > 0, got inf"),
        ({"epochs": float("nan")}, "epochs must be > 0, got nan"),
        ({"learning_rate": 0.0}, "learning_rate must be in (0, 1), got 0.0"),
        ({"learning_rate": 1.0}, "learning_rate must be in (0, 1), got 1.0"),
        ({"batch_size": 0}, "batch_size must be >= 1, got 0"),
        ({"max_tokens": -1}, "max_tokens must be >= 0, got -1"),
        ({"max_length": 0}, "max_length must be >= 1, got 0"),
        ({"weight_decay": -0.5}, "weight_decay must be >= 0, got -0.5"),
        ({"warmup": 1.0}, "warmup must be in [0, 1), got 1"),
        ({"warmup": -0.1}, "warmup must be in [0, 1), got -0.1"),
        ({"schedule": "step"}, "schedule must be one of linear, cosine, constant, got 'step'"),
        ({"precision": "fp8"}, "precision must be one of auto, fp32, bf16, got 'fp8'"),
    ],
)
def test_impossible_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(UserError) as told:
        Finetune(**settings)
    assert str(told.value) == message


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 0.01, "learning_rate": 0.999, "batch_size": 1, "max_tokens": 0, "max_length": 1},
        {"learning_rate": None, "max_length": None, "weight_decay": 0.0, "warmup": 0.0},
        *({"schedule": schedule} for schedule in SCHEDULES),
        *({"precision": precision} for precision in PRECISIONS),
    ],
)
def test_what_lies_on_the_border_is_allowed(settings: dict) -> None:
    check_training(Finetune(**settings))


def test_the_loop_takes_the_steps_fields_and_the_rate_where_the_step_names_none() -> None:
    step = Finetune(weight_decay=0.2, warmup=0.3, schedule="cosine", precision="fp32", dropout=False)
    settings = loop_settings(step, 0.01, patience=2, evaluations=5)
    assert settings == LoopSettings(
        learning_rate=0.01, weight_decay=0.2, warmup=0.3, schedule="cosine", precision="fp32", dropout=False, patience=2,
        evaluations=5,
    )  # fmt: skip
    assert loop_settings(replace(step, learning_rate=0.5), 0.01).learning_rate == 0.5


def test_the_loops_settings_are_named_and_stay() -> None:
    with pytest.raises(TypeError, match="learning_rate"):
        LoopSettings()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional"):
        LoopSettings(0.1)  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        LoopSettings(learning_rate=0.1).patience = 2  # type: ignore[misc]
