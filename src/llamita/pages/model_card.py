"""The model card: README.md of the light folder, with metadata and evaluation results as the Hub reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from llamita.core.report import Report, Subject
from llamita.core.whole import write_whole
from llamita.pages import format as write
from llamita.pages._headline import headline
from llamita.pages._snippets import (
    LANGUAGE,
    command_lines,
    has_any_labels,
    has_curves,
    job_of,
    onnxruntime_lines,
    transformers_lines,
)
from llamita.pages._table import columns, groups, shown_subjects
from llamita.pages._view import goals, lineage
from llamita.pages.report import render_markdown
from llamita.pages.strings import in_language, words_for

TERMS = "terms.json"
"""What a linear model's folder has, which stock code doesn't load."""
CARDS = {"en": "card.md.j2", "zh": "card.zh.md.j2"}
ENGLISH = frozenset(["the", "of", "and", "to", "a", "in", "is", "it", "that", "for", "was", "with", "as", "on", "this"])


def write_card(report: Report, folder: Path, language: str = "en") -> None:
    """Write README.md into the light model's folder, in a language of the pages; it holds no text of the user's."""
    folder = Path(folder)
    strings, report = words_for(report, language), in_language(report, language)
    light = report.delivered
    exported = next((p.parent for p in sorted(folder.glob("*/artifact.json"))), None)
    place, text = folder.name, strings["run_text"]
    stock = not (folder / TERMS).exists()
    shown = {
        "t": strings,
        "name": report.title,
        "headline": headline(report, strings),
        "labels": report.task.get("labels") or [],
        "any_labels": has_any_labels(report),
        "columns": columns(shown_subjects(report), strings),
        "groups": groups(report, strings),
        "goals": goals(report, strings),
        "lineage": lineage(replace(report, subjects=(light,)), strings) if light else [],
        "notes": report.notes,
        "command": report.command,
        "max_length": report.task.get("max_length"),
        "teacher": getattr(report.subject("teacher"), "name", ""),
        "splits": report.task.get("sizes") or {},
        "stock": stock,
        "transformers": transformers_lines(report, place, text, strings, at=folder),
        "commands": command_lines(report, place, text),
        "onnxruntime": onnxruntime_lines(report, f"{place}/{exported.name}", text, curves=has_curves(exported))
        if exported
        else "",
        "place": place,
        "measured": light.name if light else "",
        "language": language_of(report),
    }
    front = yaml.safe_dump(metadata(report, stock=stock), sort_keys=False, allow_unicode=True)
    write_whole(folder / "README.md", f"---\n{front}---\n\n{render_markdown(CARDS[language], shown)}")


HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def metadata(report: Report, *, stock: bool = True) -> dict[str, Any]:
    """The card's front matter; what isn't known is left out, and a linear model (not `stock`) is made of no other."""
    light = report.delivered
    steps = [str(step.get("step", "")) for step in light.lineage] if light else []
    base = (base_model(light) or base_model(report.subject("teacher"))) if stock else ""
    language = language_of(report)
    by = report.task.get("labelled_by")
    measured = {
        "metrics": ["accuracy", "f1"],
        "model-index": [{"name": report.title, "results": results(report, light)}],
    }
    return {
        **({"language": [language]} if language else {}),
        **({"base_model": base} if base else {}),
        "library_name": "transformers" if stock else "llamita",
        "pipeline_tag": job_of(report),
        "tags": ["llamita", job_of(report), *dict.fromkeys(_tags(steps))],
        **(measured if job_of(report) not in LANGUAGE and (by is None or by["checked"]) else {}),
    }


def _tags(steps: Iterable[str]) -> Iterable[str]:
    names = {"prune": "pruned", "distill": "distilled", "quantize": "quantized"}
    return (names[kind] for step in steps if (kind := step.partition(".")[0]) in names)


def base_model(subject: Subject | None) -> str:
    """The Hub id of what the model's lineage was loaded from; nothing for a folder or file, whose name says nothing there."""
    first = subject.lineage[0] if subject and subject.lineage else {}
    name = str((first.get("settings") or {}).get("model") or "") if first.get("step") == "load" else ""
    return name if HUB_ID.fullmatch(name) else ""


def results(report: Report, subject: Subject | None) -> list[dict[str, Any]]:
    """Evaluation results in the Hub's model-index form."""
    kinds = (
        ("quality.accuracy", "accuracy", "Accuracy"), ("quality.micro_f1", "f1", "Micro-F1"),
        ("quality.macro_f1", "f1", "Macro-F1"),
    )  # fmt: skip
    found = [(subject.finding(name), kind, title) for name, kind, title in kinds] if subject else []
    metrics = [
        {"type": kind, "value": round(f.value, 6), "name": _metric_name(title, f.interval, f.n)}
        for f, kind, title in found
        if f is not None and f.value is not None
    ]
    source = Path(str((report.task.get("sources") or {}).get("test") or "test")).name
    dataset = {
        "name": source,
        "type": re.sub(r"[^\w.-]+", "-", Path(source).stem).strip("-") or "test",
        "split": "test",
    }
    task = {"type": "text-classification", "name": "Text Classification"}
    return [{"task": task, "dataset": dataset, "metrics": metrics}]


def _metric_name(title: str, interval: tuple[float, float] | None, n: int) -> str:
    bounds = f", 95 % interval {interval[0]:.4f} to {interval[1]:.4f}" if interval else ""
    return f"{title} (n = {n}{bounds})"


def language_of(report: Report) -> str:
    """The language of the measured texts where it is plain ("zh" or "en"), else nothing; a task's own word counts first."""
    if report.task.get("language"):
        return str(report.task["language"])
    rows = [row for s in report.subjects if (f := s.score) for row in f.rows[:500]]
    text = " ".join(str(row.get("text", "")) for row in rows)
    if sum(map(write.is_chinese, text)) > 0.2 * max(1, len(text)):
        return "zh"
    said = re.findall(r"[^\W\d_]+", text.lower())
    return "en" if said and sum(word in ENGLISH for word in said) > 0.08 * len(said) else ""
