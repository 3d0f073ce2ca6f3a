"""From a report to what the templates print: one function a section, None where there is nothing to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llamita.core.measure import Finding
from llamita.core.report import Report
from llamita.pages import format as write
from llamita.pages._examples import examples
from llamita.pages._headline import headline, pieces
from llamita.pages._pictures import FEATURED, cascade, featured, noise, reliability, scatter, title_of, training
from llamita.pages._snippets import snippets
from llamita.pages._table import RATIOS, ROWS, columns, groups, ratio, shown_subjects
from llamita.pages._table import cell as printed

Words = Mapping[str, str]
LARGEST_MATRIX, SHOWN_CONFUSIONS = 10, 20


def view(report: Report, words: Words, folder: Path | None, *, redacted: bool) -> dict[str, Any]:
    """Everything the templates name."""
    return summary(report, words) | {
        "redacted": redacted,
        "notes": report.notes,
        "tiles": tiles(report, words),
        "scatter": scatter(report, words),
        "training": training(report, words),
        "samples": samples(report, words),
        "cascade": cascade(report, words),
        "reliability": reliability(report, words),
        "confusion": confusion(report, words),
        "labels": per_label(report, words),
        "examples": examples(report, words),
        "noise": noise(report, words),
        "lineage": lineage(report, words),
        "data": data(report, words),
        "snippets": snippets(report, words, folder),
        "commands": commands(report),
        "machine": {words.get(f"machine_{key}", key): value for key, value in report.machine.items()},
        "versions": report.versions,
        "command": report.command,
        "seed": report.seed,
    }


def summary(report: Report, words: Words) -> dict[str, Any]:
    """What a notebook shows: first line, goals, table."""
    subjects = shown_subjects(report)
    return {
        "title": report.title,
        "headline": pieces(headline(report, words)),
        "goals": goals(report, words),
        "columns": columns(subjects, words),
        "groups": groups(report, words),
        "about": about(report, words),
    }


def about(report: Report, words: Words) -> str:
    """The task in a few words."""
    sizes = report.task.get("sizes") or {}
    said = [str(report.task.get("task", ""))]
    said += [
        f"{words[f'split_{name}']} {write.whole(n)}" for name, n in sizes.items() if n and f"split_{name}" in words
    ]
    return " · ".join(part for part in said if part)


TILES = (
    ("tile_accuracy", "score", "", None),
    ("tile_bits", "quality.bits_per_byte", "", None),
    ("tile_size", "cost.size_bytes", "tile_fewer", RATIOS[0]),
    ("tile_latency", "cost.latency_p50_ms", "tile_faster", RATIOS[1]),
    ("tile_throughput", "cost.throughput", "tile_more", RATIOS[2]),
)
"""Heading, finding, sentence and rule of the gain over the teacher's best int8."""


def tiles(report: Report, words: Words) -> list[dict[str, str]]:
    """Up to four numbers of the light model, each beside what it replaces."""
    light, teacher, int8 = report.subject("light"), report.subject("teacher"), report.subject("teacher_int8")
    if light is None or sum(s.role == "light" for s in report.subjects) > 1:
        return []
    made = []
    for label, named, sentence, rule in TILES:
        name = report.score_name if named == "score" else named
        found, kind = light.finding(name), ROWS[name]
        if found is None:
            continue
        shown = printed(found, kind, words)
        beside = int8 or teacher
        times = ratio(light, beside, *rule[1:]) if rule and beside else None
        theirs = teacher.finding(name) if teacher else None
        gain = _gain(times, sentence, "" if int8 else "_teacher", words) if times and times.value else ""
        told = {
            "value": shown.text,
            "interval": shown.interval,
            "n": shown.n,
            "note": "" if found.value else shown.note,
        }
        value = printed(theirs, kind, words).text if theirs and theirs.value else ""
        theirs_said = words["tile_teacher"].format(value=value) if value else ""
        made.append(told | {"label": words[label], "gain": gain, "teacher": theirs_said})
    return made


TURNED = {"tile_fewer": "tile_larger", "tile_faster": "tile_slower"}
"""What is said instead where the ratio is below 1."""


def _gain(times: Finding, sentence: str, ending: str, words: Words) -> str:
    """How many times lighter or faster, with its interval; heavier or slower where it is so."""
    value, interval = times.value or 1.0, times.interval
    if value < 1 and sentence in TURNED:
        sentence, value = TURNED[sentence], 1 / value
        interval = (1 / interval[1], 1 / interval[0]) if interval and interval[0] > 0 else None
    said = " ".join(filter(None, (write.ratio(value), write.bracket(interval, write.significant))))
    return words[sentence + ending].format(ratio=said)


GOAL_WRITERS = {"share": write.percent_sign, "bytes": write.size, "ms": write.milliseconds}
"""How a goal's limit and what was reached are written, by its unit."""
GOAL_BOUNDS = {"share": write.percent, "bytes": write.size, "ms": write.significant}


def goals(report: Report, words: Words) -> list[dict[str, Any]]:
    """Each goal with what was asked, what came out, and what to relax."""
    made = []
    for goal in report.goals:
        asked = "goal_at_least" if goal.name == "keep" else "goal_at_most"
        limit, value = write.side_by_side(goal.limit, goal.value, GOAL_WRITERS[goal.unit], met=goal.met)
        made.append(
            {
                "name": words.get(f"goal_{goal.name}", goal.name),
                "asked": words[asked].format(limit=limit),
                "value": value,
                "interval": write.bracket(goal.interval, GOAL_BOUNDS[goal.unit]),
                "n": write.whole(goal.n) if goal.n > 1 else "",
                "met": goal.met,
                "advice": goal.advice,
            }
        )
    return made


def confusion(report: Report, words: Words) -> list[dict[str, Any]]:
    """For each featured model the matrix, or the most frequent confusions of many labels, and the per-label table."""
    made = []
    for subject, finding in featured(report, report.score_name):
        table, labels = finding.detail.get("confusion"), finding.detail.get("labels") or report.task.get("labels") or []
        if not table or len(labels) != len(table):
            continue
        small = len(labels) <= LARGEST_MATRIX
        made.append(
            {
                "title": title_of(subject, report, words),
                "role": subject.role,
                "labels": labels,
                "named": len(labels) <= 4 and max(map(len, labels)) <= 9,
                "matrix": _matrix(table) if small else [],
                "pairs": [] if small else _pairs(table, labels),
                "per_class": _per_class(finding.detail.get("per_class") or {}),
            }
        )
    return made


def per_label(report: Report, words: Words) -> list[dict[str, Any]]:
    """For each featured model the table of its labels, where a text may have any and none is taken for another."""
    return [
        {"title": title_of(subject, report, words), "rows": _per_class(finding.detail["per_class"])}
        for subject, finding in featured(report, report.score_name)
        if finding.detail.get("per_class") and not finding.detail.get("confusion")
    ]


def _matrix(table: Sequence[Sequence[int]]) -> list[list[dict[str, Any]]]:
    totals = [sum(row) or 1 for row in table]
    return [
        [{"n": n, "depth": round(n / totals[i], 3), "right": i == j} for j, n in enumerate(row)]
        for i, row in enumerate(table)
    ]


def _pairs(table: Sequence[Sequence[int]], labels: Sequence[str]) -> list[tuple[str, str, int]]:
    wrong = [(labels[i], labels[j], n) for i, row in enumerate(table) for j, n in enumerate(row) if n and i != j]
    return sorted(wrong, key=lambda pair: -pair[2])[:SHOWN_CONFUSIONS]


def _per_class(table: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    def share(value: float | None) -> str:
        return write.DASH if value is None else f"{write.percent(value)}{write.NO_BREAK}%"

    return [
        {
            "label": label,
            **{key: share(row.get(key)) for key in ("precision", "recall", "f1")},
            "interval": write.bracket(row.get("f1_interval"), write.percent),
            "n": write.whole(row.get("n") or 0),
        }
        for label, row in table.items()
    ]


def samples(report: Report, words: Words) -> list[dict[str, Any]]:
    """What each language model wrote, the last one first: by itself, or where tokens of a text were hidden."""
    made = []
    for subject in reversed(report.subjects):
        for kind in ("distinct", "filled"):
            found = subject.finding(f"samples.{kind}")
            if found is None or found.value is None:
                continue
            said = {"value": write.percent(found.value), "grams": found.detail.get("grams"), "n": write.whole(found.n)}
            made.append(
                {
                    "title": title_of(subject, report, words), "intro": words[f"samples_{kind}_text"],
                    "texts": [(row.get("given", ""), row["text"]) for row in found.rows if row.get("text")],
                    "sentence": words[f"samples_{kind}"].format(**said),
                }
            )  # fmt: skip
    return made


def lineage(report: Report, words: Words) -> list[dict[str, Any]]:
    """The steps that made the delivered model, then those of the others that were made here."""
    made, delivered = [], report.delivered
    shown = sorted(
        (s for s in shown_subjects(report) if s.lineage and s.role in FEATURED),
        key=lambda s: (s is not delivered, s.role != "light"),
    )
    for subject in shown:
        largest = max((step.get("parameters") or 0 for step in subject.lineage), default=0)
        steps = [
            {
                "step": step.get("step", ""),
                "settings": write.settings(step.get("settings") or {}),
                "parameters": write.count(step["parameters"]) if step.get("parameters") else write.DASH,
                "size": write.size(step["size_bytes"]) if step.get("size_bytes") else "",
                "seconds": write.duration(step["seconds"]) if step.get("seconds") else "",
                "share": round(100 * (step.get("parameters") or 0) / largest, 1) if largest else 0,
            }
            for step in subject.lineage
        ]
        heading = words.get(f"lineage_{subject.role}", "{name}").format(name=subject.name)
        made.append({"title": heading, "name": subject.name, "steps": steps, "timed": any(s["seconds"] for s in steps)})
    return made


def data(report: Report, words: Words) -> dict[str, Any]:
    """Sizes and sources of the splits, and what the check of the files said."""
    counts, sources = report.task.get("label_counts") or {}, report.task.get("sources") or {}
    splits = [
        {
            "name": words.get(f"split_{name}", name),
            "n": write.whole(n),
            "source": sources.get(name, ""),
            "labels": ", ".join(f"{label} {write.whole(c)}" for label, c in (counts.get(name) or {}).items()),
        }
        for name, n in (report.task.get("sizes") or {}).items()
        if n
    ]
    found = [
        {key: f.get(key, "") for key in ("message", "remedy")}
        | {
            "severity": f.get("severity", "info"),
            "severity_word": words.get(f"severity_{f.get('severity')}", ""),
            "where": _where(f, words),
        }
        for f in report.data_findings
    ]
    return {
        "splits": splits,
        "findings": found,
        "notes": [note for note in report.task.get("notes") or [] if note not in report.notes],
    }


def _where(finding: Mapping[str, Any], words: Words) -> str:
    parts = [str(finding["file"])] if finding.get("file") else []
    parts += [words["line_number"].format(line=finding["line"])] if finding.get("line") else []
    return ", ".join(parts)


def commands(report: Report) -> list[str]:
    """Each command that repeats a finding, once."""
    return list(dict.fromkeys(f.command for s in report.subjects for f in s.findings if f.command))
