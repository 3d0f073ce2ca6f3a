"""The model that labels: what a text costs it, what it says of each text, asked once, and what hand labels make of that."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.hardware import cpu_name, of_device
from llamita.core.store import address
from llamita.core.task import Split
from llamita.core.whole import save_array
from llamita.tasks.calibrating import fit_few
from llamita.tasks.endpoint import EndpointEngine, is_endpoint
from llamita.tasks.recorded import open_folder, recorded
from llamita.workshop import Stage, made_by

if TYPE_CHECKING:
    from llamita.core.engine import Engine
    from llamita.core.task import Text
    from llamita.tasks.asked import Asking
    from llamita.workshop import Workshop

log = logging.getLogger(__name__)

CHUNK = 64
"""Texts that are asked, and kept, at a time."""
TIMED = 8
"""Texts that the teacher's pace is read off."""


def seconds_a_text(asking: Asking, texts: Sequence[Text], shop: Workshop) -> float:
    """The teacher's pace, taken once for this question, these texts, this machine and so many threads."""
    where = {"threads": shop.threads, "machine": cpu_name(), "made by": made_by()} | of_device(shop.device)
    key = address({"pace": asking.told, "texts": Split(texts=tuple(texts)).fingerprint} | where)
    return float(shop.store.record(key, "pace", lambda: _timed(asking, texts, shop)))


def _timed(asking: Asking, texts: Sequence[Text], shop: Workshop) -> float:
    """Seconds a text, of a few that are really asked about."""
    teacher = asking.open(shop.store.cache, shop.threads, shop.device)
    if not isinstance(teacher, EndpointEngine):
        return _seconds_each(teacher, texts)
    # an answer that is kept takes no time, which says nothing of those to come
    new = list(dict.fromkeys(teacher.unasked(texts)))
    if len(new) >= TIMED + 2:
        return _seconds_each(teacher, new)
    with TemporaryDirectory() as elsewhere:
        return _seconds_each(asking.open(Path(elsewhere), shop.threads, shop.device), list(dict.fromkeys(texts)))


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


def answers(asking: Asking, texts: Sequence[Text], shop: Workshop) -> Stage:
    """What the teacher says of the texts, each asked once, kept chunk by chunk."""
    every = list(dict.fromkeys(texts))
    asked = {"answers": asking.told, "texts": Split(texts=tuple(every)).fingerprint, "made by": made_by()}
    key = address(asked | of_device(shop.device))

    def make(work: Path) -> None:
        teacher = _ask_in_chunks(asking, every, work, shop)
        chunks = [work / f"{start}.npy" for start in range(0, len(every), CHUNK)]
        logits = np.concatenate([np.load(chunk) for chunk in chunks])
        costs = [] if is_endpoint(asking.model) else pace_of(teacher, every, shop.threads)
        undecided = int((np.ptp(logits, axis=1) == 0).sum())
        about = {"way": asking.way(teacher), "undecided": undecided, "cost": costs}
        recorded(teacher, every, logits, **about).save(work)
        for chunk in chunks:
            chunk.unlink()

    folder = shop.store.stage(key, "answers", make)
    return Stage(key=key, folder=folder, name=open_folder(folder).name)


def _ask_in_chunks(asking: Asking, texts: Sequence[Text], work: Path, shop: Workshop) -> Engine:
    """The teacher, after the logits of every chunk of texts stand in `work`; those that stood there aren't asked for again."""
    from llamita.train.progress import progress_bar

    teacher: Engine | None = None
    log.info("the teacher labels %s texts", f"{len(texts):,}")
    with progress_bar(len(texts), "the teacher labels", "text") as bar:
        for start in range(0, len(texts), CHUNK):
            part = texts[start : start + CHUNK]
            if not (work / f"{start}.npy").exists():
                teacher = teacher or asking.open(shop.store.cache, shop.threads, shop.device)
                save_array(work / f"{start}.npy", teacher.text_logits(part))
            bar.update(len(part))
    return teacher or asking.open(shop.store.cache, shop.threads, shop.device)


def calibrated(plain: Stage, hand: Split, labels: Sequence[str], shop: Workshop) -> Stage:
    """The same answers with the scale and shift that hand labels ask for."""
    key = address({"calibrated": plain.key, "by": hand.fingerprint, "labels": list(labels)})

    def make(work: Path) -> None:
        table, gold = open_folder(plain.folder), np.asarray(hand.labels)
        logits = table.as_given(hand.texts)
        scale, shift = fit_few(logits, gold)
        table.scaled(scale, shift).save(work)

    return Stage(key=key, folder=shop.store.stage(key, "calibrated", make), name=plain.name)
