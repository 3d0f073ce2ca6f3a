"""Findings of the measures that a verb takes, each with the command that repeats it."""

from __future__ import annotations

import argparse
import logging
import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llamita._cli import values
from llamita._cli.asking import switches
from llamita._cli.models import scratch_run, warn_of_unknown
from llamita.core.command import command_of, data_words
from llamita.measure.quality import one_answer

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from llamita.core.engine import Engine
    from llamita.core.measure import Finding
    from llamita.core.task import Task


def measured(
    args: argparse.Namespace,
    engines: Sequence[Engine],
    models: Sequence[str],
    task: Task,
    measures: Sequence[Any],
) -> list[Finding]:
    """What the measures find of the first engine, held against the second where there is one.

    Args:
        models: What the command line calls the engines.
    """
    found: list[Finding] = []
    if task.labels:
        warn_of_unknown(engines[0], task.test.texts)
    with scratch_run(args, task) as run:
        for method in measures:
            command = command_of(method, models, args.data, args.columns, rest(args)) if args.data != "-" else ""
            found += [replace(one, command=command) for one in method.measure(engines[0], task, run, *engines[1:])]
    if remark := one_answer(models[0], found):
        log.warning("warning: %s", remark)
    return found


def sizes(args: argparse.Namespace, engine: Engine, model: str) -> list[Finding]:
    """What needs no timing."""
    from llamita.core.measure import Finding
    from llamita.tasks.endpoint import is_endpoint

    words = [*data_words("evaluate", model, args.data, args.columns), *rest(args)]
    command = shlex.join(words) if args.data != "-" else ""
    if is_endpoint(model):
        names, reason = ("size_bytes", "parameters"), "the weights are the server's"
        return [Finding(name=f"cost.{name}", value=None, better="lower", reason=reason) for name in names]
    return [
        Finding(name="cost.size_bytes", value=engine.size_bytes, unit="bytes", better="lower", command=command),
        Finding(name="cost.parameters", value=engine.num_parameters, better="lower", command=command),
    ]


def rest(args: argparse.Namespace) -> list[str]:
    """The flags that a number depends on besides model, texts and settings."""
    words = [] if args.task == "classify" else ["--task", args.task]
    if labels := getattr(args, "labels", None):
        words += ["--labels", values.as_names(labels)]
    for name in ("prompt", "few_shot", "shots", "calibrate", "precision", "threads", "seed"):
        if (given := getattr(args, name, None)) is not None:
            words += [f"--{name.replace('_', '-')}", str(given)]
    return words + [f"--{flag}" for flag in switches(args)]
