"""Fixtures for every test: few threads, a fixed seed, and no network."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest


@pytest.fixture(autouse=True)
def _steady() -> None:
    """The same random numbers in every test, on one thread: tiny models gain nothing from more."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
