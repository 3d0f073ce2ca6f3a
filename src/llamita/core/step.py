"""Step: a change Model -> Model whose fields are its settings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from llamita.core.checked import Checked

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.model import Model


@dataclass(frozen=True, kw_only=True)
class Step(Checked, ABC):
    """A change of a model; a subclass is one file, named in the registry by its place in the tree."""

    needs_teacher: ClassVar[bool] = False
    """Whether `run.teacher` must be set; the stage's address then depends on the teacher."""
    needs_data: ClassVar[bool] = True
    """Whether the task's data changes the result; the stage's address then depends on it."""

    learns_from_few: ClassVar[bool] = False
    """Whether it is for so few texts that a verb cuts none off for choices and tests by itself."""

    @property
    def files(self) -> tuple[str, ...]:
        """Files that its fields name; the stage's address then depends on what they hold."""
        return ()

    @property
    def avoids(self) -> tuple[str, ...]:
        """Splits of the task that it keeps away from; the stage's address then depends on them."""
        return ()

    @abstractmethod
    def apply(self, model: Model, run: Run) -> Model:
        """Return the changed model; the one given is owned by the step and may be changed in place."""
