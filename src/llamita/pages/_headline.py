"""The first line: what the teacher bought and what the compression cost, plainly."""

from __future__ import annotations

import re
from collections.abc import Mapping

from llamita.core.measure import Finding
from llamita.core.report import Report, Subject
from llamita.pages import format as write

Words = Mapping[str, str]


def headline(report: Report, words: Words) -> str:
    """The sentence a reader must see first."""
    light = report.subject("light")
    if light is not None and report.task.get("labelled_by"):
        return _asked(report, light, words)
    several = sum(subject.role == "light" for subject in report.subjects) > 1 and not report.subject("student_alone")
    foreseen = report.task.get("task") in ("language", "chat")
    if light is None or report.subject("teacher") is None or several or foreseen:
        return _comparison(report, words)
    bought, cost = teacher_bought(report, light, words), compression_cost(report, light, words)
    sizes = list(dict.fromkeys(f.n for f in (bought, cost) if f.value is not None and f.n))
    end = {0: "sentence_end", 1: "sentence_n"}.get(len(sizes), "sentence_n_two")
    numbers = dict(zip(("n", "m"), (write.whole(n) for n in sizes), strict=False))
    return _bought(bought, words) + words["sentence_join"] + _cost(cost, words) + words[end].format(**numbers)


def _asked(report: Report, light: Subject, words: Words) -> str:
    """How good teacher and light model are by hand labels; without any, how far they agree."""
    teacher, ours = report.subject("teacher"), light.finding("quality.accuracy")
    if ours is None or ours.value is None:
        return words["cost_unknown"].format(reason=words["not_measured"])
    said = {
        "teacher": report.task["labelled_by"]["teacher"], "ours": write.percent(ours.value),
        "our_interval": write.bracket(ours.interval, write.percent), "n": write.whole(ours.n),
    }  # fmt: skip
    theirs, cost = teacher.finding("quality.accuracy") if teacher else None, compression_cost(report, light, words)
    if theirs is None or theirs.value is None:
        return words["asked_nobody"].format(**said)
    away = (-cost.interval[1], -cost.interval[0]) if cost.interval else None
    return words["asked_checked"].format(
        **said,
        theirs=write.percent(theirs.value),
        their_interval=write.bracket(theirs.interval, write.percent),
        points=write.points(-(cost.value or 0.0)),
        interval=write.bracket(away, write.points),
    )


def teacher_bought(report: Report, light: Subject, words: Words) -> Finding:
    """Light minus the student trained alone, in accuracy; above zero the teacher helped."""
    found = light.finding("headline.teacher_bought")
    return found or _difference(
        "headline.teacher_bought", light, report.subject("student_alone"), words["no_student"], words
    )


def compression_cost(report: Report, light: Subject, words: Words) -> Finding:
    """Teacher minus light, in accuracy; above zero something was lost."""
    found = light.finding("headline.compression_cost") or light.finding("quality.loss_to_reference")
    if found is not None and found.value is not None:
        return found
    teacher = report.subject("teacher")
    return found or _difference("headline.compression_cost", teacher, light, words["no_teacher"], words)


def _difference(name: str, above: Subject | None, below: Subject | None, why: str, words: Words) -> Finding:
    first, second = (s.score if s else None for s in (above, below))
    if first is None or second is None or first.value is None or second.value is None:
        return Finding(name=name, value=None, reason=why)
    value, n = first.value - second.value, min(first.n, second.n)
    return Finding(name=name, value=value, unit="share", n=n, reason=words["not_paired"])


def _bought(finding: Finding, words: Words) -> str:
    if finding.value is None:
        return words["bought_unknown"].format(reason=finding.reason)
    if finding.interval is None:
        return words["bought_harm_plain" if finding.value < 0 else "bought_plain"].format(
            points=write.points(finding.value), reason=finding.reason or words["not_paired"]
        )
    low, high = finding.interval
    key = "bought_yes" if low > 0 else "bought_harm" if high < 0 else "bought_nothing"
    return words[key].format(points=write.points(finding.value), interval=write.bracket(finding.interval, write.points))


def _cost(finding: Finding, words: Words) -> str:
    if finding.value is None:
        return words["cost_unknown"].format(reason=finding.reason)
    if finding.interval is None:
        points = write.points(abs(finding.value), sign=False)
        key = "cost_gain_plain" if finding.value < 0 else "cost_plain"
        return words[key].format(points=points, reason=finding.reason or words["not_paired"])
    low, high = finding.interval
    if high < 0:
        turned = write.bracket((-high, -low), write.points)
        return words["cost_gain"].format(points=write.points(-finding.value, sign=False), interval=turned)
    key = "cost_yes" if low > 0 else "cost_unsure" if finding.value > 0 else "cost_nothing"
    points = write.points(finding.value, sign=key == "cost_nothing")
    return words[key].format(points=points, interval=write.bracket(finding.interval, write.points))


def _comparison(report: Report, words: Words) -> str:
    """One sentence for each model beside the teacher, or for the only one."""
    teacher = report.subject("teacher")
    others = [s for s in report.subjects if s.role in ("light", "model")]
    said = [_compared(other, teacher, words) for other in others if teacher is not None]
    return " ".join(line for line in said if line) or " ".join(filter(None, (_alone(s, words) for s in others)))


def _compared(other: Subject, teacher: Subject, words: Words) -> str:
    bits = other.finding("quality.bits_lost_to_reference")
    if bits is not None and bits.value is not None and bits.interval is not None:
        return _foreseen(other, teacher, bits, words)
    loss = other.finding("quality.loss_to_reference")
    if loss is None or loss.value is None or loss.interval is None:
        return _alone(other, words)
    low, high = loss.interval
    key = "compare_worse" if low > 0 else "compare_better" if high < 0 else "compare_same"
    sign = 1 if key == "compare_worse" else -1
    bounds = (low, high) if sign > 0 else (-high, -low)
    return words[key].format(
        name=other.name,
        teacher=teacher.name,
        points=write.points(sign * loss.value, sign=key == "compare_same"),
        interval=write.bracket(bounds, lambda v: write.points(v, sign=key == "compare_same")),
        n=write.whole(loss.n),
    )


def _foreseen(other: Subject, teacher: Subject, bits: Finding, words: Words) -> str:
    """A language model beside its teacher."""
    low, high = bits.interval or (-1.0, 1.0)
    key = "foreseen_worse" if low > 0 else "foreseen_better" if high < 0 else "foreseen_same"
    value, bounds = bits.value or 0.0, (low, high)
    if key == "foreseen_better":
        value, bounds = -value, (-high, -low)
    return words[key].format(
        name=other.name, teacher=teacher.name, value=write.significant(value), n=write.whole(bits.n),
        interval=write.bracket(bounds, write.significant), per=words[f"per_{str(bits.detail['per']).replace(' ', '_')}"],
    )  # fmt: skip


def _alone(subject: Subject, words: Words) -> str:
    found = subject.score
    bits = subject.finding("quality.bits_per_byte")
    if bits is not None and bits.value is not None:
        return words["language_line"].format(
            name=subject.name, value=write.significant(bits.value, 4), n=write.whole(bits.n),
            interval=write.bracket(bits.interval, lambda v: write.significant(v, 4)),
        )  # fmt: skip
    for kind in ("masked", "denoising"):
        perplexity = subject.finding(f"quality.{kind}_perplexity")
        if perplexity is not None and perplexity.value is not None:
            return words["filling_line"].format(
                name=subject.name, what=words[f"filling_{kind}"], value=write.significant(perplexity.value),
                n=write.whole(perplexity.n), interval=write.bracket(perplexity.interval, write.significant),
            )  # fmt: skip
    if found is None or found.value is None:
        return ""
    return words["model_line"].format(
        name=subject.name,
        value=f"{write.percent(found.value)}{write.NO_BREAK}%",
        interval=write.bracket(found.interval, write.percent),
        n=write.whole(found.n),
    )


def pieces(sentence: str) -> list[tuple[str, bool]]:
    """The sentence cut at its intervals and counts, each with whether it is such small print."""
    parts = re.split(r"(\[[^\]]*\]|[(（]n = [^)）]*[)）])", sentence)
    return [(part, i % 2 == 1) for i, part in enumerate(parts) if part]
