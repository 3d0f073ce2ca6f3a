"""Files and folders that are there whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np


@contextmanager
def whole_file(path: Path, *, shared: bool = False) -> Generator[Path]:
    """The name to write under; the file has its own when the block ends well, and nothing is left when it doesn't.

    Args:
        shared: whether another process may write the same file meanwhile; each then has a temporary one of its own.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part" if shared else f".{path.name}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Generator[Path]:
    """An empty folder to fill, renamed when the block ends well and removed when it doesn't; what stood there gives way."""
    part = path.with_name(f".{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_whole(path: Path, text: str) -> None:
    """Write a text file in UTF-8; bytes of file names that are no UTF-8 are written out."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")


def save_array(path: Path, array: np.ndarray, *, shared: bool = False) -> None:
    """Write an array as .npy, in a folder that is made where it isn't there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, shared=shared) as part, part.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)
