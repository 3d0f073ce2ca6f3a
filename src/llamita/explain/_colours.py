"""Words coloured by what they did for an answer, in a terminal, on a page and in a notebook alike."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

FAINT = 0.1
"""Nats of log-odds under which no word decides anything."""
FOR, AGAINST = (140, 190, 255), (255, 180, 95)
"""Blue for what spoke for the label, orange for what spoke against it."""


def strengths(words: Sequence[str], scores: Sequence[float]) -> list[tuple[str, float, float]]:
    """Words, scores, and scores as shares of the strongest; where none is strong all are pale."""
    top = max([FAINT, *map(abs, scores)])
    return [(word, score, score / top) for word, score in zip(words, scores, strict=True)]


def mixed(strength: float) -> str:
    """Red, green and blue of a share of the strongest, in [-1, 1]: paler when weaker."""
    pale = 1 - min(1.0, abs(strength))
    return ",".join(str(round(part + (255 - part) * pale)) for part in (FOR if strength > 0 else AGAINST))


def gap_after(word: str) -> str:
    """What stands between it and the next word: nothing in Chinese."""
    return "" if word and all("\u2e80" <= c <= "\uffef" for c in word) else " "


def coloured(words: Sequence[str], scores: Sequence[float]) -> str:
    """A paragraph of HTML."""
    marked = (
        f'<span style="background:rgb({mixed(strength)})" title="{score:+.3f}">{escape(word)}</span>{gap_after(word)}'
        for word, score, strength in strengths(words, scores)
    )
    return f"<p dir='auto'>{''.join(marked)}</p>"
