"""Occlusion: what a model's answer loses when a word is taken out of the text.

Zeiler & Fergus 2014 (https://arxiv.org/abs/1311.2901), and leave-one-out for words in Li et al. 2016
(https://arxiv.org/abs/1612.08220). The score is the drop of the log-odds of the label, from the model's logits, so that
sure answers are explained as finely as unsure ones. We take the word out rather than put an unknown word in its place,
since decoders have none; any replacement can be named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from llamita.core.engine import softmax
from llamita.core.errors import UserError, require
from llamita.core.measure import Finding, Measure, predict
from llamita.core.statistics import bootstrap_interval, rank_correlation
from llamita.core.task import label_order
from llamita.explain._units import Units, units_of

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.engine import Engine
    from llamita.core.task import Split, Task, Text


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
        require(self.units in ("characters", "words"), f"units must be characters or words, got {self.units!r}")

    def measure(self, engine: Engine, task: Task, run: Run, reference: Engine | None = None) -> list[Finding]:
        """The engine's findings; with a reference its own too, as `explain.reference_occlusion`."""
        split = task.split(run.split)
        if not split.texts:
            raise UserError(f"the {run.split} split has no text to explain; give data for it")
        both = [e for e in (engine, reference) if e is not None]
        guesses = self._guesses(both, task, split)
        chosen, kinds = choose(guesses, split, self.examples, run.seed)
        rows, theirs = [], []
        for index in chosen:
            units = units_of(split.texts[index], self.words, self.units)
            logits = [occluded_logits(e, units, self.replacement)[:, _order(e, task)] for e in both]
            row = _row(index, units, logits[0], task, split) | {"kind": kinds[index]}
            if reference is not None:
                target = task.labels.index(row["predicted"])
                row |= {"reference_scores": _rounded(drops(logits[1], target))}
                theirs.append(_row(index, units, logits[1], task, split) | {"kind": kinds[index]})
            rows.append(row)
        return _findings(rows, theirs, self)

    def _guesses(self, engines: list[Engine], task: Task, split: Split) -> list[np.ndarray]:
        if len(split) <= self.examples or len(engines) < 2 or not split.labels:
            return []
        return [predict(e, task, split.texts).argmax(axis=1) for e in engines]


def occlude(
    text: Text, engine: Engine, label: str | None = None, *, words: int = 40, replacement: str = ""
) -> tuple[list[str], list[float]]:
    """The words of a text and the drop of the label's log-odds without each.

    Args:
        label: the one explained; the engine's answer when left out.
        words: most words; in a longer text neighbours are taken out together.
    """
    if label is not None and label not in engine.labels:
        raise UserError(f"{engine.name} has no label {label!r}; its labels: {', '.join(engine.labels)}")
    units = units_of(text, words)
    logits = occluded_logits(engine, units, replacement)
    target = engine.labels.index(label) if label is not None else int(logits[0].argmax())
    return units.words, drops(logits, target).tolist()


def occluded_logits(engine: Engine, units: Units, replacement: str = "") -> np.ndarray:
    """Logits of the whole text and of it without each word [1 + words, labels].

    A text's variants make up their own batches, so that what stands beside it never changes its scores.
    """
    variants = [units.without(i, replacement) for i in range(len(units.spans))]
    return engine.text_logits([units.text, *variants]).astype(np.float64)


def drops(logits: np.ndarray, target: int) -> np.ndarray:
    """Log-odds of the target for the whole text (first row) minus those without each word [words]."""
    rest = np.delete(logits, target, axis=1)
    top = rest.max(axis=1)
    odds = logits[:, target] - top - np.log(np.exp(rest - top[:, None]).sum(axis=1))
    return odds[0] - odds[1:]


def choose(guesses: list[np.ndarray], split: Split, count: int, seed: int) -> tuple[list[int], dict[int, str]]:
    """Which examples to explain: lost and won ones first, the rest drawn; all in file order when they are few.

    Returns:
        Indices, and for each whether it was "lost", "won", or "drawn".
    """
    if len(split) <= count:
        return list(range(len(split))), dict.fromkeys(range(len(split)), "drawn")
    generator = np.random.default_rng(seed)
    kinds: dict[int, str] = {}
    if guesses:
        right = [guess == np.asarray(split.labels) for guess in guesses]
        lost, won = np.flatnonzero(~right[0] & right[1]), np.flatnonzero(right[0] & ~right[1])
        most = max(1, 3 * count // 4)
        few_won = min(len(won), max(most // 3, most - len(lost)))
        for kind, of_kind, size in (("lost", lost, min(len(lost), most - few_won)), ("won", won, few_won)):
            kinds |= dict.fromkeys(sorted(int(i) for i in generator.permutation(of_kind)[:size]), kind)
    for index in generator.permutation(len(split)):
        if len(kinds) == count:
            break
        kinds.setdefault(int(index), "drawn")
    return list(kinds), kinds


def _order(engine: Engine, task: Task) -> list[int]:
    order = label_order(engine.labels, task.labels)
    if order is None:
        raise UserError(f"{engine.name} answers with other labels than the data: {', '.join(engine.labels)}")
    return order


def _row(index: int, units: Units, logits: np.ndarray, task: Task, split: Split) -> dict[str, Any]:
    text = units.text
    parts = {"text": text} if isinstance(text, str) else {"text": text[0], "pair": text[1]}
    probabilities = softmax(logits)
    target = int(logits[0].argmax())
    falls = probabilities[0, target] - probabilities[1:, target]
    return {
        "index": index, **parts, "words": units.words, "spans": [list(span) for span in units.spans],
        "parts": list(units.parts), "scores": _rounded(drops(logits, target)),
        "predicted": task.labels[target], "confidence": round(float(probabilities[0, target]), 6),
        "label": task.labels[split.labels[index]] if split.labels else None,
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
