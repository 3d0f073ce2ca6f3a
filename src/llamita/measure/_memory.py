"""Peak memory of a fresh process that opens a model's folder and scores texts; run with `python -m`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llamita.core.engine import Engine
from llamita.core.exporter import ARTIFACT_FILE, Artifact
from llamita.core.task import Text

TIMEOUT_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class Peak:
    """Resident memory of the child process at its peak."""

    total_bytes: int
    before_bytes: int
    """Peak before the model's folder was opened: Python and this package alone."""


def measure_peak(folder: Path, texts: Sequence[Text], threads: int, batch: int) -> Peak | str:
    """The peak of a child process that scores the texts, or why there is none."""
    asked = {"folder": str(folder), "texts": list(texts), "threads": threads, "batch": batch}
    command = [sys.executable, "-P", "-m", "llamita.measure._memory"]  # the folder we stand in may hold anything
    path = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
    try:
        child = subprocess.run(
            command, input=json.dumps(asked).encode(), capture_output=True, timeout=TIMEOUT_SECONDS, check=False,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the child process did not finish: {type(error).__name__}"
    if child.returncode:
        said = child.stderr.decode(errors="replace").strip().splitlines()
        return f"the child process failed: {said[-1] if said else child.returncode}"
    told = json.loads(child.stdout.decode().splitlines()[-1])
    return told["reason"] if "reason" in told else Peak(**told)


def peak_bytes() -> int | None:
    """Peak resident memory of this process so far; None where the system doesn't tell."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        pass
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        import psutil

        return getattr(psutil.Process().memory_info(), "peak_wset", None)
    except ImportError:
        return None


def _open(folder: Path, threads: int) -> Engine:
    if (folder / ARTIFACT_FILE).exists():
        exporter = json.loads((folder / ARTIFACT_FILE).read_text(encoding="utf-8"))["exporter"]
        return Artifact(folder=folder, exporter=exporter).open(threads=threads)
    import torch

    from llamita.core.model import Model

    torch.set_num_threads(threads)
    return Model.load(folder)


def _answer(asked: dict) -> dict[str, int | str]:
    before = peak_bytes()
    if before is None:
        return {"reason": "this system does not tell a process's peak memory; on Windows, install psutil"}
    engine = _open(Path(asked["folder"]), asked["threads"])
    texts = [text if isinstance(text, str) else tuple(text) for text in asked["texts"]]
    for start in range(0, len(texts), asked["batch"]):
        engine.scores(texts[start : start + asked["batch"]])
    return {"total_bytes": peak_bytes() or 0, "before_bytes": before}


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(_answer(json.load(sys.stdin))) + "\n")
