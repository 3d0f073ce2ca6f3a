"""Occlusion: what a model's answer loses when a word is taken out of the text.

Zeiler & Fergus 2014 (https://arxiv.org/abs/1311.2901), and leave-one-out for words in Li et al. 2016
(https://arxiv.org/abs/1612.08220). The score is the drop of the log-odds of the label, from the model's logits, so that
sure answers are explained as finely as unsure ones. We take the word out rather than put an unknown word in its place,
since decoders have none; any replacement can be named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from llamita.core.answers import Answers, OneLabel
from llamita.core.checked import as_whole
from llamita.core.engine import Engine, require_choice
from llamita.core.errors import UserError, require
from llamita.core.measure import Finding, Measure, ask, order_for
from llamita.core.statistics import bootstrap_interval, rank_correlation
from llamita.core.task import as_columns, is_text
from llamita.explain._colours import coloured
from llamita.explain._units import Units, units_of

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.task import Split, Task, Text

ONE_LABEL = OneLabel()


@dataclass(frozen=True, kw_only=True)
class Occlusion(Measure):
    """Scores of the words of some examples, and how far the reference scores the same words alike."""

    examples: int = 24
    """Examples explained; at most three quarters of them those that only one of engine and reference got right. At
    least 1."""
    words: int = 40
    """Most words of a text; in a longer one neighbours are taken out together, in equal runs. At least 1."""
    replacement: str = ""
    """What stands in a word's place; nothing takes the word out."""
    units: Literal["characters", "words"] = "characters"
    """What Chinese is cut into: characters, or words as jieba finds them (the zh extra)."""

    def __post_init__(self) -> None:
        require(self.examples >= 1, f"examples must be at least 1, got {self.examples}")
        require(self.words >= 1, f"words must be at least 1, got {self.words}")
        _require_known(self.units)

    def measure(self, engine: Engine, task: Task, run: Run, reference: Engine | None = None) -> list[Finding]:
        """The engine's findings; with a reference its own too, as `explain.reference_occlusion`."""
        split = task.split(run.split)
        if not split.texts:
            raise UserError(f"the {run.split} split has no text to explain; give data for it")
        both = [e for e in (engine, reference) if e is not None]
        for one in both:
            order_for(one, task)
        chosen, kinds = choose(self._right(both, task, split), len(split), self.examples, run.seed)
        rows, theirs = [], []
        for index in chosen:
            units = units_of(split.texts[index], self.words, self.units)
            logits = [occluded_logits(e, units, self.replacement) for e in both]
            row = _row(index, units, logits[0], engine, task, split) | {"kind": kinds[index]}
            if reference is not None:
                target = order_for(reference, task)[task.labels.index(row["predicted"])]
                row |= {"reference_scores": _rounded(drops(logits[1], target, reference.answers))}
                theirs.append(_row(index, units, logits[1], reference, task, split) | {"kind": kinds[index]})
            rows.append(row)
        return _findings(rows, theirs, self)

    def _right(self, engines: list[Engine], task: Task, split: Split) -> list[np.ndarray]:
        """Which texts each of two engines answers rightly; nothing where all are explained anyway."""
        if len(split) <= self.examples or len(engines) < 2 or not split.is_labelled:
            return []
        return [ask(e, task, split.texts).right(task.gold(split)) for e in engines]


class Explained(NamedTuple):
    """The words of a text and the drop of the label's log-odds without each; a notebook shows them coloured."""

    words: list[str]
    scores: list[float]

    def _repr_html_(self) -> str:
        return coloured(self.words, self.scores)


def occlude(
    text: Text,
    engine: Engine,
    label: str | None = None,
    *,
    words: int = 40,
    replacement: str = "",
    units: Literal["characters", "words"] = "characters",
) -> Explained:
    """The words of a text and the drop of the label's log-odds without each.

    Args:
        label: the one explained; the engine's answer when left out.
        words: most words; in a longer text neighbours are taken out together.
        units: what Chinese is cut into; words need jieba.

    Returns:
        The words, and for each the drop in nats: above 0 it speaks for the label.

    Raises:
        UserError: no text, no opened model, or a label that it doesn't have.
    """
    require(is_text(text), f"occlude takes a text or a pair of texts, got {str(text)[:60]!r}")
    opened = isinstance(engine, Engine)
    require(opened, f"occlude takes an opened model behind the text, got {engine!r}; open it first: llamita.load(...)")
    require_choice(engine)
    words = as_whole("words", words, 1)
    if label is not None and label not in engine.labels:
        raise UserError(f"{engine.name} has no label {label!r}; its labels: {', '.join(engine.labels)}")
    _require_known(units)
    require(isinstance(replacement, str), f"replacement must be a text, '' takes the word out; got {replacement!r}")
    found = units_of(text, words, units)
    logits = occluded_logits(engine, found, replacement)
    likeliest = int(engine.answers.probabilities(logits[:1])[0].argmax())
    target = engine.labels.index(label) if label is not None else likeliest
    return Explained(found.words, drops(logits, target, engine.answers).tolist())


def _require_known(units: str) -> None:
    require(units in ("characters", "words"), f"units must be characters or words, got {units!r}")


def occluded_logits(engine: Engine, units: Units, replacement: str = "") -> np.ndarray:
    """Logits of the whole text and of it without each word [1 + words, labels].

    A text's variants make up their own batches, so that what stands beside it never changes its scores.
    """
    variants = [units.without(i, replacement) for i in range(len(units.spans))]
    return engine.text_logits([units.text, *variants]).astype(np.float64)


def drops(logits: np.ndarray, target: int, answers: Answers = ONE_LABEL) -> np.ndarray:
    """Log-odds of the target for the whole text (first row) minus those without each word [words]."""
    odds = answers.log_odds(logits, target)
    return odds[0] - odds[1:]


def choose(right: list[np.ndarray], texts: int, count: int, seed: int) -> tuple[list[int], dict[int, str]]:
    """Which examples to explain: lost and won ones first, the rest drawn; all in file order when they are few.

    Args:
        right: which of the texts engine and reference answer rightly; nothing where that isn't known.
        texts: how many there are.

    Returns:
        Indices, and for each whether it was "lost", "won", or "drawn".
    """
    if texts <= count:
        return list(range(texts)), dict.fromkeys(range(texts), "drawn")
    generator = np.random.default_rng(seed)
    kinds: dict[int, str] = {}
    if right:
        lost, won = np.flatnonzero(~right[0] & right[1]), np.flatnonzero(right[0] & ~right[1])
        most = max(1, 3 * count // 4)
        few_won = min(len(won), max(most // 3, most - len(lost)))
        for kind, of_kind, size in (("lost", lost, min(len(lost), most - few_won)), ("won", won, few_won)):
            kinds |= dict.fromkeys(sorted(int(i) for i in generator.permutation(of_kind)[:size]), kind)
    for index in generator.permutation(texts):
        if len(kinds) == count:
            break
        kinds.setdefault(int(index), "drawn")
    return list(kinds), kinds


def _row(index: int, units: Units, logits: np.ndarray, engine: Engine, task: Task, split: Split) -> dict[str, Any]:
    """The scores of the likeliest label, by the probabilities that are told; `logits` are in the engine's order."""
    text = units.text
    order = order_for(engine, task)
    probabilities = engine.answers.probabilities(logits)[:, order]
    target = int(probabilities[0].argmax())
    falls = probabilities[0, target] - probabilities[1:, target]
    return {
        "index": index, **as_columns(text), "words": units.words, "spans": [list(span) for span in units.spans],
        "parts": list(units.parts), "scores": _rounded(drops(logits, order[target], engine.answers)),
        "predicted": task.labels[target], "confidence": round(float(probabilities[0, target]), 6),
        "label": task.told_gold(split, index) if split.is_labelled else None,
        "largest_fall": round(float(falls.max()), 6) if len(falls) else None,
    }  # fmt: skip


def _rounded(scores: np.ndarray) -> list[float]:
    return [round(float(score), 5) for score in scores]


def _findings(rows: list[dict[str, Any]], theirs: list[dict[str, Any]], settings: Occlusion) -> list[Finding]:
    found = [_finding("explain.occlusion", rows, settings)]
    if theirs:
        alike = [rank_correlation(np.array(r["scores"]), np.array(r["reference_scores"])) for r in rows]
        known = np.array([value for value in alike if value is not None])
        empty = "" if len(known) else "no text has two words that are scored differently"
        found += [
            Finding(
                name="explain.same_reasons", value=float(known.mean()) if len(known) else None, unit="correlation",
                interval=bootstrap_interval(known), better="higher", n=len(known), reason=empty,
                detail={"of": "ranks of the words' scores, engine against reference, for the engine's answer"},
            ),
            _finding("explain.reference_occlusion", theirs, settings),
        ]  # fmt: skip
    return found


def _finding(name: str, rows: Sequence[dict[str, Any]], settings: Occlusion) -> Finding:
    falls = np.array([row["largest_fall"] for row in rows if row["largest_fall"] is not None])
    detail = {
        "value": "mean fall of the answer's probability without the one word whose loss it feels most",
        "scores": "drop of the answer's log-odds without the word", "replacement": settings.replacement,
    }  # fmt: skip
    finding = Finding(
        name=name, value=None, unit="share", n=len(rows), detail=detail, rows=tuple(rows), reason="no text has a word"
    )
    if not len(falls):
        return finding
    return replace(finding, value=float(falls.mean()), interval=bootstrap_interval(falls), reason="")
