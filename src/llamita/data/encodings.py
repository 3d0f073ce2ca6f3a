"""Which encoding bytes that are not UTF-8 are likely in."""

from __future__ import annotations

import re

HAN = "[\u4e00-\u9fff]"
WITHIN_WORDS = re.compile(f"(?<=[A-Za-z]){HAN}(?!{HAN})|(?<!{HAN}){HAN}(?=[A-Za-z])")
"""Single Chinese characters beside a Latin letter, as an accent and the letter behind it are read."""


def guessed_encoding(data: bytes) -> str:
    """A name for bytes that are not UTF-8: GB18030 or Big5 when they read as Chinese, else Windows-1252 or Latin-1."""
    if _share_of_common(data, "gb18030", "gb2312") > 0.9:
        return "GB18030"
    if _share_of_common(data, "big5", "big5") > 0.9:
        return "Big5"
    if _share_of_common(data, "gb18030", "gbk") > 0.9:
        return "GB18030"
    return "Windows-1252" if _is_windows_1252(data) else "Latin-1"


def _is_windows_1252(data: bytes) -> bool:
    """Whether bytes stand where Latin-1 has control characters and Windows has quotes, dashes and the euro."""
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return any(0x80 <= byte < 0xA0 for byte in data)


def _share_of_common(data: bytes, encoding: str, common: str) -> float:
    """Share of the characters beyond ASCII that are Chinese and stand in the smaller character set."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return 0.0
    foreign = [c for c in text[:100_000] if ord(c) > 127]
    if 2 * len(WITHIN_WORDS.findall(text[:100_000])) > sum(c >= "\u4e00" for c in foreign):
        return 0.0
    if not foreign or sum(c >= "\u4e00" for c in foreign) < len(foreign) * 0.5:
        return 0.0
    return sum(bool(c.encode(common, "ignore")) for c in foreign) / len(foreign)
