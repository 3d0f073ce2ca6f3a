"""Fixtures for every test: few threads, a fixed seed, no network, and a tiny classifier."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest


@pytest.fixture(autouse=True)
def _steady() -> None:
    """The same random numbers in every test, on one thread: tiny models gain nothing from more."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny classifier's folder."""
    from tests.families import tiny_model

    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_model("bert").save(folder)
    return folder
