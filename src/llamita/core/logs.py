"""A folder's log.txt: what happened there, line by line with its time."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

LOG_FILE, BEGUN = "log.txt", ".llamita"
"""A run's log, and the empty file that marks its folder as one of a run from the first moment."""


class _LogFile(logging.FileHandler):
    """Lines with their time; a full disk stops the run where it writes its work, not here."""

    def __init__(self, file: Path, *, redact: bool):
        super().__init__(file, encoding="utf-8", delay=True, errors="backslashreplace")
        self.redact = redact
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        """With `redact`, without what the record's `quotes` name."""
        line = super().format(record)
        for text in getattr(record, "quotes", ()) if self.redact else ():
            line = line.replace(repr(text), "…").replace(text, "…") if text else line
        return line

    def handleError(self, record: logging.LogRecord) -> None:
        pass


class _Onward(logging.Handler):
    """Hands records on to where they would have gone; a root without handlers prints warnings only where nobody else does."""

    def __init__(self, *, alone: bool):
        super().__init__()
        self.alone = alone

    def emit(self, record: logging.LogRecord) -> None:
        if logging.getLogger().handlers or self.alone:
            logging.getLogger().handle(record)


@contextmanager
def logged(folder: Path, *, redact: bool = False) -> Generator[None]:
    """What is logged meanwhile, from INFO on, is added to the folder's log.txt; what others see of it stays as it was.

    Args:
        redact: Leave out of the file what a record names as `quotes`, the users' texts.
    """
    ours, file = logging.getLogger("llamita"), _LogFile(folder / LOG_FILE, redact=redact)
    onward = _Onward(alone=not ours.handlers)
    level, shown, propagated = ours.level, ours.getEffectiveLevel(), ours.propagate
    ours.setLevel(min(shown, logging.INFO))
    ours.propagate = False
    ours.addHandler(file)
    if propagated:
        onward.setLevel(shown)
        ours.addHandler(onward)
    try:
        yield
    finally:
        ours.removeHandler(file)
        ours.removeHandler(onward)
        ours.propagate = propagated
        ours.setLevel(level)
        with suppress(OSError):
            file.close()
