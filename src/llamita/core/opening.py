"""Opening a model or an artifact for prediction, whatever a MODEL argument names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from llamita.core import processes
from llamita.core.checked import as_whole
from llamita.core.errors import UserError, require
from llamita.core.exporter import Artifact
from llamita.core.hardware import num_cores
from llamita.core.sources import locate

if TYPE_CHECKING:
    from llamita.core.engine import Engine
    from llamita.core.sources import Source

PRECISIONS = ("fp32", "bf16", "auto")


def open_engine(
    model: str | Path, *, threads: int | None = None, device: str | None = None, precision: str = "fp32",
    of_this_run: bool = False,
) -> Engine:  # fmt: skip
    """Open a model or an artifact for prediction; an artifact needs no torch.

    A run's folder opens as its result: the exported artifact when there is one, else the Hugging Face folder.

    Args:
        precision: what torch computes in: fp32, bf16, or auto for bf16 where the machine is fast at it. An artifact has
            its own and takes no notice.
        of_this_run: the folder is a stage of a run: what stands in it is what is meant, not an export inside, and the run's recipe
            may well name a server.

    Raises:
        UserError: it can't be opened, or a folder names a server.
    """
    require(isinstance(model, str | Path), f"a model is a folder, a file or a name, got {type(model).__name__}")
    require(precision in PRECISIONS, f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    threads = checked_threads(threads)
    source = locate(model) if of_this_run else located(model)
    if source.kind == "artifact":
        assert source.path is not None
        if not of_this_run:
            refuse_server(source.path)
        return Artifact(folder=source.path, exporter=_exporter_of(source.path)).open(threads=threads)
    from llamita.core.hardware import chosen_device, use_bf16
    from llamita.core.model import Model

    set_threads(threads)
    opened = Model.load(source, device=chosen_device(device))
    opened.precision = "bf16" if use_bf16(precision, opened.device.type) else "fp32"
    return opened


def located(model: str | Path) -> Source:
    """Where a model or an artifact stands; of a run's folder, its result.

    Raises:
        UserError: there is none of this name.
    """
    return locate(_best_inside(model))


def _best_inside(model: str | Path) -> str | Path:
    folder = Path(model).expanduser()
    for inside in ("light/onnx", "onnx", "light"):
        if (folder / inside / "artifact.json").is_file() and not (folder / "artifact.json").is_file():
            return folder / inside
    return model


def refuse_server(folder: Path) -> None:
    """An artifact that somebody hands over must not say where texts and a key are sent; only a command or a recipe may."""
    try:
        named = json.loads((folder / "artifact.json").read_text(encoding="utf-8")).get("model")
    except (ValueError, AttributeError):
        return  # damaged, as its opener will say
    if str(named).startswith(("http://", "https://")):
        raise UserError(
            f"{folder} would send your texts and key to the server {named!r}, which only a command or a recipe may name; run the"
            " recipe that made it"
        )


def _exporter_of(folder: Path) -> str:
    try:
        return str(json.loads((folder / "artifact.json").read_text(encoding="utf-8"))["exporter"])
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{folder}/artifact.json is damaged; export the model again") from None


def checked_threads(threads: int | None) -> int | None:
    """The number of threads, if it is one; None for all cores.

    Raises:
        UserError: it is no whole number from 1 on.
    """
    return None if threads is None else as_whole("threads", threads, 1)


def set_threads(threads: int | None) -> int:
    """Make torch use so many threads (by default all cores, shared by the processes here) and return the number."""
    import torch

    threads = checked_threads(threads) or max(1, num_cores() // processes.num_processes_here())
    torch.set_num_threads(threads)
    return threads
