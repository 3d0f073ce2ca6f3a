"""Every fixed word of the pages, in English and Chinese side by side (strings.toml, data_words.toml)."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from llamita.core.answers import OneLabel
from llamita.core.errors import UserError
from llamita.core.messages import LANGUAGES, translated

if TYPE_CHECKING:
    from llamita.core.report import Report

STRINGS: dict[str, list[str]] = {
    key: both
    for name in ("strings.toml", "data_words.toml")
    for key, both in tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8")).items()
}
"""The string of each language, in the order of `LANGUAGES`."""


ACCURACY = re.compile(r"(?<!\{)\baccuracy\b(?!\})|准确率", re.IGNORECASE)


def words(language: str, score: str = OneLabel.score_name) -> dict[str, str]:
    """The strings of a language, about the score that the report's models are judged by.

    Raises:
        UserError: for a language the pages don't have.
    """
    if language not in LANGUAGES:
        raise UserError(f"language must be one of {', '.join(LANGUAGES)}, got {language!r}")
    place = LANGUAGES.index(language)
    found = {key: both[place].replace(" %", "\u00a0%") for key, both in STRINGS.items()}
    if score == OneLabel.score_name:
        return found
    named = "micro-F1" if language == "en" else "微平均 F1"
    return {
        key: ACCURACY.sub(lambda m: named.replace("m", "M", 1) if m[0][0] == "A" else named, one)
        for key, one in found.items()
    }


def words_for(report: Report, language: str) -> dict[str, str]:
    """The strings of a language as they fit a report: what its score is, whose labels it rests on, what students are cut from.

    Raises:
        UserError: for a language the pages don't have.
    """
    found, by = words(language, report.score_name), report.task.get("labelled_by")
    endings = () if by is None else ("_asked",) if by["checked"] else ("_asked", "_unchecked")
    if cut_from_the_teacher(report):
        endings = (*endings, "_cut")
    for ending in endings:
        found |= {key.removesuffix(ending): text for key, text in found.items() if key.endswith(ending)}
    return found


def cut_from_the_teacher(report: Report) -> bool:
    """Whether the student that learned from the labels alone began as the teacher: it isn't one without a teacher."""
    teacher, alone = report.subject("teacher"), report.subject("student_alone")
    if teacher is None or alone is None or not teacher.lineage:
        return False
    return alone.lineage[: len(teacher.lineage)] == teacher.lineage


def in_language(report: Report, language: str) -> Report:
    """The report with what the program wrote into it said in a language: names, notes, advice, findings of the data, reasons."""
    if language == LANGUAGES[0]:
        return report

    def say(line: str) -> str:
        return translated(line, language)

    task = report.task
    if task.get("notes"):
        task = task | {"notes": [say(note) for note in task["notes"]]}
    subjects = tuple(
        replace(
            s, name=say(s.name), findings=tuple(replace(f, reason=say(f.reason)) if f.reason else f for f in s.findings)
        )
        for s in report.subjects
    )  # fmt: skip
    tried = tuple(c | {key: say(c[key]) for key in ("name", "note") if c.get(key)} for c in report.candidates)
    found = tuple(f | {key: say(f[key]) for key in ("message", "remedy") if f.get(key)} for f in report.data_findings)
    return replace(
        report, title=say(report.title), task=task, subjects=subjects, candidates=tried, data_findings=found,
        notes=tuple(map(say, report.notes)),
        goals=tuple(replace(goal, advice=say(goal.advice)) for goal in report.goals),
    )  # fmt: skip
