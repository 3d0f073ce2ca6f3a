"""Hand labels asked for in the terminal: a text, a number for its label, and every answer saved at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from llamita._cli.harmless import harmless
from llamita._cli.language import said
from llamita.core.errors import UserError

if TYPE_CHECKING:
    from llamita.core.task import Text
    from llamita.data.table import Table

MOST = 200
"""Texts that are asked about."""


def ask_for_labels(
    data: str, labels: Mapping[str, str], file: Path, *, columns: Mapping[str, str] | None = None, seed: int = 0
) -> Table:
    """Ask about a sample of the texts, going on where an earlier call stopped, and return what is labelled.

    Args:
        labels: The word for each; the label itself where it says it.
        file: Where the answers are kept; what stands there already is kept, too.

    Raises:
        UserError: nobody is at the terminal, the texts have labels, or too few were labelled.
    """
    from llamita.data.read import read_table
    from llamita.hand_labels import FEWEST

    if not sys.stdin.isatty():
        raise UserError("--audit ask needs a terminal to ask in; give a file of hand labels: --audit labelled.csv")
    table = read_table(data, columns=columns)
    if table.labels is not None:
        raise UserError(
            f"--audit ask is for texts without labels, but {table.source} has a label column"
            f" ({table.label_column!r}); leave one out, or say that it holds none: --columns label=none"
        )
    texts, pairs = table.texts, not isinstance(table.texts[0], str)
    given = _labelled_so_far(file, tuple(labels), pairs=pairs)
    drawn = np.random.default_rng([seed, 200]).permutation(len(texts))
    sample = list(dict.fromkeys([*given, *(texts[i] for i in drawn)]))[: max(MOST, len(given))]
    file.parent.mkdir(parents=True, exist_ok=True)
    Interview(sample=sample, labels=labels, file=file, given=given).hold(input)
    if len(given) < FEWEST:
        raise UserError(
            f"{len(given)} hand labels are too few to say anything; the same command goes on ({FEWEST} at least, kept in {file})"
        )
    return read_table(str(file), columns=_columns(pairs=pairs), labelled=True)


class Interview:
    """One text after the other until all are labelled or somebody has had enough."""

    def __init__(self, *, sample: Sequence[Text], labels: Mapping[str, str], file: Path, given: dict[Text, str]):
        self.sample, self.labels, self.file, self.given = list(sample), dict(labels), file, given
        self.numbers = {str(number): label for number, label in enumerate(labels, 1)}
        if any(number in labels for number in self.numbers):  # "1" would mean two labels
            self.numbers = {}
        self.skipped: set[Text] = set()
        self.order: list[Text] = []

    def hold(self, ask: Callable[[str], str]) -> None:
        """Ask until the end; each answer is written before the next question."""
        choices = self._choices()
        while (text := self._next()) is not None:
            shown = text if isinstance(text, str) else "\n\n".join(text)
            place = said(f"[text {len(self.given) + 1} of {len(self.sample)}]")
            print(f"\n{place}  {harmless(shown)}\n")
            try:
                answer = ask(f"{choices}  |  {said('u undo  s skip  q stop: ')}").strip()
            except EOFError:
                return
            if answer.casefold() == "q":
                return
            self._take(text, answer)

    def _choices(self) -> str:
        """Each label with its number and its word; without numbers where labels are such numbers themselves."""
        of_label = {label: f"{number} " for number, label in self.numbers.items()}
        return "  ".join(
            f"{of_label.get(label, '')}{label}{'' if word == label else f' ({word})'}"
            for label, word in self.labels.items()
        )

    def _meant(self, answer: str) -> str | None:
        """The label an answer names: by itself, by its number, or by its word."""
        if answer in self.labels:
            return answer
        same = [label for label in self.labels if label.casefold() == answer.casefold()]
        words = [label for label, word in self.labels.items() if word.casefold() == answer.casefold()]
        return next(iter([*same, *filter(None, [self.numbers.get(answer)]), *words]), None)

    def _next(self) -> Text | None:
        return next((t for t in self.sample if t not in self.given and t not in self.skipped), None)

    def _take(self, text: Text, answer: str) -> None:
        if answer.casefold() == "s":
            self.skipped.add(text)
            self.order.append(text)
        elif answer.casefold() == "u":
            self._undo()
        elif (label := self._meant(answer)) is not None:
            self.given[text] = label
            self.order.append(text)
            self._save()
        elif self.numbers:
            print(said(f"a number from 1 to {len(self.labels)}, u, s or q, please"))
        else:
            print(said(f"one of {', '.join(self.labels)}, u, s or q, please"))

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
        from llamita.core.task import parts_of
        from llamita.data.write import write_rows

        names = ("text", "label") if isinstance(self.sample[0], str) else ("text", "pair", "label")
        rows = [(i, [*parts_of(text), label]) for i, (text, label) in enumerate(self.given.items(), 1)]
        write_rows(self.file, names, rows, "hand labels")


def _columns(*, pairs: bool) -> dict[str, str]:
    """Those of the file, whatever the data's are."""
    return {"text": "text", "label": "label"} | ({"pair": "pair"} if pairs else {})


def _labelled_so_far(file: Path, labels: Sequence[str], *, pairs: bool) -> dict[Text, str]:
    """What earlier calls wrote down, also of texts that would not be asked about now."""
    from llamita.data.read import read_table

    if not file.exists() or not file.read_text(encoding="utf-8").partition("\n")[2].strip():
        return {}
    with file.open(encoding="utf-8-sig") as stream:
        paired = "pair" in stream.readline().strip().split(",")
    if paired != pairs:
        raise UserError(
            f"{file} holds hand labels of {'pairs' if paired else 'single texts'}, and --data has others; take another --out"
        )
    table = read_table(str(file), columns=_columns(pairs=pairs), labelled=True)
    strange = sorted(set(table.labels or ()) - set(labels))
    if strange:
        raise UserError(
            f"{file} holds the label {strange[0]!r}, which --labels doesn't name; add it, or remove the file"
        )
    return dict(zip(table.texts, table.labels or (), strict=True))
