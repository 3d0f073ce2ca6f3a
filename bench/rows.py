"""What the bench scripts share: rows that are made once and kept, a table of all that were ever made, and how answers are judged.

A row is kept in the cache folder (LLAMITA_BENCH, else ~/.cache/llamita-bench) as soon as it is whole, and in bench/results/ beside
those of other days and machines; a row that is made again takes the place of the old one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"
"""Data that not every machine has; rows that need them are skipped there."""
CACHE = Path(os.environ.get("LLAMITA_BENCH", Path.home() / ".cache" / "llamita-bench"))


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of one script."""

    name: str
    """Of the file in bench/results/, without its ending."""
    command: str
    """What makes a row, its settings in capitals."""
    first: str
    """The settings of a row to begin with."""

    @property
    def folder(self) -> Path:
        return CACHE / self.name.replace("_", "-")

    @property
    def results(self) -> Path:
        return ROOT / "bench" / "results" / f"{self.name}.json"

    def make(self, key: str, work: Callable[[], dict[str, Any]], needs: Path | None = None) -> None:
        """Make a row unless it is in the cache, or its data are missing, which is said."""
        file = self.folder / f"{key}.json"
        if needs is not None and not needs.exists():
            print(f"skipped: {key} needs {needs}")
        elif not file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            part = file.with_suffix(".part")
            part.write_text(json.dumps(work(), ensure_ascii=False, indent=1), encoding="utf-8")
            part.replace(file)

    def all(self) -> list[dict[str, Any]]:
        """Every row, the kept ones and the published ones, in the order of their keys."""
        published = json.loads(self.results.read_text(encoding="utf-8"))["rows"] if self.results.exists() else []
        rows = {row["key"]: row for row in published}
        for file in sorted(self.folder.glob("*.json")):
            rows[file.stem] = {"key": file.stem, **json.loads(file.read_text(encoding="utf-8"))}
        return [rows[key] for key in sorted(rows)]

    def publish(self, show: Callable[[list[dict[str, Any]]], None]) -> None:
        """Print the table and write the results.

        Raises:
            SystemExit: there is no row yet.
        """
        rows = self.all()
        if not rows:
            raise SystemExit(f"no row has been run yet: {self.command.split(' --')[0]} {self.first}")
        show(rows)
        told = {"command": self.command, "rows": rows}
        self.results.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def judged(scores: np.ndarray, gold: np.ndarray) -> dict[str, Any]:
    """Accuracy, likelihood and calibration, with intervals."""
    from llamita.core.statistics import share_interval
    from llamita.measure.calibration import calibration_findings

    right = scores.argmax(axis=1) == gold
    ece, _, nll = calibration_findings(scores, gold)
    return {
        "accuracy": float(right.mean()), "interval": share_interval(right), "nll": nll.value, "nll_interval": nll.interval,
        "ece": ece.value, "floor": ece.detail["floor"], "ece_above_floor": ece.value - ece.detail["floor"],  # type: ignore[operator]
    }  # fmt: skip
