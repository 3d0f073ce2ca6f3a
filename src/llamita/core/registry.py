"""The tree is the registry: `prune.depth` is `prune/depth.py`; listing reads it with ast, so that it imports no torch."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from llamita.core.errors import UserError, did_you_mean
from llamita.core.plain import plain_data

if TYPE_CHECKING:
    from llamita.core.engine import Engine

ROOT = Path(__file__).parent.parent
KINDS = {
    "learn": "step", "distill": "step", "prune": "step", "quantize": "step", "tasks": "task",
    "measure": "measure", "explain": "measure", "attack": "measure", "export": "exporter",
}  # fmt: skip
BASES = {"step": "Step", "task": "Task", "measure": "Measure", "exporter": "Exporter"}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One field of a method: a flag on the command line, a key in a recipe."""

    name: str
    type: str
    default: str | None
    """Source of the default; None when a value must be given."""
    help: str
    """The string under the field."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One method as the tree tells it."""

    name: str
    """Such as "prune.depth"."""
    kind: str
    """step, task, measure or exporter."""
    class_name: str
    summary: str
    """The first paragraph of its module's docstring."""
    settings: tuple[Setting, ...]


@cache
def entries() -> dict[str, Entry]:
    """Every method of the tree by name, in alphabetical order."""
    found = {}
    for folder, kind in KINDS.items():
        for path in sorted((ROOT / folder).glob("*.py")):
            if not path.stem.startswith("_") and (entry := _read(path, f"{folder}.{path.stem}", kind)):
                found[entry.name] = entry
    return found


def _read(path: Path, name: str, kind: str) -> Entry | None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(ast.unparse(b).split(".")[-1] == BASES[kind] for b in node.bases):
            summary = (ast.get_docstring(tree) or "").split("\n\n")[0].replace("\n", " ")
            return Entry(name=name, kind=kind, class_name=node.name, summary=summary, settings=_settings(node, tree))
    return None


def _settings(node: ast.ClassDef, tree: ast.Module) -> tuple[Setting, ...]:
    settings = []
    for i, item in enumerate(node.body):
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        kind = ast.unparse(item.annotation)
        if kind.startswith("ClassVar"):
            continue
        after = node.body[i + 1] if i + 1 < len(node.body) else None
        text = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
        default = ast.unparse(_known(item.value, tree)) if item.value is not None else None
        settings.append(Setting(name=item.target.id, type=kind, default=default, help=" ".join(str(text).split())))
    return tuple(settings)


def _known(value: ast.expr, tree: ast.Module) -> ast.expr:
    """A constant's value in place of its name, also where a module of ours imports it; anything else as it stands."""
    if not isinstance(value, ast.Name):
        return value
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == value.id for t in node.targets):
            return _known(node.value, tree)
        module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
        if isinstance(node, ast.ImportFrom) and module.startswith("llamita."):
            for name in node.names:
                if (name.asname or name.name) == value.id:
                    file = ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
                    there = ast.parse(file.read_text(encoding="utf-8"))
                    return _known(ast.Name(id=name.name), there)
    return value


LISTED_UNDER = {"step": "steps", "measure": "measures", "exporter": "exporters"}
"""The key of a recipe that methods of a kind stand under."""


def resolve(name: str, kind: str | None = None) -> Entry:
    """The entry of a full name (`learn.finetune`) or of a short one that only one method has (`finetune`).

    Raises:
        UserError: no method of this kind has it.
    """
    known = {key: entry for key, entry in entries().items() if kind in (None, entry.kind)}
    if name in known:
        return known[name]
    short = [entry for key, entry in known.items() if key.split(".")[-1] == name]
    if len(short) == 1:
        return short[0]
    what = kind or "method"
    other = next((one for key, one in entries().items() if name in (key, key.split(".")[-1])), None)
    if other is not None and other.kind in LISTED_UNDER:
        raise UserError(f"no {what} {name!r}; a recipe has it under {LISTED_UNDER[other.kind]!r}")
    hint = did_you_mean(name, [*known, *(key.split(".")[-1] for key in known)])
    raise UserError(f"no {what} {name!r}.{hint} See `llamita list`.")


def module_of(name: str) -> ModuleType:
    """Import the module of a registered method."""
    return importlib.import_module(f"llamita.{resolve(name).name}")


def opener_of(name: str) -> Callable[..., Engine]:
    """The function that opens an artifact's folder, by the name that its artifact.json gives.

    Raises:
        UserError: no module of this name opens folders.
    """
    if re.fullmatch(r"\w+\.\w+", name) and ROOT.joinpath(*name.split(".")).with_suffix(".py").is_file():
        opener = getattr(importlib.import_module(f"llamita.{name}"), "open_folder", None)
        if opener is not None:
            return opener
    raise UserError(
        f"the artifact was made by {name!r}, which this version can't open; update llamita, or export the model again"
    )


def class_of(name: str) -> type:
    """The class of a registered method."""
    entry = resolve(name)
    return getattr(importlib.import_module(f"llamita.{entry.name}"), entry.class_name)


def build(name: str, settings: Mapping[str, Any] | None = None, kind: str | None = None) -> Any:
    """The object of a registered method with these settings; unknown ones are refused."""
    entry = resolve(name, kind)
    cls = class_of(entry.name)
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}
    given = dict(settings or {})
    for key in given:
        if key not in fields:
            allowed = ", ".join(fields) or "none"
            raise UserError(
                f"{entry.name} has no setting {key!r}.{did_you_mean(str(key), fields)} Its settings: {allowed}."
            )
    missing = [s.name for s in entry.settings if s.default is None and s.name not in given]
    if missing:
        raise UserError(f"{entry.name} needs {', '.join(missing)}.")
    return cls(**given)


def name_of(obj: object) -> str:
    """The registered name of a method's object or class, such as "prune.depth"."""
    module = (obj if isinstance(obj, type) else type(obj)).__module__
    return module.removeprefix("llamita.")


def settings_of(obj: Any) -> dict[str, Any]:
    """A method's settings as plain data."""
    return {f.name: plain_data(getattr(obj, f.name)) for f in dataclasses.fields(obj) if f.init}
