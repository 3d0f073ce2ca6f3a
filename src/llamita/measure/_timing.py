"""Timing engines side by side: alternating rounds over the same texts, string in, probabilities out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from llamita.core.engine import Engine
from llamita.core.task import Text

SHORTEST_PASS_SECONDS = 0.2
"""A throughput pass that is over sooner is repeated within its round."""
WARM_UP_CALLS = 3


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is timed."""

    calls: int
    """Single calls of each engine, over all rounds."""
    rounds: int
    throughput_texts: int
    """Texts of one throughput pass."""
    batch: int
    """Texts handed over at once in a throughput pass."""
    seconds: float
    """Bound for the single calls of one engine, and again for its throughput passes."""
    seed: int


@dataclass(kw_only=True)
class Timings:
    """What one engine took, by round."""

    call_ms: list[np.ndarray] = field(default_factory=list)
    """Single calls, in the order of the round's texts."""
    texts_per_second: list[float] = field(default_factory=list)
    passes: int = 0
    pass_texts: int = 0


def time_engines(engines: Mapping[str, Engine], texts: Sequence[Text], plan: Plan) -> dict[str, Timings]:
    """Time each engine in every round, on the same texts in the same order.

    A slow engine makes fewer single calls (a beginning of the round's texts); the texts of a throughput pass are fewer
    for all, so that every engine gets the same batches.
    """
    chosen = sample(texts, plan.calls, plan.seed)
    rounds = [chosen[start :: plan.rounds] for start in range(plan.rounds)]
    pace = {name: _warm_up(engine, chosen, plan.batch) for name, engine in engines.items()}
    size = min(max(plan.batch, int(plan.seconds / plan.rounds / pace[name][1])) for name in engines)
    bulk = sample(texts, min(size, plan.throughput_texts), plan.seed + 1)
    batches = like_length(bulk, plan.batch)
    timed = {name: Timings() for name in engines}
    for round_texts in rounds:
        for name, engine in engines.items():
            affordable = max(5, int(plan.seconds / plan.rounds / pace[name][0]))
            timed[name].call_ms.append(time_calls(engine, round_texts[:affordable]))
            rate, passes = time_batches(engine, batches, len(bulk))
            timed[name].texts_per_second.append(rate)
            timed[name].passes += passes
            timed[name].pass_texts = len(bulk)
    return timed


def sample(texts: Sequence[Text], count: int, seed: int) -> list[Text]:
    """So many texts in a drawn order; each comes as often as any other, give or take one."""
    generator = np.random.default_rng(seed)
    order = np.concatenate([generator.permutation(len(texts)) for _ in range(-(-count // len(texts)))])
    return [texts[i] for i in order[:count]]


def like_length(texts: Sequence[Text], batch: int) -> list[list[Text]]:
    """Batches of texts that are about as long, by characters: the same for every engine, whatever its tokenizer."""
    ranked = sorted(texts, key=lambda text: len(text) if isinstance(text, str) else sum(map(len, text)), reverse=True)
    return [ranked[start : start + batch] for start in range(0, len(ranked), batch)]


def time_calls(engine: Engine, texts: Sequence[Text]) -> np.ndarray:
    """Milliseconds of each call with one text, after one that isn't counted."""
    engine.scores(texts[:1])
    taken = [_seconds(lambda text=text: engine.scores([text])) for text in texts]
    return 1000 * np.array(taken)


def time_batches(engine: Engine, batches: Sequence[Sequence[Text]], num_texts: int) -> tuple[float, int]:
    """Texts a second over the batches, and how many passes were made."""
    seconds, passes = 0.0, 0
    while seconds < SHORTEST_PASS_SECONDS:
        seconds += sum(_seconds(lambda batch=batch: engine.scores(batch)) for batch in batches)
        passes += 1
    return passes * num_texts / seconds, passes


def _warm_up(engine: Engine, texts: Sequence[Text], batch: int) -> tuple[float, float]:
    """Seconds a single call takes, and a text in a batch."""
    calls = [_seconds(lambda text=text: engine.scores([text])) for text in texts[: WARM_UP_CALLS + 1]]
    together = texts[:batch]
    in_batch = _seconds(lambda: engine.scores(together)) / len(together)
    return max(1e-6, float(np.median(calls[1:] or calls))), max(1e-7, in_batch)


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
