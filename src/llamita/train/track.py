"""Losses and scores sent to a tracker by name, beside metrics.jsonl: tensorboard, trackio or mlflow.

What a training gives doesn't depend on it. The tracker writes where it always does, outside of the run's folders:
tensorboard into `runs/`, the others where their own settings say.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from llamita.core.errors import UserError, first_line, require

TRACKERS = ("tensorboard", "trackio", "mlflow")

SILENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "GRADIO_ANALYTICS_ENABLED": "False"}
"""Keeps mlflow, and gradio below trackio, from telling their makers that they are used."""

Log = Callable[[Mapping[str, float]], None]
"""Takes a line of metrics.jsonl."""


def check_tracker(name: str) -> str:
    """The name, once it is known that it can be had.

    Raises:
        UserError: no such tracker, or it isn't installed.
    """
    require(name in TRACKERS, f"track must be one of {', '.join(TRACKERS)}, got {name!r}")
    if find_spec(name) is None:
        raise UserError(f"tracking with {name} needs the track extra: pip install 'llamita[track]'")
    return name


def open_tracker(
    name: str, folder: Path, settings: Mapping[str, Any] | None = None, start: int = 0
) -> tuple[Log, Callable[[], None]]:
    """What sends a line, and what ends the training there; it is named after the folder of its stage.

    Args:
        settings: of the training, for the tracker to show.
        start: the step a killed training goes on from, in the run it had; what that run has beyond is sent once more.

    Raises:
        UserError: it isn't installed, or its own settings or server fail.
    """
    title = folder.name.strip(".").removesuffix(".part")
    for variable, value in SILENT.items():
        os.environ.setdefault(variable, value)
    opened = {"tensorboard": _tensorboard, "trackio": _trackio, "mlflow": _mlflow}
    try:
        return opened[check_tracker(name)](title, settings or {}, start)
    except UserError:
        raise
    except Exception as error:  # its server or its own settings
        line = first_line(error)
        raise UserError(f"{name} can't be opened ({line}); mend its settings, or train without --track") from None


def _values(line: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in line.items() if name != "step"}


def _tensorboard(title: str, settings: Mapping[str, Any], start: int) -> tuple[Log, Callable[[], None]]:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(Path("runs") / title), purge_step=start + 1 if start else None)
    if not start:
        writer.add_text("settings", "\n\n".join(f"{name}: {value}" for name, value in settings.items()))

    def log(line: Mapping[str, float]) -> None:
        for name, value in _values(line).items():
            writer.add_scalar(name, value, int(line["step"]))

    return log, writer.close


def _trackio(title: str, settings: Mapping[str, Any], start: int) -> tuple[Log, Callable[[], None]]:
    trackio: Any = import_module("trackio")
    resume = "allow" if start else "never"
    run = trackio.init(project="llamita", name=title, config=dict(settings), resume=resume, embed=False)
    return lambda line: run.log(_values(line), step=int(line["step"])), trackio.finish


def _mlflow(title: str, settings: Mapping[str, Any], start: int) -> tuple[Log, Callable[[], None]]:
    mlflow: Any = import_module("mlflow")
    mine = f"tags.mlflow.runName = '{title}'"
    found = mlflow.search_runs(filter_string=mine, max_results=1, output_format="list") if start else []
    if found:
        mlflow.start_run(run_id=found[0].info.run_id)
    else:
        mlflow.start_run(run_name=title)
        mlflow.log_params(dict(settings))
    return lambda line: mlflow.log_metrics(_values(line), step=int(line["step"])), mlflow.end_run
