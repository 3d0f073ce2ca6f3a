"""Examples lost and won, with words coloured by what they did to the answer, and texts that noise turned."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llamita.core.report import Report, Subject
from llamita.pages import format as write

SHOWN_FIRST, SHOWN_MOST, SHOWN_OTHERS, SHOWN_NOISY = 4, 16, 3, 4
LONGEST_TEXT = 1500
SLIPS = 200
"""By how many characters noise may shorten what is shown of a text."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of text with its colour."""

    text: str
    side: str = ""
    """"for" or "against" the answer; empty: no effect."""
    depth: float = 0.0
    """Depth of the colour, in [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one model said, and why."""

    role: str
    predicted: str
    confidence: str
    right: bool
    pieces: tuple[Piece, ...]
    explained: bool


@dataclass(frozen=True, kw_only=True)
class Example:
    """One text with both models' answers, the teacher's first."""

    index: int
    label: str
    answers: tuple[Answer, ...]
    hidden: bool
    """The text was left out."""

    @property
    def explained(self) -> bool:
        """Whether any answer is shown with its reasons."""
        return any(answer.explained for answer in self.answers)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Examples of one kind."""

    title: str
    shown: str
    """How many of how many, and in what order."""
    n: int
    examples: tuple[Example, ...]

    @property
    def first(self) -> tuple[Example, ...]:
        """Those that are shown at once."""
        return self.examples[:SHOWN_FIRST]

    @property
    def rest(self) -> tuple[Example, ...]:
        """Those that are folded away."""
        return self.examples[SHOWN_FIRST:]


@dataclass(frozen=True, kw_only=True)
class Two:
    """Teacher and light model with what each said of the texts they share, and why."""

    teacher: Subject
    light: Subject
    theirs: Mapping[int, Mapping[str, Any]]
    ours: Mapping[int, Mapping[str, Any]]
    reasons: tuple[Mapping[object, Mapping[str, Any]], Mapping[object, Mapping[str, Any]]]
    """The teacher's, then the light model's."""

    def is_explained(self, index: int) -> bool:
        """Whether it is known why the light model answered so."""
        return _key(self.ours[index]) in self.reasons[1]

    def example(self, index: int) -> Example:
        """One text with both answers."""
        theirs, ours = self.theirs[index], self.ours[index]
        answers = (
            _answer(self.teacher.role, theirs, self.reasons[0]),
            _answer(self.light.role, ours, self.reasons[1]),
        )
        return Example(index=index, label=str(theirs["label"]), answers=answers, hidden="text" not in ours)

    def kinds(self) -> dict[str, list[int]]:
        """Indices of the texts lost, won, and explained although both were right or both wrong."""
        found: dict[str, list[int]] = {"lost": [], "won": [], "others": []}
        for index in sorted(self.theirs.keys() & self.ours.keys()):
            right = (_right(self.theirs[index]), _right(self.ours[index]))
            kind = {(True, False): "lost", (False, True): "won"}.get(right, "others")
            if kind != "others" or self.is_explained(index):
                found[kind].append(index)
        return found

    def group(self, kind: str, indices: Sequence[int], words: Mapping[str, str]) -> Group:
        """Those to show: explained ones first, then the surest mistakes."""
        wrong = self.theirs if kind == "won" else self.ours

        def order(index: int) -> tuple[bool, float, int]:
            return not self.is_explained(index), -float(wrong[index].get("confidence") or 0), index

        shown = sorted(indices, key=order)[: SHOWN_OTHERS if kind == "others" else SHOWN_MOST]
        order_told = "_explained" if any(map(self.is_explained, shown)) else ""
        said = ("shown_all" if len(shown) == len(indices) else "shown") + order_told
        return Group(
            title=words[kind],
            shown=words["shown_others" if kind == "others" else said].format(shown=len(shown), n=len(indices)),
            n=len(indices),
            examples=tuple(self.example(index) for index in shown),
        )


def examples(report: Report, words: Mapping[str, str]) -> dict[str, Any] | None:
    """The texts on which teacher and light differ; None when one of them was not measured text by text."""
    teacher, light = report.subject("teacher"), report.delivered
    theirs, ours = _answers(teacher), _answers(light)
    shared = len(theirs.keys() & ours.keys())
    if not shared or teacher is None or light is None:
        return None
    reasons = (
        _explanations(light, "explain.reference_occlusion") | _explanations(teacher, "explain.occlusion"),
        _explanations(light, "explain.occlusion"),
    )
    two = Two(teacher=teacher, light=light, theirs=theirs, ours=ours, reasons=reasons)
    kinds = two.kinds()
    shown = [two.group(kind, indices, words) for kind, indices in kinds.items() if indices]
    lights = sum(subject.role == "light" for subject in report.subjects)
    name = words["the_light"] if light.role == "light" and lights == 1 else light.name
    counts = {"n": write.whole(shared), "lost": len(kinds["lost"]), "won": len(kinds["won"]), "name": name}
    return {
        "groups": shown,
        "explained": any(one.explained for group in shown for one in group.examples),
        "sentence": words["examples_count"].format(**counts),
        "reasons": _same_reasons(light, words),
    }


def _same_reasons(light: Subject, words: Mapping[str, str]) -> str:
    found = light.finding("explain.same_reasons")
    if found is None or found.value is None:
        return ""
    interval = write.bracket(found.interval, lambda v: write.significant(v, 2))
    return words["same_reasons"].format(
        value=write.significant(found.value, 2), interval=interval, n=write.whole(found.n)
    )


def _answers(subject: Subject | None) -> dict[int, Mapping[str, Any]]:
    found = subject.score if subject else None
    return {int(row["index"]): row for row in found.rows if "index" in row} if found else {}


def _right(row: Mapping[str, Any]) -> bool:
    return row["label"] == row["predicted"]


def _key(row: Mapping[str, Any]) -> object:
    return (row.get("text"), row.get("pair")) if row.get("text") is not None else None


def _explanations(subject: Subject, name: str) -> dict[object, Mapping[str, Any]]:
    found = subject.finding(name)
    return {_key(row): row for row in found.rows if row.get("words") and _key(row)} if found else {}


def _answer(role: str, row: Mapping[str, Any], why: Mapping[object, Mapping[str, Any]]) -> Answer:
    reason = why.get(_key(row))
    plain = " ⁄ ".join(str(row[key]) for key in ("text", "pair") if row.get(key))
    pieces = coloured(plain, reason["words"], reason["scores"]) if reason else (Piece(text=_cut(plain)),)
    sure = row.get("confidence")
    return Answer(
        role=role,
        predicted=str(row["predicted"]),
        right=_right(row),
        pieces=tuple(pieces),
        explained=bool(reason),
        confidence="" if sure is None else f"{write.percent(float(sure), 0)}{write.NO_BREAK}%",
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + " …"


def coloured(text: str, parts: Sequence[str], scores: Sequence[float | None]) -> list[Piece]:
    """The text in pieces: each explained word with its colour, and what stands between words without one.

    A word that can't be found where it should follow is put after a space (none between Chinese characters).
    """
    largest = max((abs(score) for score in scores if score is not None), default=0.0)
    pieces: list[Piece] = []
    at = 0
    for part, score in zip(parts, scores, strict=False):
        found = text.find(part, at)
        if 0 <= found <= at + 40:
            pieces += [Piece(text=text[at:found])] if found > at else []
            at = found + len(part)
        elif pieces and not write.is_chinese(part):
            pieces.append(Piece(text=" "))
        pieces.append(_piece(part, score or 0.0, largest))
    return [*pieces, Piece(text=text[at:])] if text[at:] else pieces


def _piece(part: str, score: float, largest: float) -> Piece:
    depth = abs(score) / largest if largest > 1e-6 else 0.0
    if depth < 0.08:
        return Piece(text=part)
    return Piece(text=part, side="for" if score > 0 else "against", depth=round(depth, 2))


def noisy_texts(subject: Subject | None) -> list[dict[str, Any]]:
    """Noisy texts whose answer changed, what noise wrote marked; else the first ones."""
    found = subject.finding("attack.noise") if subject else None
    rows = [row for row in found.rows if row.get("noisy")] if found else []
    turned = [row for row in rows if _before(row) is not None and row.get("predicted") != _before(row)]
    return [
        {
            "pieces": changes("\n".join(str(row[key]) for key in ("text", "pair") if key in row), str(row["noisy"])),
            "before": _before(row),
            "after": row.get("predicted", ""),
        }
        for row in (turned or rows)[:SHOWN_NOISY]
    ]


def _before(row: Mapping[str, Any]) -> Any:
    return next((row[key] for key in ("clean_predicted", "predicted_clean", "clean") if key in row), row.get("label"))


def changes(text: str, noisy: str) -> list[tuple[str, bool]]:
    """The noisy text in pieces, each with whether noise wrote it; compared word by word (Chinese: by character)."""
    before, after = _tokens(text[: LONGEST_TEXT + SLIPS]), _tokens(_cut(noisy))
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    pieces: list[tuple[str, bool]] = []
    for kind, _, _, low, high in matcher.get_opcodes():
        if high > low:
            pieces.append(("".join(after[low:high]), kind != "equal" and bool("".join(after[low:high]).strip())))
    return pieces


def _tokens(text: str) -> list[str]:
    return re.findall(r"[\u3400-\u9fff]|\s+|[^\s\u3400-\u9fff]+", text)
