"""Predictions as records, and those as CSV, JSON lines, or a table for a terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from llamita._cli.harmless import harmless

Kept = Sequence[Mapping[str, Any]] | None
"""Of each text the further columns of its row."""

if TYPE_CHECKING:
    import numpy as np

    from llamita.core.engine import Engine
    from llamita.core.task import Text

    Writer = Callable[[Sequence[Text], np.ndarray, Kept], None]
    """Writes texts, their scores, and what is kept beside them."""


WIDEST = 40
"""Columns of a terminal that labels line up in; a longer label pushes its own line."""


OURS = ("text", "pair", "label", "labels", "confidence", "probabilities", "answer")
"""Columns of what is predicted."""


def beside(kept: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a row, under other names where ours would take its place; NaN is nothing."""
    found: dict[str, Any] = {}
    for name, value in kept.items():
        free = f"{name}_given" if name in OURS or name.startswith("probability_") else name
        while free != name and free in kept:
            free += "_given"
        found[free] = None if isinstance(value, float) and not math.isfinite(value) else value
    return found


class Teller:
    """Scores into records: of one label a text the likeliest, of any labels those that are given."""

    def __init__(self, engine: Engine, threshold: float | None):
        from llamita.core.answers import OneLabel

        self.labels, self.answers, self.threshold = engine.labels, engine.answers, threshold
        self.one = engine.answers.task == OneLabel.task

    def records(self, texts: Sequence[Text], scores: np.ndarray, kept: Kept) -> Iterator[dict[str, Any]]:
        """Of each text what is kept, its parts, its label or labels, and the probabilities of all; scores are [texts, labels]."""
        from llamita.core.task import as_columns

        for at, (text, row, chosen) in enumerate(zip(texts, scores, self.answers.chosen(scores), strict=True)):
            ranked = sorted(range(len(self.labels)), key=lambda i: -row[i])
            best = ranked[0]
            told: dict[str, Any] = {}
            if self.one:
                told = {"label": self.labels[best], "confidence": round(float(row[best]), 6)}
            if self.threshold is not None:
                told["labels"] = [self.labels[i] for i in ranked if row[i] >= self.threshold]
            elif not self.one:
                told["labels"] = [self.labels[i] for i in ranked if chosen[i]]
            yield (
                beside(kept[at] if kept else {})
                | as_columns(text)
                | told
                | {"probabilities": {label: round(float(p), 6) for label, p in zip(self.labels, row, strict=True)}}
            )


def cell(value: Any) -> Any:
    """A value as a table holds it: nothing is empty, lists and objects are JSON."""
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "" if value is None else value


def csv_writer(stream: IO[str], teller: Teller) -> Writer:
    """A row a text, under a head that names the labels; several labels stand between bars."""
    from llamita.data.write import row_writer

    write_row = row_writer(stream)
    started = False

    def write(texts: Sequence[Text], scores: np.ndarray, kept: Kept = None) -> None:
        nonlocal started
        for record in teller.records(texts, scores, kept):
            probabilities = record.pop("probabilities")
            if "labels" in record:
                record["labels"] = "|".join(record["labels"])
            if not started:
                started = True
                write_row([*record, *(f"probability_{label}" for label in teller.labels)])
            write_row([*map(cell, record.values()), *probabilities.values()])
        stream.flush()

    return write


def jsonl_writer(stream: IO[str], teller: Teller) -> Writer:
    """A JSON object a line."""

    def write(texts: Sequence[Text], scores: np.ndarray, kept: Kept = None) -> None:
        for record in teller.records(texts, scores, kept):
            stream.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
        stream.flush()

    return write


def table_writer(stream: IO[str], teller: Teller) -> Writer:
    """A line a text, for people: label, confidence, text."""
    from rich.cells import cell_len

    shown = {label: harmless(" ".join(label.split())) for label in teller.labels}
    width = min(WIDEST, max(map(cell_len, shown.values())))

    def write(texts: Sequence[Text], scores: np.ndarray, kept: Kept = None) -> None:
        for record in teller.records(texts, scores, kept):
            parts = " ".join([record["text"], *(["|", record["pair"]] if "pair" in record else [])])
            text = harmless(" ".join(parts.split()))
            if not teller.one:
                given = ", ".join(
                    f"{shown[name]} {100 * record['probabilities'][name]:.1f} %" for name in record["labels"]
                )
                stream.write(f"{{{given}}}  {text}\n")
                continue
            label = shown[record["label"]]
            label += " " * (width - cell_len(label))
            likely = f"  {{{', '.join(shown[name] for name in record['labels'])}}}" if "labels" in record else ""
            stream.write(f"{label}  {100 * record['confidence']:5.1f} %{likely}  {text}\n")
        stream.flush()

    return write


WRITERS = {"csv": csv_writer, "jsonl": jsonl_writer, "table": table_writer}
