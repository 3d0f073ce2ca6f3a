"""Step: a change Model -> Model whose fields are its settings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from llamita.core.checked import Checked, told
from llamita.core.errors import require
from llamita.core.registry import settings_of

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

    names_files: ClassVar[tuple[str, ...]] = ()
    """Fields that name `files`: what these hold decides, and not how they are called."""

    def __init_subclass__(cls, **named: Any) -> None:
        """Put a check of what is given before the class's own `apply`, random numbers back after it, and it into the lineage."""
        super().__init_subclass__(**named)
        if "apply" in cls.__dict__:
            cls.apply = _of_a_model(cls.__dict__["apply"])  # type: ignore[method-assign]

    @property
    def files(self) -> tuple[str, ...]:
        """Files that its fields name; the stage's address then depends on what they hold."""
        return ()

    @property
    def file_weights(self) -> tuple[float, ...]:
        """How often each of `files` is read, where that differs."""
        return ()

    @property
    def avoids(self) -> tuple[str, ...]:
        """Splits of the task that it keeps away from; the stage's address then depends on them."""
        return ()

    @abstractmethod
    def apply(self, model: Model, run: Run) -> Model:
        """Return the changed model; the one given is owned by the step and may be changed in place."""


def _of_a_model(apply: Callable[[Any, Model, Run], Model]) -> Callable[[Any, Model, Run], Model]:
    @wraps(apply)
    def checked_and_applied(self: Any, model: Model, run: Run) -> Model:
        from llamita.core.context import Run
        from llamita.core.kept import process_as_it_was
        from llamita.core.model import Model

        require(
            isinstance(model, Model),
            f"{told(type(self))} changes a Model, got {model if isinstance(model, str) else type(model).__name__}; load one"
            " first: Model.load('folder or name')",
        )
        Run.require_given(run, told(type(self)))
        with process_as_it_was():
            changed = apply(self, model, run)
        entry = {"step": told(type(self)), "settings": settings_of(self), "parameters": changed.num_parameters}
        changed.lineage = (*changed.lineage, entry)
        return changed

    return checked_and_applied
