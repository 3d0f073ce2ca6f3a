"""When two texts count as the same, and what they are written in."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from typing import Any

from llamita.core.task import Text, parts_of

log = logging.getLogger(__name__)
CHINESE_SHARE = 0.2
"""Share of Chinese characters from which on texts are Chinese."""
UNSPACED = re.compile("[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
"""Thai, Lao, Tibetan, Burmese; Khmer; kana; Chinese."""


def text_key(text: Text) -> str:
    """Letters, vowel signs and digits only, in Unicode's compatibility form, without case: equal for texts that read the same.

    A text without letters or digits (":-)") is its own key.
    """
    return "\x1f".join(_key(part) for part in parts_of(text))


def _key(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum() or _is_vowel_sign(c)) or folded.strip()


def _is_vowel_sign(c: str) -> bool:
    """Whether a mark tells words apart, as in the scripts from Devanagari and Thai to Khmer: अच्छा and अच्छी are two words."""
    return "\u0900" <= c <= "\u1cff" and is_mark(c)


def is_mark(c: str) -> bool:
    """Whether a character stands over, under or beside another: an accent, a vowel sign."""
    return unicodedata.category(c)[0] == "M"


def han_share(text: str) -> float:
    """Share of Chinese characters among those that are no spaces."""
    written = "".join(text.split())
    return sum("\u3400" <= c <= "\u4dbf" or "\u4e00" <= c <= "\u9fff" for c in written) / max(1, len(written))


def are_chinese(texts: Iterable[Text]) -> bool:
    """Whether a fifth of what they are written in, and more, is Chinese: English words in Chinese texts make them no English."""
    return han_share("".join(part for text in texts for part in parts_of(text))) > CHINESE_SHARE


def unspaced_share(text: str) -> float:
    """Share, among the characters that are no spaces, of scripts whose words have none between them."""
    written = "".join(text.split())
    return len(UNSPACED.findall(written)) / max(1, len(written))


def is_empty(text: str) -> bool:
    """Whether nothing of it can be seen."""
    return not any(c.isprintable() and not c.isspace() for c in text) and "\ufffd" not in text


@cache
def _traditional() -> frozenset[str]:
    """Chinese characters that only traditional texts have: the older Taiwanese set knows them, the mainland's doesn't."""
    written = (chr(code) for code in range(0x4E00, 0xA000))
    return frozenset(c for c in written if c.encode("big5", "ignore") and not c.encode("gb2312", "ignore"))


def is_traditional(text: str) -> bool:
    """Whether it holds a character that simplified Chinese doesn't have."""
    return not text.isascii() and not _traditional().isdisjoint(text)


@cache
def _converter() -> Any:
    if find_spec("opencc") is None:
        log.warning("traditional and simplified Chinese are not compared; that needs opencc: pip install 'llamita[zh]'")
        return None
    import opencc

    return opencc.OpenCC("t2s")


def simplified(text: str) -> str:
    """A text of traditional characters in simplified ones; any other, or without opencc, as it is."""
    if is_traditional(text) and (converter := _converter()) is not None:
        return converter.convert(text)
    return text


def reading_key(text: Text) -> str:
    """As `text_key`, the same for a Chinese text in traditional and in simplified characters."""
    return simplified(text_key(text))
