"""Prediction: what an engine says of one text, and of many, as a notebook shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import SupportsIndex, overload

from llamita.core.task import Text

MOST_SHOWN = 50
"""Rows that a notebook shows."""
LONGEST_SHOWN = 120
"""Characters of a text that a notebook shows."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What an engine says of one text."""

    label: str
    """The likeliest."""
    confidence: float
    """The label's probability."""
    probabilities: dict[str, float]
    """Of every label, in the engine's order."""
    labels: tuple[str, ...] = ()
    """What the text is labelled: the likeliest; where a text may have any labels, those that reach their thresholds; where a
    coverage was asked for, those among which the right one is that often, the likeliest first, or none."""
    text: Text = field(default="", repr=False, compare=False)
    """What it is said of."""


class Predictions(list[Prediction]):
    """A list of predictions that a notebook shows as a table, each beside its text, also once it is sorted."""

    @property
    def texts(self) -> tuple[Text, ...]:
        """What they are said of."""
        return tuple(one.text for one in self)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> Predictions: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Prediction | Predictions:
        """One of them; a slice, such as the first ten, is shown as a table too."""
        if isinstance(index, slice):
            return Predictions(super().__getitem__(index))
        return super().__getitem__(index)

    def _repr_html_(self) -> str:
        """The first of them: text, what it is labelled, and the confidence."""
        rows = [
            f"<tr><td>{_shown(one.text)}</td><td>{escape(', '.join(one.labels) or '—')}</td>"
            f"<td>{_percent(one.confidence)}</td></tr>"
            for one in self[:MOST_SHOWN]
        ]
        more = f"<p>{MOST_SHOWN} / {len(self)}</p>" if len(self) > MOST_SHOWN else ""
        head = "<tr><th>text</th><th>label</th><th>confidence</th></tr>"
        return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>{more}"


def _percent(confidence: float) -> str:
    """A confidence as percent; what isn't certain is not shown as 100 %."""
    return "&gt; 99.9 %" if 0.9995 <= confidence < 1 else f"{100 * confidence:.1f} %"


def _shown(text: Text) -> str:
    """The beginning of a text, or of each of a pair, as HTML."""
    parts = [text] if isinstance(text, str) else list(text)
    return " · ".join(escape(p[:LONGEST_SHOWN] + ("…" if len(p) > LONGEST_SHOWN else "")) for p in parts)
