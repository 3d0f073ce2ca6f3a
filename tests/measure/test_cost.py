from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.engines import BagOfWords
from tests.families import tiny_model

from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.flops import flops_per_token
from llamita.core.task import Split
from llamita.measure import _timing
from llamita.measure._flops import mean_flops
from llamita.measure._memory import measure_peak
from llamita.measure._timing import Timings, like_length, sample
from llamita.measure.cost import Cost, cost_ratios, cost_side_by_side, timing_findings
from llamita.tasks.classify import Classify

TEXTS = tuple(f"text {'word ' * (i % 7)}{i}" for i in range(40))
QUICK = Cost(calls=20, rounds=2, throughput_texts=16, batch=4, seconds=0.5, memory=False)


class Clock:
    """Time that passes only where an engine says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Slow(BagOfWords):
    """Takes a known time for each text, and keeps what it was asked."""

    def __init__(self, clock: Clock, seconds: float):
        super().__init__({"word": (1, 0)})
        self.clock, self.seconds_a_text = clock, seconds
        self.asked: list[list[object]] = []

    def scores(self, texts, tokens_per_batch: int = 4096) -> np.ndarray:
        self.clock.now += self.seconds_a_text * len(texts)
        self.asked.append(list(texts))
        return super().scores(texts, tokens_per_batch)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(_timing, "time", made)
    return made


def test_ratios_and_latencies_are_those_of_the_clock(clock: Clock) -> None:
    light, teacher = Slow(clock, 0.002), Slow(clock, 0.016)
    found = cost_side_by_side({"light": light, "teacher": teacher}, TEXTS, cost=QUICK, threads=1)
    value = {f.name: f for f in found["light"]}
    assert value["cost.latency_p50_ms"].value == pytest.approx(2)
    assert value["cost.latency_p95_ms"].n == 20
    assert value["cost.throughput"].value == pytest.approx(500)
    ratios = {f.name: f for f in cost_ratios(found["light"], found["teacher"], "teacher")}
    assert ratios["cost.latency_ratio"].value == pytest.approx(8)
    assert ratios["cost.throughput_ratio"].value == pytest.approx(8)
    assert ratios["cost.size_ratio"].value == 1
    assert ratios["cost.latency_ratio"].n == 2


def test_a_model_on_a_gpu_is_timed_on_the_cpu_and_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[str] = []
    model = tiny_model("bert")
    monkeypatch.setattr(type(model), "device", "gpu")
    monkeypatch.setattr(model.module, "to", moved.append)

    def time_nothing(*given: object) -> dict[str, Timings]:
        assert moved == ["cpu"]
        raise KeyboardInterrupt

    monkeypatch.setattr("llamita.measure.cost.time_engines", time_nothing)
    with pytest.raises(KeyboardInterrupt):
        cost_side_by_side({"model": model}, TEXTS, cost=QUICK)
    assert moved == ["cpu", "gpu"]


def test_engines_get_the_same_texts_in_the_same_batches(clock: Clock) -> None:
    first, second = Slow(clock, 0.001), Slow(clock, 0.001)
    cost_side_by_side({"a": first, "b": second}, TEXTS, cost=QUICK, threads=1)
    assert first.asked == second.asked
    assert {len(texts) for texts in first.asked} == {1, 4}


def test_engines_take_turns(clock: Clock) -> None:
    order: list[str] = []

    class Told(Slow):
        def scores(self, texts, tokens_per_batch: int = 4096) -> np.ndarray:
            if not order or order[-1] != self.name:
                order.append(self.name)
            return super().scores(texts, tokens_per_batch)

    engines = {name: Told(clock, 0.01) for name in "ab"}
    for name, engine in engines.items():
        engine.name = name
    cost_side_by_side(engines, TEXTS, cost=QUICK, threads=1)
    assert order == ["a", "b"] * 3


def test_a_slow_engine_makes_fewer_calls_and_says_so(clock: Clock) -> None:
    found = cost_side_by_side({"slow": Slow(clock, 0.05), "fast": Slow(clock, 0.001)}, TEXTS, cost=QUICK, threads=1)
    n = {name: next(f.n for f in findings if f.name == "cost.latency_p50_ms") for name, findings in found.items()}
    assert n == {"slow": 10, "fast": 20}
    assert cost_ratios(found["fast"], found["slow"])[1].value == pytest.approx(50)


def test_the_reference_is_told_beside_the_engine(tmp_path: Path, clock: Clock) -> None:
    task = Classify(labels=("negative", "positive"), test=Split(texts=TEXTS))
    found = QUICK.measure(Slow(clock, 0.001), task, Run(folder=tmp_path, threads=2), Slow(clock, 0.003))
    value = {f.name: f.value for f in found}
    assert value["cost.reference_latency_p50_ms"] == pytest.approx(3)
    assert value["cost.latency_ratio"] == pytest.approx(3)
    assert all(f.detail["threads"] == 2 for f in found if f.name.endswith("ratio"))
    json.dumps([f.to_dict() for f in found], allow_nan=False)


def test_quantiles_are_over_all_calls() -> None:
    timed = Timings(
        call_ms=[np.arange(1.0, 51), np.arange(51.0, 101)], texts_per_second=[10, 10], passes=2, pass_texts=5
    )
    p50, p95, rate = timing_findings(timed, Cost(), threads=1)
    assert (p50.value, p95.value) == pytest.approx((50.5, 95.05))
    assert p50.n == 100
    assert rate.n == 10


def test_intervals_of_latency_know_that_the_calls_of_a_slow_round_are_slow_together() -> None:
    steady, slow = [np.ones(50)] * 4, [np.full(50, 3.0)]
    timed = Timings(call_ms=[*steady, *slow], texts_per_second=[10] * 5, passes=5, pass_texts=5)
    p50, p95, _ = timing_findings(timed, Cost(), threads=1)
    assert (p50.value, p50.interval) == (1.0, (1.0, 3.0))
    assert p95.interval == (1.0, 3.0)


def test_a_sample_takes_every_text_about_equally_often() -> None:
    drawn = sample(TEXTS, 100, seed=1)
    counts = [drawn.count(text) for text in TEXTS]
    assert set(counts) == {2, 3}
    assert drawn == sample(TEXTS, 100, seed=1) != sample(TEXTS, 100, seed=2)


def test_batches_hold_texts_of_like_length() -> None:
    batches = like_length([("a", "b" * i) for i in (5, 1, 3, 9)], 2)
    assert [[len(b) for _, b in batch] for batch in batches] == [[9, 5], [3, 1]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"calls": 0}, "calls must be"), ({"rounds": 0}, "rounds must be"), ({"seconds": 0.0}, "seconds must be above"),
     ({"calls": 3}, "at least rounds"), ({"batch": -1}, "batch must be"), ({"throughput_texts": 0}, "throughput_texts")],
)  # fmt: skip
def test_impossible_settings_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Cost(**settings)  # type: ignore[arg-type]


def test_timing_without_texts_is_refused() -> None:
    with pytest.raises(UserError, match="no texts to time"):
        cost_side_by_side({"a": BagOfWords({"x": (1, 0)})}, ())


def test_flops_of_a_text_grow_with_its_tokens_and_their_square() -> None:
    model = tiny_model("bert", layers=2)
    found = mean_flops(model, ["a film"])
    assert not isinstance(found, str)
    tokens = found[1]["mean_tokens"]
    assert found[0] == flops_per_token(model) * tokens + 4 * 2 * 32 * tokens**2


@pytest.mark.parametrize("family", ["llama", "bart", "gemma3_text", "distilbert"])
def test_flops_agree_with_torchs_own_counter(family: str) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model = tiny_model(family)
    model.module.config._attn_implementation = "eager"
    text = "a warm and funny film that never loses its way"
    batch = model.encoder.pad(model.encoder.encode([text]))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.module(**model.inputs(batch.token_ids, batch.mask, batch.type_ids))
    found = mean_flops(model, [text])
    assert not isinstance(found, str)
    assert found[0] == pytest.approx(counter.get_total_flops(), rel=0.1)


def test_an_engine_that_cannot_tell_its_flops_says_why() -> None:
    assert isinstance(mean_flops(BagOfWords({"x": (1, 0)}), ["x"]), str)


def test_an_engine_that_states_its_flops_is_believed() -> None:
    engine = BagOfWords({"x": (1, 0)})
    engine.flops_per_token = 100
    assert mean_flops(engine, ["x x", "x x x x"])[0] == 300  # type: ignore[index]


def test_memory_of_a_saved_model_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    tiny_model("bert").save(tmp_path)
    peak = measure_peak(tmp_path, ["a film", ("一", "对")], threads=1, batch=2)
    assert not isinstance(peak, str)
    assert peak.total_bytes > peak.before_bytes > 1_000_000


def test_a_folder_that_holds_no_model_gives_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('whoever wrote this')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)  # where a stranger's files may lie
    assert "holds no model" in str(measure_peak(tmp_path, ["x"], threads=1, batch=1))


def test_measures_import_without_torch() -> None:
    modules = "measure.quality, measure.cost, measure.calibration, measure.agreement, measure._memory, tasks.classify"
    names = [f"llamita.{m.strip()}" for m in (modules + ", explain.occlusion, attack.noise").split(",")]
    blocked = ("torch", "transformers", "scipy", "sklearn", "pandas")
    code = f"import sys; sys.modules.update(dict.fromkeys({blocked})); import {', '.join(names)}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_texts_of_an_array_are_timed_and_a_bare_text_is_refused() -> None:
    engine = BagOfWords({"word": (1, 0)})
    assert cost_side_by_side({"a": engine}, np.array(TEXTS), cost=QUICK)["a"]
    with pytest.raises(UserError, match="takes a list of texts, got one text"):
        cost_side_by_side({"a": engine}, "a text", cost=QUICK)
    with pytest.raises(UserError, match="engines must be a dict such as"):
        cost_side_by_side([engine], TEXTS, cost=QUICK)  # type: ignore[arg-type]
