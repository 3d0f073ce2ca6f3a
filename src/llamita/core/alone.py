"""A folder that one process at a time works in: a second one would spoil what the first is making."""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from llamita.core.errors import UserError

LOCK_FILE = ".lock"
NO_LOCKS = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)
"""What the system says on a disk that has no locks, as some network disks: the work goes on without one."""


@contextmanager
def alone_in(folder: Path, shown: Path | None = None) -> Generator[None]:
    """Work in a folder alone; the lock is the system's, and ends with a process that is killed.

    Args:
        folder: is made where it isn't there.
        shown: what the user calls it.

    Raises:
        UserError: another process is at work there.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    file = folder / LOCK_FILE
    lock = FileLock(file, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise UserError(
            f"another process is at work in {shown or folder}; wait until it ends, or choose another folder"
        ) from error
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink()  # while it is held, so that nobody takes a file that is about to go
        lock.release()
