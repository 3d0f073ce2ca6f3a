"""What a text costs the model that labels: measured for the plan and for the report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.store import address
from llamita.core.task import Split
from llamita.tasks.endpoint import EndpointEngine

if TYPE_CHECKING:
    from llamita.core.engine import Engine
    from llamita.core.task import Text
    from llamita.tasks.asked import Asking
    from llamita.workshop import Workshop

TIMED = 8
"""Texts that the teacher's pace is read off."""


def seconds_a_text(asking: Asking, texts: Sequence[Text], shop: Workshop) -> float:
    """The teacher's pace, taken once for this question, these texts and so many threads."""
    key = address({"pace": asking.told, "texts": Split(texts=tuple(texts)).fingerprint, "threads": shop.threads})
    return float(shop.store.record(key, "pace", lambda: _timed(asking, texts, shop)))


def _timed(asking: Asking, texts: Sequence[Text], shop: Workshop) -> float:
    """Seconds a text, of a few that are really asked about."""
    teacher = asking.open(shop.store.cache, shop.threads)
    if not isinstance(teacher, EndpointEngine):
        return _seconds_each(teacher, texts)
    # an answer that is kept takes no time, which says nothing of those to come
    new = list(dict.fromkeys(teacher.unasked(texts)))
    if len(new) >= TIMED + 2:
        return _seconds_each(teacher, new)
    with TemporaryDirectory() as elsewhere:
        return _seconds_each(asking.open(Path(elsewhere), shop.threads), list(dict.fromkeys(texts)))


def _seconds_each(teacher: Engine, texts: Sequence[Text]) -> float:
    """Seconds a text takes, of a few; the first two warm the teacher up."""
    places = np.linspace(0, len(texts) - 1, min(len(texts), TIMED + 2)).astype(int)
    sample = [texts[i] for i in places]
    teacher.text_logits(sample[:2])
    timed = sample[2:] or sample
    began = time.perf_counter()
    teacher.text_logits(timed)
    return (time.perf_counter() - began) / len(timed)


def pace_of(teacher: Engine, texts: Sequence[Text], threads: int) -> list[dict[str, Any]]:
    """A short measurement of what a text costs the teacher, kept with its answers."""
    from llamita.measure.cost import Cost, cost_side_by_side

    cost = Cost(calls=20, rounds=2, throughput_texts=16, seconds=8.0, memory=False)
    found = cost_side_by_side({"teacher": teacher}, texts, cost=cost, threads=threads, seed=0)["teacher"]
    return [finding.to_dict() for finding in found]
