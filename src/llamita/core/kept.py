"""What a run sets for the whole process is put back when it ends: torch's threads, and the state of random numbers."""

from __future__ import annotations

import random
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np


@contextmanager
def process_as_it_was() -> Generator[None]:
    """Threads of torch, and random numbers of torch (on the CPU), numpy and Python, are at the end what they were before."""
    import torch

    threads, numbers, drawn = torch.get_num_threads(), random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            random.setstate(numbers)
            np.random.set_state(drawn)
