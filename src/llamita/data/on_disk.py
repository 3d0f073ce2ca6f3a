"""Texts in a temporary file while they are needed, so that memory doesn't hold them."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Generator, Iterable

from llamita.core.errors import UserError


class TextsOnDisk:
    """Texts, one behind the other, in a file that is gone with it; SQLite puts it where TMPDIR says, or into /var/tmp."""

    def __init__(self, texts: Iterable[str] = ()):
        # Without a name it is a temporary file, which is removed when it is closed, by whatever thread lets go of the list.
        self._base = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._base.close)
        for setting in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "BEGIN"):
            self._base.execute(setting)
        self._base.execute("CREATE TABLE texts (place INTEGER PRIMARY KEY, text BLOB)")
        self._number = 0
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        """Put a text behind the others.

        Raises:
            UserError: the disk is full.
        """
        try:
            self._base.execute("INSERT INTO texts VALUES (?, ?)", (self._number, text.encode("utf-8", "surrogatepass")))
        except sqlite3.OperationalError as error:
            raise UserError(
                f"no room for temporary files ({error}); free some, or name a folder on another disk: TMPDIR=FOLDER"
            ) from None
        self._number += 1

    def __len__(self) -> int:
        return self._number

    def __getitem__(self, place: int) -> str:
        found = self._base.execute("SELECT text FROM texts WHERE place = ?", (range(self._number)[place],))
        return _decoded(found.fetchone()[0])

    def __iter__(self) -> Generator[str]:
        for (text,) in self._base.execute("SELECT text FROM texts ORDER BY place"):
            yield _decoded(text)


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogatepass")
