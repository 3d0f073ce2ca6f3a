"""The command line that takes a measure again."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from llamita.core.registry import name_of, settings_of

if TYPE_CHECKING:
    from llamita.core.measure import Measure

VERBS = {f"measure.{name}": f"measure {name}" for name in ("agreement", "calibration", "cost", "coverage", "quality")}
VERBS |= {"attack.noise": "attack", "explain.occlusion": "explain"}
"""Measures that a command line takes of a file of texts."""


def command_of(
    measure: Measure, models: Sequence[str], texts: str, columns: Mapping[str, str] | None, rest: Sequence[str]
) -> str:
    """The line that takes this measure again; nothing for one that has no verb.

    Args:
        models: The one that is measured, and the one it is held against, where there is one.
        texts: The file of the texts.
        columns: How the user named its columns.
        rest: Flags that end it.
    """
    verb = VERBS.get(name_of(measure))
    if verb is None:
        return ""
    words = [
        *data_words(verb, models[0], texts, columns),
        *(["--against", models[1]] if models[1:] and measure.compares else []),
    ]
    default = settings_of(type(measure)())
    for name, given in settings_of(measure).items():
        flag = name.replace("_", "-")
        if given != default[name]:
            words += [f"--{'' if given else 'no-'}{flag}"] if isinstance(given, bool) else [f"--{flag}", str(given)]
    return shlex.join([*words, *rest])


def quoted(name: object) -> str:
    """A name as one word of a command that is shown; where it needs quotes they are double, which every system's shell takes,
    unless a shell would find something to carry out between them."""
    if os.name == "posix" and re.search(r'[$`"\\!]', str(name)):
        return shlex.quote(str(name))
    return f'"{name}"' if re.search(r"[\s&;()|<>'*?#]", str(name)) else str(name)


def data_words(verb: str, model: str, texts: str, columns: Mapping[str, str] | None) -> list[str]:
    """The words of a verb about a model and a file whose columns have these names."""
    words = ["llamita", *verb.split(), model, "--data", texts]
    named = dict(columns or {})
    flags = {"--label-separator": named.pop("separator", ""), "--label-names": named.pop("names", "")}
    if named:
        words += ["--columns", ",".join(f"{ours}={theirs}" for ours, theirs in named.items())]
    return [*words, *(word for flag, value in flags.items() if value for word in (flag, value))]
