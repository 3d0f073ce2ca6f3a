"""Kills a training where a test says, and compares what a resumed one leaves with an undisturbed one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from llamita.core.context import Run
from llamita.core.model import Model
from llamita.core.step import Step
from llamita.train.checkpoint import Checkpoints
from llamita.train.loop import Loop


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the library may catch it."""


def apply_until_done(
    step: Step, make_model: Callable[[], Model], run: Run, kills: list[int], monkeypatch: pytest.MonkeyPatch
) -> tuple[Model, int]:
    """Apply a step, killed before each of these training steps (counted from the start of each attempt).

    Returns:
        The model, and the number of training steps of all attempts together.
    """
    steps = 0
    plain = Loop.training_step
    for kill_at in [*kills, None]:
        done = 0

        def training_step(self: Loop, *given: object, kill_at: int | None = kill_at, **named: object) -> object:
            nonlocal done, steps
            if done == kill_at:
                raise Killed
            done, steps = done + 1, steps + 1
            return plain(self, *given, **named)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(Loop, "training_step", training_step)
            try:
                return step.apply(make_model(), run), steps
            except Killed:
                continue
    raise AssertionError("the last attempt was killed too")


def checkpoint_often(monkeypatch: pytest.MonkeyPatch, every: int) -> None:
    monkeypatch.setattr("llamita.train.loop.steps_between_checkpoints", lambda *_: every)


def kill_while_saving(monkeypatch: pytest.MonkeyPatch, save: int) -> None:
    """Die in the middle of writing this checkpoint (counted from 0), leaving half a file."""
    written = 0

    def save_half(self: Checkpoints, step: int, state: object) -> None:
        nonlocal written
        if written == save:
            (self.folder / f"step-{step:08d}.part").write_bytes(b"half")
            raise Killed
        written += 1
        plain(self, step, state)  # type: ignore[arg-type]

    plain = Checkpoints.save
    monkeypatch.setattr(Checkpoints, "save", save_half)


def saved_bytes(model: Model, folder: Path) -> dict[str, bytes]:
    """Every file of the saved model."""
    model.save(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
