"""What a model costs: bytes, parameters, FLOPs, peak memory, latency and throughput on the user's own texts.

Timings go string in, probabilities out, on the CPU. Engine and reference take turns, round by round, on the same texts and the same
batches; a ratio is the mean over rounds, with its interval.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.engine import listed_texts
from llamita.core.errors import UserError, require
from llamita.core.hardware import num_cores
from llamita.core.measure import Finding, Measure
from llamita.core.statistics import percentile_interval, ratio_interval
from llamita.measure._flops import mean_flops
from llamita.measure._memory import measure_peak
from llamita.measure._timing import Plan, Timings, sample, time_engines

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.engine import Engine
    from llamita.core.task import Task, Text

MEMORY_TEXTS = 64


@dataclass(frozen=True, kw_only=True)
class Cost(Measure):
    """Size, FLOPs, peak memory, latency p50 and p95 at batch 1, throughput; ratios to the reference by round."""

    calls: int = 500
    """Single calls of each engine, over all rounds; fewer where `seconds` would not do. At least 1."""
    rounds: int = 5
    """Rounds in which the engines take turns; at least 1, and 2 for intervals."""
    throughput_texts: int = 512
    """Texts of one throughput pass; at least 1."""
    batch: int = 32
    """Texts handed over at once in a throughput pass; at least 1."""
    seconds: float = 45.0
    """Bound for the single calls of one engine, and again for its throughput passes; above 0."""
    memory: bool = True
    """Measure peak memory too, in a process of its own."""

    def __post_init__(self) -> None:
        for name in ("calls", "rounds", "throughput_texts", "batch"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1, got {getattr(self, name)}")
        require(self.seconds > 0, f"seconds must be above 0, got {self.seconds:g}")
        require(self.calls >= self.rounds, f"calls must be at least rounds ({self.rounds}), got {self.calls}")

    def measure(self, engine: Engine, task: Task, run: Run, reference: Engine | None = None) -> list[Finding]:
        """The engine's findings; with a reference its own too, as `cost.reference_...`, and the ratios."""
        texts = task.split(run.split).texts
        engines = {"engine": engine} | ({"reference": reference} if reference is not None else {})
        found = cost_side_by_side(engines, texts, cost=self, threads=run.threads, seed=run.seed)
        if reference is None:
            return found["engine"]
        theirs = [replace(f, name=f.name.replace("cost.", "cost.reference_", 1)) for f in found["reference"]]
        return [*found["engine"], *cost_ratios(found["engine"], found["reference"], reference.name), *theirs]


def cost_side_by_side(
    engines: Mapping[str, Engine],
    texts: Sequence[Text],
    *,
    cost: Cost | None = None,
    threads: int | None = None,
    seed: int = 0,
) -> dict[str, list[Finding]]:
    """Findings of engines that took turns in one process; `cost_ratios` compares any two of them.

    Args:
        engines: by the names that the findings get.
        texts: what they are timed on, a part of them drawn by the seed.
        threads: what the engines were opened with, for the record; all cores when left out.

    Raises:
        UserError: no texts, or engines without names.
    """
    cost, texts = cost or Cost(), listed_texts(texts, "cost_side_by_side")
    require(
        isinstance(engines, Mapping), f"engines must be a dict such as {{'light': light}}, got {type(engines).__name__}"
    )
    if not texts:
        raise UserError("there are no texts to time the model on; give data")
    plan = Plan(
        calls=cost.calls, rounds=cost.rounds, throughput_texts=cost.throughput_texts, batch=cost.batch,
        seconds=cost.seconds, seed=seed,
    )  # fmt: skip
    some = sample(texts, min(MEMORY_TEXTS, len(texts)), seed)
    threads = threads or num_cores()
    with on_the_cpu(engines.values()):
        timed = time_engines(engines, texts, plan)
        return {
            name: [
                *sizes(engine, texts), _memory(engine, some, threads, cost), *timing_findings(timed[name], cost, threads)
            ]
            for name, engine in engines.items()
        }  # fmt: skip


@contextmanager
def on_the_cpu(engines: Iterable[Engine]) -> Generator[None]:
    """Torch models that stand on a GPU are on the CPU meanwhile, where light models run: one machine for all numbers."""
    away = [(module, engine.device) for engine in engines if (module := getattr(engine, "module", None)) is not None]  # type: ignore[attr-defined]
    for module, _ in away:
        module.to("cpu")
    try:
        yield
    finally:
        for module, device in away:
            module.to(device)


def sizes(engine: Engine, texts: Sequence[Text]) -> list[Finding]:
    """Bytes, parameters and FLOPs: nothing is timed."""
    flops = mean_flops(engine, texts)
    counted = (
        Finding(name="cost.flops", value=None, better="lower", reason=flops)
        if isinstance(flops, str)
        else Finding(name="cost.flops", value=flops[0], better="lower", n=len(texts), detail=flops[1])
    )
    return [
        Finding(name="cost.size_bytes", value=engine.size_bytes, unit="bytes", better="lower", n=1),
        Finding(name="cost.parameters", value=engine.num_parameters, better="lower", n=1),
        counted,
    ]


def _memory(engine: Engine, texts: Sequence[Text], threads: int, cost: Cost) -> Finding:
    folder = getattr(engine, "folder", None)
    if not cost.memory or folder is None:
        reason = "the model stands in no folder that a fresh process could open" if cost.memory else "not asked for"
        return Finding(name="cost.peak_memory_bytes", value=None, unit="bytes", better="lower", reason=reason)
    peak = measure_peak(Path(folder), texts, threads, cost.batch)
    if isinstance(peak, str):
        return Finding(name="cost.peak_memory_bytes", value=None, unit="bytes", better="lower", reason=peak)
    detail = {"before_bytes": peak.before_bytes, "texts": len(texts), "batch": cost.batch, "threads": threads}
    return Finding(
        name="cost.peak_memory_bytes", value=peak.total_bytes, unit="bytes", better="lower", n=1, detail=detail
    )


def timing_findings(timed: Timings, cost: Cost, threads: int) -> list[Finding]:
    """Latency and throughput, with the rounds they come from."""
    calls = np.concatenate(timed.call_ms)
    detail: dict[str, Any] = {"threads": threads, "rounds": len(timed.call_ms)}
    single = {**detail, "batch": 1, "round_ms": [[round(float(ms), 4) for ms in row] for row in timed.call_ms]}
    rate = ratio_interval(np.array(timed.texts_per_second), np.ones(len(timed.texts_per_second)))
    together = {
        **detail, "batch": cost.batch, "texts": timed.pass_texts, "passes": timed.passes,
        "round_rates": [round(rate, 4) for rate in timed.texts_per_second],
    }  # fmt: skip
    return [
        Finding(
            name="cost.latency_p50_ms", value=float(np.quantile(calls, 0.5)), unit="ms", better="lower",
            interval=_quantile_interval(timed.call_ms, 0.5), n=len(calls), detail=single,
        ),
        Finding(
            name="cost.latency_p95_ms", value=float(np.quantile(calls, 0.95)), unit="ms", better="lower",
            interval=_quantile_interval(timed.call_ms, 0.95), n=len(calls), detail={**detail, "batch": 1},
        ),
        Finding(
            name="cost.throughput", value=rate.value, unit="1/s", better="higher", interval=rate.interval,
            n=timed.passes * timed.pass_texts, detail=together,
        ),
    ]  # fmt: skip


def _quantile_interval(rounds: Sequence[np.ndarray], quantile: float) -> tuple[float, float] | None:
    """Percentile bootstrap over the rounds and the calls of each: the calls of a slow minute are slow together."""
    if sum(map(len, rounds)) < 2:
        return None
    generator, called = np.random.default_rng(0), [calls for calls in rounds if len(calls)]

    def drawn() -> float:
        chosen = (called[i] for i in generator.integers(0, len(called), len(called)))
        return float(np.quantile(np.concatenate([generator.choice(calls, len(calls)) for calls in chosen]), quantile))

    return percentile_interval(np.array([drawn() for _ in range(1000)]))


def cost_ratios(ours: Sequence[Finding], theirs: Sequence[Finding], reference: str = "") -> list[Finding]:
    """How many times lighter and faster: above 1, ours is; only of findings that `cost_side_by_side` took together."""
    our, their = ({f.name: f for f in found} for found in (ours, theirs))
    latency = (their["cost.latency_p50_ms"].detail["round_ms"], our["cost.latency_p50_ms"].detail["round_ms"])
    above, below = _common_medians(*latency)
    rates = (our["cost.throughput"].detail["round_rates"], their["cost.throughput"].detail["round_rates"])
    size = (their["cost.size_bytes"].value or 0) / (our["cost.size_bytes"].value or 1)
    shared = {"reference": reference, "threads": our["cost.throughput"].detail["threads"]}
    found = [Finding(name="cost.size_ratio", value=size, unit="times", better="higher", n=1, detail=shared)]
    for name, top, bottom in (("latency", above, below), ("throughput", *map(np.array, rates))):
        ratio = ratio_interval(top, bottom)
        rounds = {**shared, "rounds": [round(float(r), 4) for r in np.asarray(top) / np.asarray(bottom)]}
        found.append(
            Finding(
                name=f"cost.{name}_ratio", value=ratio.value, unit="times", interval=ratio.interval, better="higher",
                n=len(rounds["rounds"]), detail=rounds,
            )
        )  # fmt: skip
    return found


def _common_medians(first: list[list[float]], second: list[list[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Medians of each round over the calls that both engines made on the same texts."""
    pairs = [(a[: min(len(a), len(b))], b[: min(len(a), len(b))]) for a, b in zip(first, second, strict=True)]
    return np.array([np.median(a) for a, _ in pairs]), np.array([np.median(b) for _, b in pairs])
