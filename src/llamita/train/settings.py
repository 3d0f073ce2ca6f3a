"""Settings of the loop, and what every step that trains checks of its own fields; no torch needed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from llamita.core.errors import require

PRECISIONS = ("auto", "fp32", "bf16")
PACKINGS = ("auto", "on", "off")
EVALUATIONS = 10
"""Over a training that is judged, where none are named."""
SCHEDULES = ("linear", "cosine", "constant")


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """How to train, whatever is learned."""

    learning_rate: float
    weight_decay: float = 0.01
    """Not applied to norms and biases."""
    warmup: float = 0.06
    """Share of the steps in which the learning rate rises from 0."""
    schedule: str = "linear"
    """After the warm-up: linear or cosine down to 0, or constant."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    precision: str = "auto"
    """auto: bf16 autocast where the machine is fast at it; the weights stay fp32."""
    dropout: bool = True
    """Whether the module's own dropout is at work."""
    loss_rate: float = 10.0
    """How many times faster the loss's own parameters learn: they start from nothing and are dropped at the end."""
    hidden_states: bool = False
    """Whether the loss reads the hidden states."""
    at_once: int = 0
    """Most tokens that a process computes at once; its part of a larger batch is computed in parts. 0: no limit."""
    evaluations: int = 0
    """How many times, evenly spread, `evaluate` is asked for a score."""
    patience: int = 0
    """Stop after so many evaluations without a better score and return to the best weights; 0: train to the end."""
    checkpoint_every: int = 0
    """Steps between checkpoints; 0: about a minute's worth by the size of the work (the clock is never asked)."""
    log_every: int = 0
    """Steps between lines of metrics.jsonl; 0: about 50 lines."""
    step: str = field(default="", compare=False)
    """The step that trains, with all its settings: a checkpoint of another is none of this training."""


def check_training(step: Any) -> None:
    """Refuse what no training can do with the fields that all training steps have."""
    require(0 < step.epochs < math.inf, f"epochs must be > 0, got {step.epochs:g}")
    rate = step.learning_rate
    require(rate is None or 0 < rate < 1, f"learning_rate must be in (0, 1), got {rate}")
    size = step.batch_size
    require(size is None or size >= 1, f"batch_size must be >= 1, got {size}")
    tokens, length = getattr(step, "max_tokens", 0), getattr(step, "max_length", None)
    require(tokens is None or tokens >= 0, f"max_tokens must be >= 0, got {tokens}")
    require(length is None or length >= 1, f"max_length must be >= 1, got {length}")
    require(step.weight_decay >= 0, f"weight_decay must be >= 0, got {step.weight_decay:g}")
    require(0 <= step.warmup < 1, f"warmup must be in [0, 1), got {step.warmup:g}")
    require(step.schedule in SCHEDULES, f"schedule must be one of {', '.join(SCHEDULES)}, got {step.schedule!r}")
    packing = getattr(step, "packing", "off")
    require(packing in PACKINGS, f"packing must be one of {', '.join(PACKINGS)}, got {packing!r}")
    require(step.precision in PRECISIONS, f"precision must be one of {', '.join(PRECISIONS)}, got {step.precision!r}")


def loop_settings(step: Any, learning_rate: float, **more: Any) -> LoopSettings:
    """The loop's settings out of a step's fields; `learning_rate` is taken where the step names none."""
    return LoopSettings(
        learning_rate=step.learning_rate or learning_rate, weight_decay=step.weight_decay, warmup=step.warmup,
        schedule=step.schedule, precision=step.precision, dropout=step.dropout, step=_told(step), **more,
    )  # fmt: skip


def _told(step: Any) -> str:
    """The step and its settings, but for the names of files, which may stand elsewhere when it goes on."""
    settings = {name: one for name, one in vars(step).items() if name not in getattr(step, "names_files", ())}
    return f"{type(step).__name__} {settings!r}"
