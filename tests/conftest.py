"""Fixtures for every test: few threads, a fixed seed, no network, and a tiny classifier."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest

LONGEST = (
    "tests/export/", "tests/test_resume.py", "tests/test_unlabelled.py", "tests/test_tutorials.py", "tests/test_lighten.py",
    "tests/test_recipes.py", "tests/train/test_shares.py", "tests/learn/", "tests/distill/",
)  # fmt: skip
"""What takes minutes begins first, so that no worker is left with it at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, else as they stand."""
    items.sort(
        key=lambda item: next((i for i, path in enumerate(LONGEST) if item.nodeid.startswith(path)), len(LONGEST))
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests stay on one worker, so that what they share is made once; the exports' files share drawn graphs."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "exports" if nodeid.startswith("tests/export/") else nodeid.split("::")[0]

    return ByFile(config, log)


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
