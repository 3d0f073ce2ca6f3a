"""Report: findings before and after, lineage, cost and versions; `report.json` follows `report.schema.json`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from llamita.core.answers import KINDS, OneLabel
from llamita.core.errors import UserError, require
from llamita.core.measure import Finding
from llamita.core.whole import write_whole

SCHEMA_FILE = Path(__file__).with_name("report.schema.json")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One measured model or artifact."""

    name: str
    """Such as "SmolLM2-135M-Instruct, fine-tuned"."""
    role: str
    """teacher · teacher_plain (before it was calibrated) · teacher_int8 · student_alone · light · linear · candidate · model"""
    path: str = ""
    """Folder it stands in."""
    lineage: tuple[dict[str, Any], ...] = ()
    """One dict per step: step, settings, parameters, size_bytes, seconds."""
    findings: tuple[Finding, ...] = ()

    def __repr__(self) -> str:
        """Its name, its role and what was measured of it, in a line."""
        return (
            f"<Subject {self.name!r} ({self.role}): {', '.join(f.name for f in self.findings) or 'nothing measured'}>"
        )

    def finding(self, name: str) -> Finding | None:
        """The finding of this name, if it was measured."""
        return next((f for f in self.findings if f.name == name), None)

    @property
    def score(self) -> Finding | None:
        """What it is judged by: accuracy, or micro-F1 where a text has any labels."""
        return next((f for kind in KINDS if (f := self.finding(kind.score_name))), None)


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What the user asked of the deployable folder, and whether it was met."""

    name: str
    """keep · max_size · max_latency"""
    limit: float
    """In the goal's unit: a share of the teacher's score, bytes or ms."""
    unit: str
    value: float | None
    """What was reached; None where it could not be measured."""
    met: bool
    advice: str = ""
    """What to relax when it was missed."""
    interval: tuple[float, float] | None = None
    """95 % interval of what was reached."""
    n: int = 0
    """How many texts or calls it rests on."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything the pages show; plain data."""

    title: str
    task: dict[str, Any]
    """What `Task.describe()` returns."""
    subjects: tuple[Subject, ...]
    goals: tuple[Goal, ...] = ()
    candidates: tuple[dict[str, Any], ...] = ()
    """name, student, layers, ffn, kv_heads, vocabulary, bits, parameters, size_bytes, latency_ms, score, interval, n, on_front,
    chosen, note."""
    machine: dict[str, Any] = field(default_factory=dict)
    """Processor, its features, memory and threads."""
    versions: dict[str, str] = field(default_factory=dict)
    command: str = ""
    """The command line that made it."""
    seed: int = 0
    notes: tuple[str, ...] = ()
    """Plain sentences a reader must know: leakage found, a baseline that dominates, a goal that had to give."""
    data_findings: tuple[dict[str, Any], ...] = ()
    """What `data check` said of the files."""

    def subject(self, role: str) -> Subject | None:
        """The first subject in this role."""
        return next((s for s in self.subjects if s.role == role), None)

    @property
    def delivered(self) -> Subject | None:
        """The light model; where none is called so, the last of the models."""
        models = [s for s in self.subjects if s.role == "model"]
        return self.subject("light") or (models[-1] if models else None)

    @property
    def score_name(self) -> str:
        """The finding that its models are judged by."""
        return str(self.task.get("score", OneLabel.score_name))

    def __repr__(self) -> str:
        """What it is about, in a line; all of it would fill the screen."""
        return f"<Report {self.title!r}: {', '.join(subject.name for subject in self.subjects) or 'nothing measured'}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: first line, goals and table."""
        return import_module("llamita.pages.report").html_summary(self)  # pages stand above: imported when shown

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Report:
        fields: dict[str, Any] = dict(data)
        for key in ("candidates", "notes", "data_findings"):
            fields[key] = tuple(data.get(key, ()))
        fields["subjects"] = tuple(_subject(given) for given in data["subjects"])
        fields["goals"] = tuple(_goal(given) for given in data.get("goals", ()))
        return cls(**fields)

    def redacted(self) -> Report:
        """The same report without any of the user's texts."""
        hidden = ("text", "pair", "words", "noisy", "given")

        def strip(value: Any) -> Any:
            if isinstance(value, dict):
                return {k: strip(v) for k, v in value.items() if k not in hidden}
            return [strip(v) for v in value] if isinstance(value, (list, tuple)) else value

        subjects = tuple(
            replace(
                s, findings=tuple(replace(f, rows=tuple(strip(f.rows)), detail=strip(f.detail)) for f in s.findings)
            )
            for s in self.subjects
        )
        return replace(self, subjects=subjects, data_findings=tuple(map(_without_quotes, strip(self.data_findings))))

    def save(self, path: str | Path) -> None:
        """Write the JSON whole or not at all."""
        write_whole(Path(path), json.dumps(self.to_dict(), ensure_ascii=False, indent=1))

    @classmethod
    def load(cls, path: str | Path) -> Report:
        """Read a report.json, or that of a run's folder.

        Raises:
            UserError: no such file, or no report in it.
        """
        require(isinstance(path, str | Path), f"a report is a report.json or a run's folder, got {path!r}")
        file = Path(path).expanduser()
        file = file / "report.json" if file.is_dir() else file
        require(file.is_file(), f"no report {file}; a run leaves a report.json in its folder")
        try:
            return cls.from_dict(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(f"{file} is no report of this version; run the recipe again") from None


def _without_quotes(found: dict[str, Any]) -> dict[str, Any]:
    """A finding of the data check whose message quotes no text."""
    message = str(found.get("message", ""))
    for text in found.get("quotes", ()):
        message = message.replace(repr(text), "'…'")
    return {key: value for key, value in (found | {"message": message}).items() if key != "quotes"}


def _subject(data: dict[str, Any]) -> Subject:
    fields: dict[str, Any] = dict(data)
    fields["lineage"] = tuple(data["lineage"])
    fields["findings"] = tuple(Finding.from_dict(found) for found in data["findings"])
    return Subject(**fields)


def _goal(data: dict[str, Any]) -> Goal:
    interval = data.get("interval")
    return Goal(**data | {"interval": tuple(interval) if interval else None})
