"""Run: the only context, passed by argument."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from llamita.core.checked import Checked, as_seed
from llamita.core.errors import require
from llamita.core.hardware import DEVICES
from llamita.core.task import SPLITS, SplitName, Task


@dataclass(frozen=True, kw_only=True)
class Run(Checked):
    """Where a step, measure or exporter works and what it may use."""

    folder: Path
    """Scratch and output folder of this stage; it survives a kill, so checkpoints here are found again."""
    task: Task | None = None
    teacher: Path | None = None
    """Folder of the teacher's saved model (stock Hugging Face), for steps that need it."""
    cache: Path | None = None
    """Folder shared by stages for what is computed once (teacher outputs); files in it are content-addressed."""
    device: str = "cpu"
    """cuda, mps or cpu."""
    threads: int | None = None
    """None: all cores this process may use."""
    seed: int = 0
    compile: Literal["auto", "on", "off"] = "auto"
    """Whether layers are compiled for a training; auto: where it is long enough and measured to be faster so on this machine."""
    track: str = ""
    """Tracker that trainings send their losses to, by name; they don't depend on it."""
    split: SplitName = "test"
    """The split that measures read: "select" while choosing, "test" once at the end."""
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("llamita"))

    def __post_init__(self) -> None:
        """Folders may be given as text, as they are in a script or notebook; a split that no task has is refused."""
        require(self.compile in ("auto", "on", "off"), f"compile must be auto, on or off, got {self.compile!r}")
        require(self.split in SPLITS, f"split must be one of {', '.join(SPLITS)}, got {self.split!r}")
        task = self.task
        require(
            task is None or isinstance(task, Task),
            f"Run: task must be an opened task, got {task if isinstance(task, str) else type(task).__name__}; open one first:"
            " open_task(train='train.csv')",
        )
        device = self.device.split(":")[0]
        require(device in DEVICES, f"device must be one of {', '.join(DEVICES)}, got {self.device!r}")
        as_seed("seed", self.seed)

    @staticmethod
    def require_given(given: object, whose: str) -> None:
        """Refuse anything else in the place of a run."""
        what = f"{whose} needs a Run, got {type(given).__name__}; such as llamita.Run(folder='work')"
        require(isinstance(given, Run), what)

    def at(self, folder: Path) -> Run:
        """The same run working in another folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        return replace(self, folder=folder)
