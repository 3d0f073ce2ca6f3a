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
FEWEST_CALLS = 5
"""Single calls of a round that no time limit takes away."""


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
    """Throughput in batches, a number a round."""
    passes: int = 0
    """Passes over the texts of the throughput, in all rounds."""
    pass_texts: int = 0
    """Texts of one pass."""


def time_engines(engines: Mapping[str, Engine], texts: Sequence[Text], plan: Plan) -> dict[str, Timings]:
    """Time each engine in every round, on the same texts in the same order.

    A slow engine makes fewer single calls (a beginning of the round's texts); the texts of a throughput pass are fewer
    for all, so that every engine gets the same batches.
    """
    chosen = sample(texts, plan.calls, plan.seed)
    rounds = [chosen[start :: plan.rounds] for start in range(plan.rounds)]
    slowest = max(_warm_up(engine, chosen, plan.batch) for engine in engines.values())
    size = max(plan.batch, int(plan.seconds / plan.rounds / slowest))
    bulk = sample(texts, min(size, plan.throughput_texts), plan.seed + 1)
    batches = like_length(bulk, plan.batch)
    timed = {name: Timings() for name in engines}
    for round_texts in rounds:
        for name, engine in engines.items():
            timed[name].call_ms.append(time_calls(engine, round_texts, plan.seconds / plan.rounds))
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


def time_calls(engine: Engine, texts: Sequence[Text], seconds: float) -> np.ndarray:
    """Milliseconds of each call with one text, after one that isn't counted; five at least, more while there is time."""
    engine.scores(texts[:1])
    taken: list[float] = []
    for text in texts:
        if len(taken) >= FEWEST_CALLS and sum(taken) >= seconds:
            break
        taken.append(_seconds(lambda text=text: engine.scores([text])))
    return 1000 * np.array(taken)


def time_batches(engine: Engine, batches: Sequence[Sequence[Text]], num_texts: int) -> tuple[float, int]:
    """Texts a second over the batches, and how many passes were made."""
    seconds, passes = 0.0, 0
    while seconds < SHORTEST_PASS_SECONDS:
        seconds += sum(_seconds(lambda batch=batch: engine.scores(batch)) for batch in batches)
        passes += 1
    return passes * num_texts / seconds, passes


def _warm_up(engine: Engine, texts: Sequence[Text], batch: int) -> float:
    """Seconds a text takes in a batch, after a few calls that aren't counted."""
    for text in texts[:WARM_UP_CALLS]:
        engine.scores([text])
    together = texts[:batch]
    return max(1e-7, _seconds(lambda: engine.scores(together)) / len(together))


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
