"""A recipe's task as plain data: its settings are known and of their kinds before anything is read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from llamita.core.errors import UserError, did_you_mean
from llamita.core.plain import plain_settings
from llamita.core.registry import module_of, resolve


def plain_task(given: Any) -> dict[str, dict[str, Any]]:
    """The task and its settings as plain data, each known to the task and of its kind.

    Raises:
        UserError: several entries or none, a task or a setting that doesn't exist, or a value of another kind.
    """
    if isinstance(given, Mapping) and not given:
        return {}
    name, settings = named(given)
    if name is None:
        raise UserError(
            f"'task' must be one entry such as {{classify: {{train: reviews.csv}}}}, got {repr(given)[:60]}"
        )
    try:
        full = resolve(name if "." in name else f"tasks.{name}", "task").name
        settings = plain_settings(settings)
        known = list(inspect.signature(module_of(full).open_task).parameters)
        for key, value in settings.items():
            if key not in known:
                hint, allowed = did_you_mean(str(key), known), ", ".join(known)
                raise UserError(f"{full} has no setting {key!r}.{hint} Its settings: {allowed}.")
            if key in FITS and not FITS[key](value):
                raise UserError(f"{key} must be {TASK_SETTINGS[key]}, got {repr(value)[:60]}")
    except UserError as error:
        raise UserError(f"task: {error}") from None
    return {name: dict(settings)}


def named(item: Any) -> tuple[str | None, Mapping[str, Any]]:
    """A name and its settings, from a name alone or {name: settings}; no name where it is neither."""
    if isinstance(item, str):
        return item, {}
    name, settings = next(iter(item.items())) if isinstance(item, Mapping) and len(item) == 1 else (None, {})
    settings = {} if settings is None else settings
    return (name, settings) if isinstance(name, str) and isinstance(settings, Mapping) else (None, {})


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text_or_list(value: Any) -> bool:
    """Text that isn't empty, or a list of such texts."""
    many = value if isinstance(value, list | tuple) else [value]
    return all(isinstance(one, str) and one for one in many)


def _is_columns(value: Any) -> bool:
    """Names by their roles; what the labels are called may be names by their labels, which may be numbers."""
    return isinstance(value, Mapping) and all(
        isinstance(role, str) and (isinstance(name, str) or (role == "names" and _is_names(name)))
        for role, name in value.items()
    )


def _is_names(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(part, str | int | float) for pair in value.items() for part in pair
    )


def _is_data(value: Any) -> bool:
    """A name or a list, or sources of documents with their weights; the task refuses what it can't read."""
    return isinstance(value, str | list | tuple | Mapping | None)


TASK_SETTINGS = {
    "train": "a file, a folder or a list of texts",
    "test": "a file, a folder or a list of texts",
    "unlabelled": "a file, a folder or a list of texts",
    "columns": "columns by their role, such as {text: review, label: stars}",
    "labels": "names, such as [good, bad] (in quotes where they are numbers, yes or no)",
    "select": "a share from 0 to 0.5, or a file, a folder or a list of texts",
    "seed": "a whole number from 0 on",
    "max_length": "a whole number from 1 on",
}
"""What the settings of a task must be."""
FITS: dict[str, Callable[[Any], bool]] = {
    "train": _is_data,
    "test": _is_data,
    "unlabelled": _is_data,
    "columns": lambda value: value is None or _is_columns(value),
    "labels": lambda value: value is None or _is_text_or_list(value),
    "select": lambda value: _is_whole(value) or isinstance(value, float) or (value is not None and _is_data(value)),
    "seed": lambda value: _is_whole(value) and value >= 0,
    "max_length": lambda value: value is None or _is_whole(value),
}
"""Whether a value is that."""
