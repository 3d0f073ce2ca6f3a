"""Small files for tests to read."""

from __future__ import annotations

from pathlib import Path


def written(folder: Path, name: str, content: str | bytes) -> Path:
    """A file of just this content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def table(place: Path, name: str, *rows: str) -> None:
    """A file of texts and labels."""
    written(place, name, "\n".join(["text,label", *rows]) + "\n")
