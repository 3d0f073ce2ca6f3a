"""A store of content-addressed stages: each is written under a temporary name and renamed when it is whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llamita.core import processes
from llamita.core.whole import write_whole

SHORT = 12
"""Hexadecimal digits of an address that a folder's name shows."""


def address(parts: Mapping[str, Any]) -> str:
    """SHA-256 of plain data, whatever the order of its keys."""
    return hashlib.sha256(
        json.dumps(parts, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")
    ).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Store:
    """The folder `stages/`, which several recipes and runs may share."""

    folder: Path

    def place(self, key: str, name: str) -> Path:
        """Where the stage stands once it is whole."""
        return self.folder / f"{key[:SHORT]}-{name}"

    def stage(self, key: str, name: str, make: Callable[[Path], None], *, together: bool = False) -> Path:
        """The stage's folder; made first, unless it is there already.

        `make` fills a temporary folder that survives a kill, so that training goes on from its last checkpoint.
        Of several processes the first makes it while the others wait, or all do together; then it alone writes files.
        """
        final = self.place(key, name)
        if processes.agreed(final.is_dir()):
            return final
        work = self.folder / f".{final.name}.part"
        work.mkdir(parents=True, exist_ok=True)
        if together or processes.is_first():
            try:
                make(work)
            except Exception:
                with suppress(OSError):
                    work.rmdir()  # an empty one is nothing to go on from
                raise
        processes.wait()
        if processes.is_first():
            for left in (work / "checkpoints", *work.glob("part-*")):
                shutil.rmtree(left, ignore_errors=True)
            os.replace(work, final)
        processes.wait()
        return final

    def record(self, key: str, name: str, make: Callable[[], Any]) -> Any:
        """Plain data computed once and kept in a stage, such as findings: a timing is never taken again."""

        def write(work: Path) -> None:
            write_whole(work / f"{name.split('-')[0]}.json", json.dumps(make(), ensure_ascii=False, indent=1))

        folder = self.stage(key, name, write)
        return json.loads((folder / f"{name.split('-')[0]}.json").read_text(encoding="utf-8"))

    @property
    def cache(self) -> Path:
        """What stages share that is no stage itself: teacher outputs."""
        folder = self.folder / "cache"
        folder.mkdir(parents=True, exist_ok=True)
        return folder
