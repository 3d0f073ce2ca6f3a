"""A run is handed on by argument: what changes is another run."""

from __future__ import annotations

import logging
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest

from llamita.core.context import Run
from llamita.core.errors import UserError


def test_a_run_elsewhere_differs_in_its_folder_alone(tmp_path: Path) -> None:
    run = Run(folder=tmp_path, teacher=tmp_path / "teacher", threads=1, seed=3, split="select")
    there = run.at(tmp_path / "stage" / "inner")
    assert there.folder == tmp_path / "stage" / "inner"
    assert replace(there, folder=tmp_path) == run
    assert run.folder == tmp_path


def test_the_folder_is_made_and_what_stands_in_it_stays(tmp_path: Path) -> None:
    run = Run(folder=tmp_path).at(tmp_path / "a" / "b")
    (run.folder / "checkpoint").write_text("kept")
    assert (run.at(run.folder).folder / "checkpoint").read_text() == "kept"


def test_what_is_not_said_is_a_cpu_the_test_split_and_the_librarys_log(tmp_path: Path) -> None:
    run = Run(folder=tmp_path)
    assert (run.device, run.split, run.seed, run.threads, run.task) == ("cpu", "test", 0, None, None)
    assert run.log is logging.getLogger("llamita")


def test_a_run_cannot_be_changed_in_place(tmp_path: Path) -> None:
    with pytest.raises(FrozenInstanceError):
        Run(folder=tmp_path).seed = 4  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        Run(tmp_path)  # type: ignore[misc]


def test_folders_may_be_given_as_text() -> None:
    run = Run(folder="work", teacher="teacher", cache="cache")  # type: ignore[arg-type]
    assert (run.folder, run.teacher, run.cache) == (Path("work"), Path("teacher"), Path("cache"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"task": "train.csv"}, "task must be an opened task, got train.csv"),
        ({"device": "gpu"}, "device must be one of cuda, mps, cpu, got 'gpu'"),
        ({"seed": -1}, "seed must be a whole number from 0 on, got -1"),
    ],
)
def test_a_task_device_or_seed_that_is_none_is_refused(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        Run(folder=tmp_path, **given)
