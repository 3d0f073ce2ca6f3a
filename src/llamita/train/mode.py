"""How a module is set while it trains, and set back afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LONGEST_EAGER = 256
"""Tokens up to which a CPU trains with plain attention: torch's fused kernel takes a backward pass several times as long
there (docs/log.md). Longer texts keep the fused one, since plain attention holds the scores of all pairs of tokens."""


KEPT_BYTES = (1 << 31) - 1
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


@contextmanager
def memory_kept() -> Iterator[None]:
    """Let glibc keep what one training step frees for the next, rather than have the kernel map and clear it each time."""
    import ctypes

    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "malloc_trim"):
        yield
        return
    libc.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES // 2)
    libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
    try:
        yield
    finally:
        libc.malloc_trim(0)


@contextmanager
def set_to_train(module: PreTrainedModel, longest: int) -> Iterator[None]:
    """No cache of keys and values, and on a CPU plain attention for texts of at most so many tokens."""
    config = module.config
    cache, attention = getattr(config, "use_cache", None), getattr(config, "_attn_implementation", None)
    plain = attention == "sdpa" and module.device.type == "cpu" and longest <= LONGEST_EAGER
    plain = plain and module._can_set_attn_implementation()
    if cache:
        config.use_cache = False
    if plain:
        module.set_attn_implementation("eager")
    try:
        yield
    finally:
        if cache:
            config.use_cache = cache
        if plain:
            module.set_attn_implementation("sdpa")
