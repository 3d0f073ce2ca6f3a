"""The pace of the model that labels is measured once, on texts that are really asked about."""

from __future__ import annotations

from pathlib import Path

from tests.tasks.test_likelihood import causal

from llamita.core.store import Store
from llamita.labeller import pace_of, seconds_a_text
from llamita.tasks.asked import Asking
from llamita.workshop import Workshop

TEXTS = [f"a warm film, {i}" for i in range(12)]


def test_a_pace_is_taken_once_for_a_question(tmp_path: Path) -> None:
    causal("llama").save(tmp_path / "model")
    shop = Workshop(store=Store(folder=tmp_path / "stages"), task=None, threads=1)
    asking = Asking(model=str(tmp_path / "model"), labels=("bad", "good"))
    first = seconds_a_text(asking, TEXTS, shop)
    assert first > 0
    assert seconds_a_text(asking, TEXTS, shop) == first
    assert seconds_a_text(Asking(model=asking.model, labels=("bad", "fine")), TEXTS, shop) != first


def test_what_a_text_costs_is_told_with_its_number(tmp_path: Path) -> None:
    causal("llama").save(tmp_path)
    found = pace_of(Asking(model=str(tmp_path), labels=("bad", "good")).open(tmp_path, 1), TEXTS, 1)
    assert {"cost.latency_p50_ms", "cost.throughput"} <= {finding["name"] for finding in found}
    assert all(finding["n"] for finding in found if "latency" in finding["name"])
