"""How often the model is right: the task's scores, and what was lost to the reference on the same examples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from llamita.core.measure import Finding, Measure, Said, ask, labelled_split
from llamita.core.statistics import (
    mcnemar_p,
    paired_ratio_difference,
    percentile_interval,
    ratio_of_sums,
    resampled_sums,
)
from llamita.core.task import MeasuresItself

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamita.core.context import Run
    from llamita.core.engine import Engine
    from llamita.core.task import Task

FEW = 10
"""Texts under which equal answers say nothing."""


@dataclass(frozen=True, kw_only=True)
class Quality(Measure):
    """The task's scores with intervals, a table for each label, each example's answer, and the paired loss to the reference."""

    def measure(self, engine: Engine, task: Task, run: Run, reference: Engine | None = None) -> list[Finding]:
        if isinstance(task, MeasuresItself):
            found = task.measured(engine, task.split(run.split))
            if reference is not None:
                found.append(bits_lost(found, task.measured(reference, task.split(run.split))))
            return found
        split = labelled_split(task, run)
        ours = ask(engine, task, split.texts)
        findings = task.score(ours.probabilities, split, ours.answers)
        if reference is not None:
            findings.append(loss_to_reference(ours, ask(reference, task, split.texts), task.gold(split)))
        return findings


def loss_to_reference(ours: Said, theirs: Said, gold: np.ndarray) -> Finding:
    """The reference's score minus ours over the same examples: above zero, something was lost."""
    we, they = ours.tally(gold), theirs.tally(gold)
    difference = paired_ratio_difference(they, we)
    score, reference = ratio_of_sums(*we), ratio_of_sums(*they)
    right, right_there = ours.right(gold), theirs.right(gold)
    lost, won = int((right_there & ~right).sum()), int((right & ~right_there).sum())
    return Finding(
        name="quality.loss_to_reference", value=difference.value, unit="share", interval=difference.interval,
        better="lower", n=len(gold),
        detail={
            "score": ours.answers.score_name, "accuracy": score, "reference_accuracy": reference,
            "kept": score / reference if reference else None,
            "lost": lost, "won": won, "mcnemar_p": mcnemar_p(won, lost),
        },
    )  # fmt: skip


def bits_lost(ours: Sequence[Finding], theirs: Sequence[Finding]) -> Finding:
    """Our surprise minus the reference's over the same texts, by the rows of both: above zero, something was lost.

    In bits a byte where every token counts, whatever the tokenizers; in bits a masked token where the same tokens were
    masked for both. The interval is a paired bootstrap over texts.
    """
    (mine, *_), (other, *_) = ours, theirs
    name = "quality.bits_lost_to_reference"
    rows, others = ({int(row["index"]): row for row in one.rows} for one in (mine, other))
    both = sorted(set(rows) & set(others))
    reason = mine.reason or other.reason
    under = "bytes" if mine.name == "quality.bits_per_byte" else "tokens"
    if not reason and mine.name != other.name:
        reason = "one of the two foresees whole texts and the other gaps in them, which are no measure of one another"
    elif not reason and not both:
        reason = "no text was measured with both"
    elif not reason and under == "tokens" and any(rows[i]["tokens"] != others[i]["tokens"] for i in both):
        reason = "their tokenizers differ, so that other pieces were masked for each"
    if reason:
        return Finding(name=name, value=None, unit="bits", better="lower", reason=reason)
    table = np.array([[float(one[i][of]) for one in (rows, others) for of in ("nats", under)] for i in both])
    table[:, [0, 2]] /= math.log(2)
    we, they = ratio_of_sums(*table.T[:2]), ratio_of_sums(*table.T[2:])
    sums = resampled_sums(table) if len(table) > 1 else None
    interval = None if sums is None else percentile_interval(sums[:, 0] / sums[:, 1] - sums[:, 2] / sums[:, 3])
    per = {"quality.bits_per_byte": "byte", "quality.masked_perplexity": "masked token"}.get(mine.name, "token")
    return Finding(
        name=name, value=we - they, unit="bits", interval=interval, better="lower", n=len(table),
        detail={"per": per, "bits": we, "reference_bits": they},
    )  # fmt: skip


def one_answer(name: str, findings: Sequence[Finding]) -> str:
    """Says so where a model gives every text the same label, of ten texts or more: its score is then that label's share."""
    detail = next((f.detail for f in findings if "confusion" in f.detail), {"confusion": [], "labels": []})
    table: list[list[int]] = detail["confusion"]  # type: ignore[assignment]
    given = [sum(row[i] for row in table) for i in range(len(table))]
    if sum(given) < FEW or sum(map(bool, given)) != 1 or sum(map(any, table)) < 2:
        return ""
    at = given.index(sum(given))
    share = f"{100 * sum(table[at]) / sum(given):.1f}"
    return f"{name} gives every text the label {detail['labels'][at]!r}: its accuracy is that label's share, {share} %."  # type: ignore[index]
