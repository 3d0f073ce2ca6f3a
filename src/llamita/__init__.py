"""llamita turns a large language model into a light one, and proves it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PLACES = {
    "ask": "llamita.tasks.asking",
    "load": "llamita.run",
    "execute": "llamita.run",
    "lighten": "llamita.lighten",
    "Recipe": "llamita.core.recipe",
    "Report": "llamita.core.report",
    "Run": "llamita.core.context",
    "Split": "llamita.core.task",
    "Classify": "llamita.tasks.classify",
    "MultiLabel": "llamita.tasks.multilabel",
    "read_table": "llamita.data.read",
    "UserError": "llamita.core.errors",
}
__all__ = [
    "Classify", "MultiLabel", "Recipe", "Report", "Run", "Split", "UserError", "__version__", "ask", "execute", "lighten", "load",
    "read_table",
]  # fmt: skip

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.errors import UserError
    from llamita.core.recipe import Recipe
    from llamita.core.report import Report
    from llamita.core.task import Split
    from llamita.data.read import read_table
    from llamita.lighten import lighten
    from llamita.run import execute, load
    from llamita.tasks.asking import ask
    from llamita.tasks.classify import Classify
    from llamita.tasks.multilabel import MultiLabel


def __getattr__(name: str) -> Any:
    """Public names are imported when first used, so that `import llamita` stays instant and torch-free."""
    if name not in _PLACES:
        raise AttributeError(f"module 'llamita' has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(_PLACES[name]), name)
    return value


def __dir__() -> list[str]:
    """The public names, which a notebook completes before any is imported."""
    return sorted(__all__)
