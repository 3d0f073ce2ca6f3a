"""When two texts count as the same, and what they are written in."""

from __future__ import annotations

import unicodedata

from llamita.core.task import Text


def text_key(text: Text) -> str:
    """Letters and digits only, in Unicode's compatibility form, without case: equal for texts that read the same.

    A text without letters or digits (":-)") is its own key.
    """
    parts = (text,) if isinstance(text, str) else text
    return "\x1f".join(_key(part) for part in parts)


def _key(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum()) or folded.strip()


def han_share(text: str) -> float:
    """Share of Chinese characters among those that are no spaces."""
    written = "".join(text.split())
    return sum("\u3400" <= c <= "\u4dbf" or "\u4e00" <= c <= "\u9fff" for c in written) / max(1, len(written))
