"""Whole runs for tests: a candidate or two, timings of a moment. How a run is made, kept, resumed and told stays the same."""

from __future__ import annotations

import pytest

TIMED = {"calls": 10, "rounds": 2, "throughput_texts": 8, "memory": False}


def be_brief(patch: pytest.MonkeyPatch, *, memory: bool = False) -> None:
    """Let `lighten` try few candidates, each trained shortly, and time models for a moment.

    Args:
        memory: whether the peak memory of what is delivered is measured, in a process for each.
    """
    patch.setattr("llamita.effort.EFFORTS", ((2, 0.25, 1.0),) * 3)
    patch.setattr("llamita.effort.SEARCHED", 2)
    patch.setattr("llamita.measure._timing.SHORTEST_PASS_SECONDS", 0.005)
    for name, more in (("QUICK", {}), ("FAIR", {"memory": memory})):
        patch.setattr(f"llamita.proof.{name}", TIMED | more)
