"""Answers of a server that are written down at once, a line each, so that nothing is paid for twice."""

from __future__ import annotations

import json
from pathlib import Path

from llamita.core.whole import write_whole


class KeptAnswers:
    """What a server said of each text, by the text's key: in memory, and in a file where one is given."""

    def __init__(self, file: Path | None):
        """Read what is known; a line that a kill cut short is left out and ended, so that the next one stands by itself."""
        self._file = file
        self.way = ""
        """How the answers came about; empty until that is known."""
        self.found: dict[str, list[float] | None] = {}
        """Log-probabilities of the labels by key; None where the answer named no label."""
        text = file.read_text(encoding="utf-8") if file is not None and file.exists() else ""
        for line in text.splitlines():
            try:
                one = json.loads(line)
                if "way" in one:
                    self.way = one["way"]
                else:
                    self.found[one["text"]] = one["answer"]
            except (ValueError, KeyError, TypeError):
                continue
        if not self.found:
            self.way = ""  # nothing came about so yet, and the server may answer otherwise now
        if text and not text.endswith("\n"):
            self._write("\n")

    def keep_way(self, way: str) -> None:
        """Write down how all further answers come about."""
        self.way = way
        self._write(json.dumps({"way": way}) + "\n")

    def keep(self, key: str, answer: list[float] | None) -> None:
        """Write an answer down."""
        self.found[key] = answer
        self._write(json.dumps({"text": key, "answer": answer}) + "\n")

    def forget_undecided(self) -> None:
        """Forget the answers that named no label: another setting of the server may make it name some."""
        self.found = {key: answer for key, answer in self.found.items() if answer is not None}
        if self._file is not None:
            told = [{"way": self.way}, *({"text": key, "answer": answer} for key, answer in self.found.items())]
            write_whole(self._file, "".join(json.dumps(one) + "\n" for one in told))

    def _write(self, line: str) -> None:
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as stream:
                stream.write(line)
