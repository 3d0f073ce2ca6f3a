"""Exporter: Model -> Artifact, a folder that runs without torch and without this package's training side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llamita.core.checked import Checked, told
from llamita.core.errors import require

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.engine import Engine
    from llamita.core.model import Model

ARTIFACT_FILE = "artifact.json"
"""Stands in every artifact's folder; its "exporter" names the module whose `open_folder` reads the folder."""


def folder_bytes(folder: Path) -> int:
    """Bytes of every file in the folder and below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """An exported folder: what a user deploys."""

    folder: Path
    exporter: str
    """Name of the method that made it, such as "export.onnx"."""

    @property
    def size_bytes(self) -> int:
        """Bytes of every file in the folder, tokenizer and labels included."""
        return folder_bytes(self.folder)

    def open(self, threads: int | None = None) -> Engine:
        from llamita.core.registry import opener_of

        return opener_of(self.exporter)(self.folder, threads=threads)


@dataclass(frozen=True, kw_only=True)
class Exporter(Checked, ABC):
    """Writes an artifact; its fields are its settings."""

    def __init_subclass__(cls, **named: Any) -> None:
        """Put a check of what is given before the class's own `export`."""
        super().__init_subclass__(**named)
        if "export" in cls.__dict__:
            cls.export = _of_a_model(cls.__dict__["export"])  # type: ignore[method-assign]

    @abstractmethod
    def export(self, model: Model, run: Run) -> Artifact:
        """Write the artifact into `run.folder` and verify it against the model, or raise and leave no file behind."""


def _of_a_model(export: Callable[[Any, Model, Run], Artifact]) -> Callable[[Any, Model, Run], Artifact]:
    @wraps(export)
    def checked_and_exported(self: Any, model: Model, run: Run) -> Artifact:
        from llamita.core.context import Run
        from llamita.core.model import Model

        given = repr(model) if isinstance(model, str) else type(model).__name__
        require(
            isinstance(model, Model),
            f"{told(type(self))} exports a Model, got {given}; load one first: Model.load('folder or name')",
        )
        Run.require_given(run, told(type(self)))
        return export(self, model, run)

    return checked_and_exported
