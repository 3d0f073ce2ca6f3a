"""A folder that one process at a time works in: a second one would spoil what the first is making."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from llamita.core.errors import UserError

LOCK_FILE = ".lock"
TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)
"""What the system says of a lock that another process holds; anything else means that this disk has no locks."""


@contextmanager
def alone_in(folder: Path, shown: Path | None = None) -> Iterator[None]:
    """Work in a folder alone; the lock is the system's, and ends with a process that is killed.

    Args:
        folder: is made where it isn't there.
        shown: what the user calls it.

    Raises:
        UserError: another process is at work there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / LOCK_FILE
    with file.open("ab") as stream:
        if not (_is_ours(stream) and _stands_there(stream, file)):
            raise UserError(
                f"another process is at work in {shown or folder}; wait until it ends, or choose another folder"
            )
        try:
            yield
        finally:
            with suppress(OSError):
                file.unlink()


def _stands_there(stream: IO[bytes], file: Path) -> bool:
    """Whether the file that was locked still is the one of that name: its last holder may just have taken it away."""
    return file.exists() and os.path.samestat(file.stat(), os.fstat(stream.fileno()))


def _is_ours(stream: IO[bytes]) -> bool:
    """Whether the lock could be had, or there are none here."""
    try:
        if sys.platform == "win32":
            import msvcrt

            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in TAKEN
    return True
