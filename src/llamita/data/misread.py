"""Chinese texts that were read in another encoding: UTF-8 as GBK (浣犲ソ for 你好), or GBK as Latin-1 (ÄãºÃ).

Both are found by undoing the mistake: what comes out must be common Chinese characters, which no sound text gives by chance.
"""

from __future__ import annotations

import re

SPOILT = re.compile("(?<!\ufffd)\ufffd+(?=[?？]|$)|(?<=[?？])\ufffd+")
"""Bytes beside a question mark, which stands for those that couldn't be read, or at the end, where they were cut."""
WORD = re.compile("[\u4e00-\u9fff]{2}")
"""Two characters in a row; ATENÇÃO, PROMOÇÕES would be single ones among Latin letters."""
SURE, LOSS = 0.9, 0.25
"""Share of the characters beyond ASCII that must be common ones; how many broken ones there may be for each Chinese one."""


def chinese_meant(text: str) -> tuple[str, bool] | None:
    """What a misread text says, and whether nothing of it is lost; None of a sound one."""
    if text.isascii():
        return None
    return _utf8_read_as_gbk(text) or _gbk_read_as_latin(text)


def _utf8_read_as_gbk(text: str) -> tuple[str, bool] | None:
    if not any(map(_is_han, text)):
        return None
    read = text.encode("gb18030", "replace").decode("utf-8", "replace")
    left = SPOILT.sub("", read)
    if left.count("\ufffd") > LOSS * sum(map(_is_han, left)):
        return None
    foreign = [c for c in left if ord(c) > 127 and c != "\ufffd"]
    common = sum(bool(c.encode("gb2312", "ignore")) for c in foreign)
    return (read, "\ufffd" not in read) if _is_chinese(foreign) and common >= SURE * len(foreign) else None


def _gbk_read_as_latin(text: str) -> tuple[str, bool] | None:
    for encoding in ("cp1252", "latin-1"):
        try:
            read = text.encode(encoding).decode("gb18030")
        except UnicodeError:
            continue
        foreign = [c for c in read if ord(c) > 127]
        common = sum(not _is_han(c) or b"\xb0" <= c.encode("gb2312", "ignore")[:1] < b"\xd8" for c in foreign)
        return (read, True) if WORD.search(read) and _is_chinese(foreign) and common >= SURE * len(foreign) else None
    return None


def _is_chinese(foreign: list[str]) -> bool:
    """Whether two different Chinese characters are among them, and half of them are Chinese."""
    return len(set(filter(_is_han, foreign))) >= 2 and 2 * sum(map(_is_han, foreign)) >= len(foreign)


def _is_han(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fff"
