"""The side-by-side table: one column a model, one row a measure, each number with its interval and n."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from llamita.core.measure import Finding
from llamita.core.report import Report, Subject
from llamita.pages import format as write

Words = Mapping[str, str]
COLUMN_ORDER = ("teacher", "teacher_plain", "teacher_int8", "student_alone", "linear", "light", "model")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number as it is printed."""

    text: str
    interval: str = ""
    n: str = ""
    note: str = ""
    """Small print: why there is no number, or what it is made of."""
    value: float | None = None
    best: bool = False


@dataclass(frozen=True, kw_only=True)
class Column:
    """A model of the table."""

    role: str
    heading: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """A measure of all models."""

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """How a finding becomes a row."""

    label: str
    finding: str
    write: Callable[[float], str]
    better: str
    unit: str = ""


GROUPS: tuple[tuple[str, tuple[Measured, ...]], ...] = (
    (
        "group_quality",
        (
            Measured(label="row_accuracy", finding="quality.accuracy", write=write.percent, better="higher", unit="%"),
            Measured(label="row_micro_f1", finding="quality.micro_f1", write=write.percent, better="higher", unit="%"),
            Measured(
                label="row_exact_match", finding="quality.exact_match", write=write.percent, better="higher", unit="%"
            ),
            Measured(
                label="row_bits",
                finding="quality.bits_per_byte",
                write=lambda v: write.significant(v, 4),
                better="lower",
            ),
            Measured(label="row_perplexity", finding="quality.perplexity", write=write.significant, better="lower"),
            Measured(label="row_masked", finding="quality.masked_perplexity", write=write.significant, better="lower"),
            Measured(
                label="row_denoising", finding="quality.denoising_perplexity", write=write.significant, better="lower"
            ),
            Measured(label="row_macro_f1", finding="quality.macro_f1", write=write.percent, better="higher", unit="%"),
            Measured(label="row_loss", finding="quality.loss_to_reference", write=write.points, better="lower"),
            Measured(
                label="row_bits_lost", finding="quality.bits_lost_to_reference", write=write.significant, better="lower"
            ),
            Measured(
                label="row_agreement", finding="agreement.same_label", write=write.percent, better="none", unit="%"
            ),
        ),
    ),
    (
        "group_cost",
        (
            Measured(label="row_size", finding="cost.size_bytes", write=write.size, better="lower"),
            Measured(label="row_parameters", finding="cost.parameters", write=write.count, better="lower"),
            Measured(label="row_flops", finding="cost.flops", write=write.count, better="lower"),
            Measured(label="row_p50", finding="cost.latency_p50_ms", write=write.milliseconds, better="lower"),
            Measured(label="row_p95", finding="cost.latency_p95_ms", write=write.milliseconds, better="lower"),
            Measured(label="row_throughput", finding="cost.throughput", write=write.significant, better="higher"),
            Measured(label="row_memory", finding="cost.peak_memory_bytes", write=write.size, better="lower"),
        ),
    ),
    (
        "group_trust",
        (
            Measured(
                label="row_ece", finding="calibration.ece", write=lambda v: write.significant(v, 2), better="lower"
            ),
            Measured(label="row_brier", finding="calibration.brier", write=write.significant, better="lower"),
            Measured(label="row_nll", finding="calibration.nll", write=write.significant, better="lower"),
        ),
    ),
)
ROWS = {row.finding: row for _, rows in GROUPS for row in rows}
AGAINST_TEACHER = ("quality.loss_to_reference", "quality.bits_lost_to_reference", "agreement.same_label")
RATIOS = (
    ("row_fewer_bytes", "cost.size_ratio", "cost.size_bytes", False),
    ("row_lower_latency", "cost.latency_ratio", "cost.latency_p50_ms", False),
    ("row_more_texts", "cost.throughput_ratio", "cost.throughput", True),
)
"""Label, measured ratio, what it can be computed from, whether more is better; above 1 = lighter than the reference."""


def shown_subjects(report: Report) -> list[Subject]:
    """The models of the table, teacher first; candidates have their own."""
    shown = [s for s in report.subjects if s.role in COLUMN_ORDER]
    return sorted(shown, key=lambda s: COLUMN_ORDER.index(s.role))


def columns(subjects: Sequence[Subject], words: Words) -> list[Column]:
    """Headings; several models in one role are told apart by their names."""
    roles = [s.role for s in subjects]
    return [
        Column(
            role=s.role,
            heading=s.name if roles.count(s.role) > 1 else words[f"role_{s.role}"],
            name="" if roles.count(s.role) > 1 else s.name,
        )
        for s in subjects
    ]


def groups(report: Report, words: Words) -> list[tuple[str, list[Row]]]:
    """Named groups of rows; a row that no model has is left out, and so is an empty group."""
    subjects = shown_subjects(report)
    named: list[tuple[str, Sequence[Row | None]]] = []
    for name, rows in GROUPS:
        named.append((words[name], [_row(subjects, row, words) for row in rows]))
        if name == "group_cost":
            named += [
                (words[key], _ratio_rows(subjects, report.subject(role), words)) for key, role in references(report)
            ]
    kept = [(name, [row for row in rows if row is not None]) for name, rows in named]
    return [(name, rows) for name, rows in kept if rows]


def references(report: Report) -> list[tuple[str, str]]:
    """Heading and role of what ratios stand against: the int8 teacher first, the teacher in fp32 torch second."""
    if report.subject("teacher_int8") is None:
        return [("group_teacher", "teacher")]
    return [("group_int8", "teacher_int8"), ("group_fp32", "teacher")]


def cell(finding: Finding | None, spec: Measured, words: Words) -> Cell:
    """A finding as it is printed; without one, or without a value, the reason."""
    if finding is None or finding.value is None:
        return Cell(text=write.DASH, note=(finding.reason if finding else "") or words["not_measured"])
    value, interval, note = finding.value, finding.interval, ""
    floor = finding.detail.get("floor") if finding.name == "calibration.ece" else None
    if floor is not None:
        by_chance = " ".join(
            filter(None, (spec.write(floor), write.bracket(finding.detail.get("floor_interval"), spec.write)))
        )
        note = words["ece_note"].format(ece=spec.write(value), floor=by_chance)
        value, interval = max(0.0, value - floor), tuple(bound - floor for bound in interval) if interval else None
    unit = f"{write.NO_BREAK}{spec.unit}" if spec.unit else ""
    n = write.whole(finding.n) if finding.n > 1 or (finding.n and finding.interval) else ""
    return Cell(
        text=spec.write(value) + unit, interval=write.bracket(interval, spec.write), n=n, note=note, value=value
    )


def _row(subjects: Sequence[Subject], spec: Measured, words: Words) -> Row | None:
    found = [s.finding(spec.finding) for s in subjects]
    if not any(found):
        return None
    cells = [
        Cell(text=write.DASH, note=words["is_reference"])
        if spec.finding in AGAINST_TEACHER and s.role == "teacher" and f is None
        else cell(f, spec, words)
        for s, f in zip(subjects, found, strict=True)
    ]
    return Row(label=words[spec.label], cells=tuple(mark_best(cells, spec.better)))


def mark_best(cells: Sequence[Cell], better: str) -> list[Cell]:
    """The best values marked, unless all are alike or the measure has no better."""
    values = [c.value for c in cells if c.value is not None]
    if better == "none" or len(set(values)) < 2:
        return list(cells)
    best = max(values) if better == "higher" else min(values)
    return [replace(c, best=c.value == best) for c in cells]


def ratio(subject: Subject, reference: Subject, measured: str, source: str, more_is_better: bool) -> Finding | None:
    """How many times lighter or faster than the reference: the measured finding, else the quotient of the values.

    A measured ratio says what it was taken against: `..._to_torch` the teacher, `reference_role` or `reference` whom it
    names, and where it names nobody the reference whose costs it agrees with.
    """
    ours, theirs = subject.finding(source), reference.finding(source)
    quotient = None
    if ours is not None and theirs is not None and ours.value and theirs.value:
        quotient = ours.value / theirs.value if more_is_better else theirs.value / ours.value
    found = [f for f in subject.findings if f.value is not None and _is_against(f, reference, measured, quotient)]
    if found:
        return next((f for f in found if f.name != measured), found[0])
    return None if quotient is None else Finding(name=measured, value=quotient, better="higher")


def _is_against(finding: Finding, reference: Subject, measured: str, quotient: float | None) -> bool:
    if finding.name == f"{measured}_to_torch":
        return reference.role == "teacher"
    if finding.name != measured or finding.value is None:
        return False
    known = finding.detail.get("reference_role") or finding.detail.get("reference")
    if known in ("teacher", "teacher_int8"):
        return known == reference.role
    if known:
        return known in (reference.name, Path(reference.path).name)
    return quotient is not None and 0.67 < finding.value / quotient < 1.5


def _ratio_rows(subjects: Sequence[Subject], reference: Subject | None, words: Words) -> list[Row]:
    if reference is None:
        return []
    rows = []
    for label, measured, source, more in RATIOS:
        found = [None if s is reference else ratio(s, reference, measured, source, more) for s in subjects]
        if not any(found):
            continue
        if source != "cost.size_bytes" and any(f is not None and f.detail for f in found):
            found = [f if f is None or f.detail else None for f in found]  # timed together, or not beside what was
        spec = Measured(label=label, finding=measured, write=write.ratio, better="higher")
        cells = [
            Cell(text=write.ratio(1.0), value=1.0) if s is reference else cell(f, spec, words)
            for s, f in zip(subjects, found, strict=True)
        ]
        rows.append(Row(label=words[label], cells=tuple(mark_best(cells, "higher"))))
    return rows
