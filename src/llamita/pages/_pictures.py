"""The pictures of the page with their captions and tables; None where there is nothing to draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llamita.core.measure import Finding
from llamita.core.report import Report, Subject
from llamita.pages import _curves, plots
from llamita.pages import format as write
from llamita.pages._examples import noisy_texts
from llamita.pages._table import shown_subjects

Words = Mapping[str, str]
FEATURED = ("teacher", "light", "model")


def scatter(report: Report, words: Words) -> dict[str, Any] | None:
    """The picture of all candidates and the named models, and the candidates' table."""
    named = [point for s in shown_subjects(report) if (point := _subject_point(s, report, words)) is not None]
    tried = [point for c in report.candidates if (point := _candidate_point(c)) is not None]
    if len(named) + len(tried) < 2:
        return None
    points = tried + named
    limits = _limits(report)
    sizes = {c.get("n") for c in report.candidates if c.get("n")}
    light = report.subject("light") or report.subject("teacher")
    accuracy = light.score if light else None
    tested = accuracy.n if accuracy else 0
    split = (
        words["scatter_split"].format(n=write.whole(max(sizes)), m=write.whole(tested))
        if sizes and sizes != {tested}
        else ""
    )
    return {
        "wide": plots.scatter(points, limits, words, width=900, height=460),
        "narrow": plots.scatter(points, limits, words, width=336, height=380),
        "areas": plots.key_of_areas(points),
        "split": split,
        "front": any(p.on_front for p in tried),
        "rows": [_candidate_row(c, words) for c in report.candidates],
        "named": [_named_row(p) for p in named],
    }


def _limits(report: Report) -> plots.Limits:
    wanted = {goal.name: goal.limit for goal in report.goals}
    teacher = report.subject("teacher")
    score = teacher.score if teacher else None
    keep = wanted["keep"] * score.value if "keep" in wanted and score and score.value else None
    return plots.Limits(size_bytes=wanted.get("max_size"), score=keep)


def _subject_point(subject: Subject, report: Report, words: Words) -> plots.Point | None:
    size, score, latency = subject.finding("cost.size_bytes"), subject.score, subject.finding("cost.latency_p95_ms")
    if not (size and size.value and score and score.value is not None):
        return None
    several = subject.role == "model" or sum(s.role == subject.role for s in report.subjects) > 1
    return plots.Point(
        role=subject.role,
        label=subject.name[:28] if several else words[f"short_{subject.role}"],
        title=subject.name,
        size_bytes=size.value,
        score=score.value,
        interval=score.interval,
        latency_ms=latency.value if latency else None,
    )


def _candidate_point(candidate: Mapping[str, Any]) -> plots.Point | None:
    size, score, interval = candidate.get("size_bytes"), candidate.get("score"), candidate.get("interval")
    if not size or score is None:
        return None
    latency = candidate.get("latency_ms")
    title = f"{candidate.get('name', '')}: {write.percent(score)} %, {write.size(size)}"
    return plots.Point(
        role="candidate",
        label="",
        title=title + (f", {write.milliseconds(latency)}" if latency else ""),
        size_bytes=size,
        score=score,
        interval=tuple(interval) if interval else None,
        latency_ms=latency,
        on_front=bool(candidate.get("on_front")),
    )


def _candidate_row(candidate: Mapping[str, Any], words: Words) -> dict[str, Any]:
    def number(key: str, written: Any) -> str:
        return write.DASH if candidate.get(key) is None else written(candidate[key])

    shape = [str(candidate[k]) for k in ("layers", "ffn") if candidate.get(k) is not None]
    shape += [write.whole(candidate["vocabulary"])] if candidate.get("vocabulary") else []
    places = [words[key] for key in ("chosen", "on_front") if candidate.get(key)]
    return {
        "name": candidate.get("name", ""),
        "shape": " · ".join(shape) or write.DASH,
        "parameters": number("parameters", write.count),
        "size": number("size_bytes", write.size),
        "latency": number("latency_ms", write.milliseconds),
        "score": number("score", lambda v: f"{write.percent(v)}{write.NO_BREAK}%"),
        "interval": write.bracket(candidate.get("interval"), write.percent),
        "n": write.whole(candidate["n"]) if candidate.get("n") else "",
        "places": places,
        "note": candidate.get("note") or "",
        "chosen": bool(candidate.get("chosen")),
    }


def _named_row(point: plots.Point) -> dict[str, str]:
    return {"role": point.role, "label": point.label, "title": point.title}


def training(report: Report, words: Words) -> list[dict[str, Any]]:
    """The loss over the steps, for each model that a training made."""
    found = [(s, f) for s in report.subjects if (f := s.finding("train.loss")) and len(f.detail["curve"]) > 1]
    return [
        {"role": s.role, "title": title_of(s, report, words), "picture": _curves.losses(f.detail["curve"], words)}
        for s, f in found
    ]


def cascade(report: Report, words: Words) -> dict[str, Any] | None:
    """The curve, its sentence and its table."""
    lights = [s for s in report.subjects if s.role in ("light", "model")]
    found, light = next(((f, s) for s in lights if (f := s.finding("agreement.cascade"))), (None, None))
    if found is None or light is None:
        return None
    curve = found.detail.get("curve") or []
    if len(curve) < 2:
        return {"reason": found.reason, "sentence": "", "rows": []} if found.reason else None
    ends = sorted(curve, key=lambda p: p["teacher_share"])
    alone, everything, knee = ends[0], ends[-1], _curves.cheapest_at_best(curve)
    key = (
        "cascade_alone"
        if knee is alone or knee["teacher_share"] == 0
        else "cascade_never"
        if knee["teacher_share"] >= 1
        else "cascade_knee"
    )
    sentence = words[key].format(
        share=write.percent(knee["teacher_share"]),
        threshold=write.below_one(knee["threshold"]),
        accuracy=write.percent(knee["accuracy"]),
        light=write.percent(alone["accuracy"]),
        teacher=write.percent(everything["accuracy"]),
        n=write.whole(found.n),
    )
    if sum(s.role == "light" for s in lights) > 1:
        sentence = f"{light.name}: {sentence}"
    rows = [
        (
            write.below_one(p["threshold"], 3),
            f"{write.percent(p['teacher_share'])} %",
            f"{write.percent(p['accuracy'])} %",
        )
        for p in _spread(ends, 25)
    ]
    pictures = {
        name: _curves.cascade(curve, words, width=w, height=h)
        for name, w, h in (("wide", 620, 330), ("narrow", 336, 300))
    }
    return pictures | {"reason": "", "sentence": sentence, "rows": rows}


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def featured(report: Report, name: str, roles: Sequence[str] = FEATURED) -> list[tuple[Subject, Finding]]:
    """Teacher, light and compared models that have this finding."""
    shown = [s for s in shown_subjects(report) if s.role in roles]
    return [(s, f) for s in shown if (f := s.finding(name)) is not None]


def title_of(subject: Subject, report: Report, words: Words) -> str:
    """Its role, or its name where several share the role."""
    alone = sum(s.role == subject.role for s in report.subjects) == 1
    return words.get(f"role_{subject.role}", subject.role) if alone else subject.name


def reliability(report: Report, words: Words) -> list[dict[str, Any]]:
    """A diagram for each featured model, all on the same axes."""
    found = [
        (s, f, [b for b in f.detail.get("bins", ()) if b.get("n")])
        for s, f in featured(report, "calibration.ece", ("teacher_plain", *FEATURED))
    ]
    found = [(s, f, bins) for s, f, bins in found if bins and f.value is not None]
    lowest = min((min(b["confidence"], b["accuracy"], b["low"]) for _, _, bins in found for b in bins), default=0.0)
    low = min(0.9, int(lowest * 10) / 10)
    made = []
    for subject, finding, bins in found:
        floor = finding.detail.get("floor")
        sentence = (
            words["reliability_line" if floor is not None else "reliability_line_short"]
            .format(
                ece=write.significant(finding.value or 0, 2),
                floor=write.significant(floor or 0, 2),
                interval=write.bracket(finding.detail.get("floor_interval"), lambda v: write.significant(v, 2)),
                n=write.whole(finding.n),
            )
            .replace("  ", " ")
        )
        title = title_of(subject, report, words)
        rows = [
            (
                f"{write.percent(b['low'], 0)}–{write.percent(b['high'], 0)} %",
                f"{write.percent(b['confidence'])} %",
                f"{write.percent(b['accuracy'])} %",
                write.whole(b["n"]),
            )
            for b in bins
        ]
        picture = _curves.reliability(bins, subject.role, words, low=low, title=f"{words['reliability']} {title}")
        made.append({"title": title, "role": subject.role, "picture": picture, "sentence": sentence, "rows": rows})
    return made


def noise(report: Report, words: Words) -> dict[str, Any] | None:
    """The picture, its table, the reasons where there is no number, and a few turned texts."""
    found = [(s, f) for s in shown_subjects(report) if (f := noise_of(s, report)) is not None]
    if not found:
        return None
    rows = [
        _curves.NoiseRow(
            role=s.role, name=title_of(s, report, words), clean=_clean(s, f), noisy=f.value, interval=f.interval, n=f.n
        )
        for s, f in found
        if f.value is not None
    ]
    table = [
        (
            row.name,
            f"{write.percent(row.clean)} %" if row.clean is not None else write.DASH,
            f"{write.percent(row.noisy)} %",
            write.bracket(row.interval, write.percent),
            _fall(f),
            write.whole(row.n),
        )
        for row, (_, f) in zip(rows, ((s, f) for s, f in found if f.value is not None), strict=True)
    ]
    texts = noisy_texts(report.delivered)
    return {
        "picture": _curves.noise(rows, words) if rows else "",
        "rows": table,
        "texts": texts,
        "turned": any(one["before"] is not None and one["before"] != one["after"] for one in texts),
        "reasons": [(title_of(s, report, words), f.reason) for s, f in found if f.value is None],
    }


def noise_of(subject: Subject, report: Report) -> Finding | None:
    """A model's finding under noise; the teacher's may stand with the model that was compared with it."""
    own = subject.finding("attack.noise")
    if own is not None or subject.role != "teacher":
        return own
    return next((f for s in report.subjects if (f := s.finding("attack.reference_noise")) is not None), None)


def _fall(finding: Finding) -> str:
    fall = finding.detail.get("fall")
    if fall is None:
        return write.DASH
    return f"{write.points(fall, sign=False)} {write.bracket(finding.detail.get('fall_interval'), write.points)}"


def _clean(subject: Subject, finding: Finding) -> float | None:
    clean = finding.detail.get("clean")
    accuracy = subject.score
    return float(clean) if isinstance(clean, (int, float)) else accuracy.value if accuracy else None
