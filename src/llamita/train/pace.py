"""How fast to learn and how often to write, as functions of sizes and steps alone; the clock is never asked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from llamita.core.model import Model


def rate_share(step: int, total: int, warmup: float, schedule: str) -> float:
    """The share of the learning rate at a step: up from 0 in the warm-up, then down to 0."""
    rising = math.ceil(warmup * total)
    if step < rising:
        return (step + 1) / (rising + 1)
    done = (step - rising) / max(1, total - rising)
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done))
    return 1.0 if schedule == "constant" else 1 - done


def steps_between_checkpoints(module: nn.Module, tokens_per_step: float, device: str) -> int:
    """Steps that take about a minute, more where writing (at 0.5 GB/s) would cost over a twentieth of the time.

    The speed is assumed, not measured, so that the same training keeps the same checkpoints: 0.3 TFLOP/s on a CPU.
    """
    sizes = [(p.numel(), p.requires_grad) for name, p in module.named_parameters() if "embed" not in name]
    flops = tokens_per_step * sum(size * (6 if trained else 2) for size, trained in sizes)
    trained_bytes = 12 * sum(p.numel() for p in module.parameters() if p.requires_grad)
    seconds = max(60.0, 20 * trained_bytes / 5e8)
    return max(1, math.ceil(seconds * (3e11 if device == "cpu" else 2e13) / max(1.0, flops)))


def default_learning_rate(model: Model, *, lora: bool = False) -> float:
    """1e-4 for 10 million parameters beside the embeddings, falling with the cube root of their number; tenfold for LoRA."""
    embeddings = model.module.get_input_embeddings().weight.numel()
    body = max(1, model.num_parameters - embeddings)
    return min(3e-4, max(1e-5, 1e-4 * (1e7 / body) ** (1 / 3))) * (10 if lora else 1)
