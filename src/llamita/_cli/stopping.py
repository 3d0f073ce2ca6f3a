"""SIGTERM and SIGHUP end a command as Ctrl-C does: what is in the making is cleaned away on the way out."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

NAMES = ("SIGTERM", "SIGHUP")
"""What a job's manager sends, and a terminal that is closed; Windows has only the first."""


class Stopped(BaseException):
    """The system asked the command to end."""

    def __init__(self, number: int):
        super().__init__(number)
        self.code = 128 + number
        """The exit code that shells give such an end."""


@contextmanager
def stopped_by_signals() -> Generator[None]:
    """Raise `Stopped` where a signal would have killed at once; one that is ignored, as under nohup, stays so.

    A second signal kills at once.
    """
    taken: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        _give_back(taken)
        raise Stopped(number)

    if threading.current_thread() is threading.main_thread():
        for name in NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, stop)
                taken.append(number)
    try:
        yield
    finally:
        _give_back(taken)


def _give_back(taken: list[int]) -> None:
    while taken:
        signal.signal(taken.pop(), signal.SIG_DFL)
