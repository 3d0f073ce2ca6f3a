"""Hand labels asked for in the terminal: a text, a number for its label, and every answer saved at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from llamita._cli.language import said
from llamita.core.errors import UserError

if TYPE_CHECKING:
    from llamita.core.task import Text

MOST = 200
"""Texts that are asked about."""
FEWEST = 20
"""Hand labels under which nothing can be said."""


def ask_for_labels(
    data: str, labels: Sequence[str], file: Path, *, columns: Mapping[str, str] | None = None, seed: int = 0
) -> Path:
    """Ask about a sample of the texts, going on where an earlier call stopped, and return the file of labels.

    Raises:
        UserError: nobody is at the terminal, or too few were labelled.
    """
    from llamita.data.read import read_table

    if not sys.stdin.isatty():
        raise UserError("--audit ask needs a terminal to ask in; give a file of hand labels: --audit labelled.csv")
    texts = read_table(data, columns=columns, labelled=False).texts
    drawn = np.random.default_rng([seed, 200]).permutation(len(texts))
    sample = list(dict.fromkeys(texts[i] for i in drawn))[:MOST]
    file.parent.mkdir(parents=True, exist_ok=True)
    given = _labelled_so_far(file, labels, sample)
    Interview(sample=sample, labels=labels, file=file, given=given).hold(input)
    if len(given) < FEWEST:
        raise UserError(
            f"{len(given)} hand labels are too few to say anything; the same command goes on ({FEWEST} at least, kept in {file})"
        )
    return file


class Interview:
    """One text after the other until all are labelled or somebody has had enough."""

    def __init__(self, *, sample: Sequence[Text], labels: Sequence[str], file: Path, given: dict[Text, str]):
        self.sample, self.labels, self.file, self.given = list(sample), list(labels), file, given
        self.skipped: set[Text] = set()
        self.order: list[Text] = []

    def hold(self, ask: Callable[[str], str]) -> None:
        """Ask until the end; each answer is written before the next question."""
        choices = "  ".join(f"{number} {label}" for number, label in enumerate(self.labels, 1))
        while (text := self._next()) is not None:
            shown = text if isinstance(text, str) else "\n\n".join(text)
            print(f"\n[{len(self.given) + 1} of {len(self.sample)}]  {shown}\n")
            try:
                answer = ask(f"{choices}  |  u undo  s skip  q stop: ").strip().casefold()
            except EOFError:
                return
            if answer == "q":
                return
            self._take(text, answer)

    def _next(self) -> Text | None:
        return next((t for t in self.sample if t not in self.given and t not in self.skipped), None)

    def _take(self, text: Text, answer: str) -> None:
        if answer == "s":
            self.skipped.add(text)
            self.order.append(text)
        elif answer == "u":
            self._undo()
        elif answer.isdecimal() and 1 <= int(answer) <= len(self.labels):
            self.given[text] = self.labels[int(answer) - 1]
            self.order.append(text)
            self._save()
        elif named := [label for label in self.labels if label.casefold() == answer]:
            self._take(text, str(self.labels.index(named[0]) + 1))
        else:
            print(said(f"a number from 1 to {len(self.labels)}, u, s or q, please"))

    def _undo(self) -> None:
        last = self.order.pop() if self.order else next(reversed(self.given), None)
        if last is None:
            print(said("nothing to undo"))
            return
        self.given.pop(last, None)
        self.skipped.discard(last)
        self.sample.sort(key=lambda text: text != last)
        self._save()

    def _save(self) -> None:
        from llamita.data.write import write_rows

        names = ("text", "label") if isinstance(self.sample[0], str) else ("text", "pair", "label")
        rows = [
            (i, [*((text,) if isinstance(text, str) else text), label])
            for i, (text, label) in enumerate(self.given.items(), 1)
        ]
        write_rows(self.file, names, rows, "hand labels")


def _labelled_so_far(file: Path, labels: Sequence[str], sample: Sequence[Text]) -> dict[Text, str]:
    """What an earlier call wrote down, of texts that are still asked about."""
    from llamita.data.read import read_table

    if not file.exists() or not file.read_text(encoding="utf-8").partition("\n")[2].strip():
        return {}
    table = read_table(
        str(file),
        columns={"text": "text", "label": "label"} | ({} if isinstance(sample[0], str) else {"pair": "pair"}),
        labelled=True,
    )
    known = set(sample)
    strange = sorted(set(table.labels or ()) - set(labels))
    if strange:
        raise UserError(
            f"{file} holds the label {strange[0]!r}, which --labels doesn't name; add it, or remove the file"
        )
    found = dict(zip(table.texts, table.labels or (), strict=True))
    return {text: label for text, label in found.items() if text in known}
