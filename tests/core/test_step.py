"""A step must change a model; its fields are its settings."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, fields

import pytest

from llamita.core.context import Run
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
