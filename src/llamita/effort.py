"""Effort: how many candidates are tried and how long each learns, by the seconds a token takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from llamita.candidates import Body, Shape, draw
from llamita.goals import Goals


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Seconds a token takes in one model here, read off a few batches of the user's texts."""

    train: float
    """Seconds a token of a training step."""
    score: float
    """Seconds a token of a forward pass."""
    tokens: int
    """Tokens of the training texts, cut to `max_length`."""
    parameters: int
    """Of the body, without embeddings."""

    def training_seconds(self, epochs: float, freeze: float = 0.0) -> float:
        """A frozen lower part still runs forward, but takes no backward pass."""
        backward = self.train - self.score
        return epochs * self.tokens * (self.score + backward * (1 - freeze))


FIRST = 2.0
"""Passes over the texts before a student is cut."""
EFFORTS = (
    (8, 1.0, 10.0), (6, 1.0, 8.0), (6, 1.0, 6.0), (4, 1.0, 6.0), (4, 1.0, 4.0), (3, 1.0, 4.0), (3, 0.5, 4.0),
    (4, 0.5, 3.0), (3, 0.5, 3.0), (2, 0.5, 3.0), (2, 0.5, 2.0), (2, 0.25, 1.0),
)  # fmt: skip
"""Candidates, passes for each after it is cut, and passes for the one chosen; the first that fits the minutes, else the last."""
NEED_LESS = 2
"""The last so many efforts are enough for a cut teacher, which knows the task; another student learns too little from them."""
WITH_DROPOUT = 1.1
"""How many times as long a step with dropout takes as one without: the student alone learns with it, distilled ones without."""


SEARCHED, SEARCH_SHARE = 4, 0.2
"""Where even the least doesn't fit the minutes, so many candidates are tried nevertheless, as long as trying them takes at most
this share of the whole run: a choice between two is none, and beside a slow teacher it costs little."""


def student_effort(
    bodies: Sequence[Body], paces: dict[str, Pace], goals: Goals, rest: float, spent: float = 0.0
) -> dict[str, Any]:
    """How many candidates, how long each recovers, and how long the chosen one learns.

    Args:
        rest: seconds that are left for it.
        spent: seconds that all else takes.
    """
    efforts = EFFORTS[:-NEED_LESS] if any(body.student != "teacher" for body in bodies) else EFFORTS
    best: dict[str, Any] = {}
    for effort in efforts:
        best = _effort(bodies, paces, goals, *effort)
        if best["brief_seconds"] + best["full_seconds"] <= rest:
            return best
    number, short, full = efforts[-1]
    for more in range(number + 1, SEARCHED + 1):
        wider = _effort(bodies, paces, goals, more, short, full)
        if wider["brief_seconds"] <= SEARCH_SHARE * (spent + wider["brief_seconds"] + wider["full_seconds"]):
            best = wider
    return best


def _effort(
    bodies: Sequence[Body], paces: dict[str, Pace], goals: Goals, number: int, short: float, full: float
) -> dict[str, Any]:
    """So many candidates with so many passes, and the seconds it takes."""
    others = [body.student for body in bodies if body.student != "teacher"]
    own = 1 if others and number < 6 else 2 if others else number
    own = own if len(others) < len(bodies) else 0
    count = {"teacher": own} | {name: max(1, (number - own) // len(others)) for name in others}
    shapes = draw(bodies, count, goals.max_size)
    first = sum(paces[name].training_seconds(FIRST) for name in others)
    brief = first + sum(_seconds(s, paces, short) + 14 for s in shapes)
    longest = max(_seconds(s, paces, full) for s in shapes if s.body.student == (others or ["teacher"])[0])
    complete = WITH_DROPOUT * first + (1 + WITH_DROPOUT) * longest + 15
    return {
        "shapes": [_shape_dict(s) for s in shapes], "first_epochs": FIRST, "brief_epochs": short, "full_epochs": full,
        "brief_seconds": brief, "full_seconds": complete,
    }  # fmt: skip


def _seconds(shape: Shape, paces: dict[str, Pace], epochs: float) -> float:
    """What so many passes take in a cut student."""
    pace = paces[shape.body.student]
    return pace.training_seconds(epochs) * shape.body_parameters / max(1, pace.parameters)


def _shape_dict(shape: Shape) -> dict[str, Any]:
    return {
        "name": shape.name, "body": asdict(shape.body), "layers": shape.layers, "neurons": shape.neurons, "pieces": shape.pieces,
        "bits": shape.bits, "groups": shape.groups, "estimated_bytes": shape.size_bytes,
    }  # fmt: skip


def shapes_of(plan: dict[str, Any]) -> list[Shape]:
    """The candidates a plan names."""
    return [
        Shape(
            body=Body(**(s["body"] | {"groups": tuple(s["body"]["groups"])})),
            **{key: s[key] for key in ("layers", "neurons", "pieces", "bits", "groups")},
        )
        for s in plan["shapes"]
    ]
