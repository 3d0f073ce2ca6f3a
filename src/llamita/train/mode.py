"""How a module is set while it trains, and set back afterwards."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from llamita.train.norms import quick_norms

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LONGEST_EAGER = 256
"""Tokens up to which a CPU trains with plain attention: torch's fused kernel takes a backward pass several times as long
there (docs/log.md). Longer texts keep the fused one, since plain attention holds the scores of all pairs of tokens."""


KEPT_BYTES = (1 << 31) - 1
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
GIVEN_BACK_FROM = 1 << 20
"""Bytes of a block that glibc gives back to the kernel as soon as it is freed, where memory is what is short."""


GAPS = 1 << 30
"""Bytes by which what a training holds may grow: blocks of many sizes leave gaps that none fits into, some ten megabytes a step."""
BETWEEN = 25
"""Steps after which it is looked at: a long batch after short ones may hold as much more, and needs it again before long."""


class Freed:
    """What glibc keeps of the memory that training steps free, for the next ones."""

    def __init__(self, libc: Any = None):
        self._libc, self._least, self._steps = libc, 0, 0

    def after_step(self) -> None:
        """Give it back where gaps have grown to more than `GAPS`; the next step takes what it needs anew."""
        if self._libc is None:
            return
        held = _resident_bytes()
        self._least, self._steps = min(held, self._least or held), self._steps + 1
        if self._steps % BETWEEN == 0 and held > self._least + GAPS:
            self._libc.malloc_trim(0)
            self._least = 0


def _resident_bytes() -> int:
    """Of this process, as Linux tells it; 0 where it doesn't."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def memory_kept(kept: bool = True) -> Generator[Freed]:
    """Let glibc keep what one training step frees for the next, rather than have the kernel map and clear it each time.

    Where it isn't to be kept large blocks are given back at once: of themselves they would be kept in part, in pieces.
    """
    import ctypes

    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "malloc_trim"):
        yield Freed()
        return
    libc.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES // 2 if kept else GIVEN_BACK_FROM)
    if kept:
        libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
    try:
        yield Freed(libc)
    finally:
        libc.malloc_trim(0)


@contextmanager
def set_to_train(module: PreTrainedModel, longest: int) -> Generator[None]:
    """No cache of keys and values; on a CPU quick norms, and plain attention for texts of at most so many tokens."""
    config = module.config
    cache, attention = getattr(config, "use_cache", None), getattr(config, "_attn_implementation", None)
    plain = attention == "sdpa" and module.device.type == "cpu" and longest <= LONGEST_EAGER
    plain = plain and module._can_set_attn_implementation()
    if cache:
        config.use_cache = False
    if plain:
        module.set_attn_implementation("eager")
    try:
        with quick_norms(module):
            yield
    finally:
        if cache:
            config.use_cache = cache
        if plain:
            module.set_attn_implementation("sdpa")


DRAWN = 1 << 16
"""Dropout's chance is rounded to one of so many parts, and what is kept is scaled to the rounded chance: its mean stays right."""


@contextmanager
def quick_dropout() -> Generator[None]:
    """Dropout on a CPU draws sixteen bits for each number instead of a float: torch's takes a fifth of an encoder's training.

    The bits come from torch's own generator, so that what is drawn is still a function of its seed. Dropout inside torch's fused
    attention, on another device or in place stays torch's.
    """
    stock = functional.dropout

    def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        dropped = round(p * DRAWN)
        if not training or inplace or input.device.type != "cpu" or not 0 < dropped < DRAWN:
            return stock(input, p, training, inplace)
        kept = torch.ops.llamita.kept_and_scaled if torch.compiler.is_compiling() else kept_and_scaled
        return input * kept(input, dropped)

    functional.dropout = dropout
    try:
        yield
    finally:
        functional.dropout = stock


def kept_and_scaled(like: Tensor, dropped: int) -> Tensor:
    """Zero with a chance of dropped / DRAWN, else what keeps the mean; a tensor of this shape and type."""
    words = -(-like.numel() // 4)
    bits = torch.empty(words, dtype=torch.int64).random_(-(1 << 63), None).view(torch.int16)[: like.numel()]
    kept = torch.ge(bits, dropped - DRAWN // 2, out=torch.empty_like(bits))  # several times as fast as by way of bool
    return kept.view(like.shape).to(like.dtype).mul_(DRAWN / (DRAWN - dropped))


# To the compiler it is an operation that draws: never done twice or left out, and merged with another only where the same tensor
# is dropped twice, which no layer does.
OPERATIONS = torch.library.Library("llamita", "FRAGMENT")
OPERATIONS.define("kept_and_scaled(Tensor like, int dropped) -> Tensor", tags=torch.Tag.nondeterministic_seeded)
OPERATIONS.impl("kept_and_scaled", kept_and_scaled, "CPU")
OPERATIONS.impl("kept_and_scaled", torch.library.fallthrough_kernel, "AutogradCPU")  # it has no gradient
torch.library.register_fake("llamita::kept_and_scaled", lambda like, dropped: torch.empty_like(like), lib=OPERATIONS)
