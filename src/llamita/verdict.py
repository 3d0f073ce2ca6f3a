"""The verdict on labels that a teacher gave: what is known of it and of its student, and what nobody can know."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llamita.core.measure import Finding
from llamita.core.registry import build
from llamita.core.report import Report, Subject
from llamita.pages import format as write
from llamita.subjects import subject
from llamita.tasks.recorded import open_folder

if TYPE_CHECKING:
    from llamita.unlabelled import Labelled
    from llamita.workshop import Workshop


def told(report: Report, labelled: Labelled, shop: Workshop) -> Report:
    """The report with what is known of the teacher, and without what nobody could know."""
    about = labelled.told
    subjects = []
    for one in report.subjects:
        found = list(one.findings)
        if one.role == "teacher":
            found += [Finding.from_dict(f) for f in open_folder(labelled.teacher.folder).about["cost"]]
        if not about["checked"]:
            found = [f for f in found if not _needs_truth(f.name, one.role)]
        subjects.append(replace(one, findings=tuple(found)))
    if about["checked"] and labelled.plain.key != labelled.teacher.key:
        before = shop.measure(labelled.plain, [build("quality"), build("calibration")])
        name = f"{labelled.plain.name}, as it comes"
        subjects.insert(1, subject(labelled.plain, "teacher_plain", before, (), name))
    done = replace(report, subjects=tuple(subjects), task=report.task | {"labelled_by": about})
    return replace(done, notes=(*said(done), *report.notes))


def _needs_truth(name: str, role: str) -> bool:
    """Whether a finding says something of truth, where all labels are the teacher's own."""
    own = role == "teacher" and name.startswith("quality.")
    return (
        own
        or name.startswith("calibration.")
        or name in ("agreement.cascade", "agreement.same_label", "quality.macro_f1")
    )


def said(report: Report) -> tuple[str, ...]:
    """Plain sentences on who labelled, how surely, and who checked."""
    about = report.task["labelled_by"]
    shares = ", ".join(f"{label} {write.percent(share, 0)} %" for label, share in about["label_shares"].items())
    number = f"{about['texts']:,}" + (f" of {about['of']:,}" if about["of"] > about["texts"] else "")
    first = (
        f"{about['teacher']} labelled {number} texts ({about['way']}): {shares}; its mean confidence is"
        f" {write.percent(about['mean_confidence'], 0)} %. They stand in labelled.csv."
    )
    notes = [first]
    if about["undecided"]:
        notes.append(
            f"Of {about['undecided']:,} texts the teacher named no label; they count as undecided between all."
        )
    teacher, before = report.subject("teacher"), report.subject("teacher_plain")
    if about["checked"]:
        by = (
            f"{about['calibrating']} hand labels calibrated the teacher and its students, "
            if about["calibrating"]
            else ""
        )
        text = f"{by}{about['measuring']} others measured it and the light model" if by else (
            f"{about['measuring']} hand labels measured the teacher and the light model"
        )  # fmt: skip
        text += "; none of these texts was learned from."
        if teacher and before:
            text += f" Calibration: {_before_and_after(before, teacher)}."
        notes.append(text)
    else:
        notes.append(
            "Nobody checked the teacher: there are no hand labels to measure on. Scores are agreement, how often a model gives the"
            " teacher's answer, and --keep is read so; whether that answer is right isn't known. --audit FILE, or --audit ask,"
            " checks it with up to 200 hand labels."
        )
    notes.append(
        "The texts set aside for choosing carry the teacher's answers: candidates' scores are agreement with it."
    )
    return tuple(notes)


def _before_and_after(before: Subject, after: Subject) -> str:
    names = {"calibration.nll": "log loss", "calibration.ece": "ECE", "quality.accuracy": "accuracy"}
    parts = []
    for name, word in names.items():
        one, other = before.finding(name), after.finding(name)
        if one and other and one.value is not None and other.value is not None:
            values = (one.value, other.value)
            said = [f"{write.percent(v)} %" if word == "accuracy" else f"{v:.3f}" for v in values]
            parts.append(f"{word} {' → '.join(said)}")
    return ", ".join(parts)
