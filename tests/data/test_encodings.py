"""Bytes that are not UTF-8 are told apart: Chinese from accents, Windows' quotes from Latin-1."""

from __future__ import annotations

import pytest

from llamita.data.encodings import guessed_encoding

WESTERN = (
    "Das Gerät ist schön\nFür mich nicht gut\nQualität schlecht\n",
    "El niño pequeño volvió mañana, señor\n",
    "Não são as maçãs do coração\n",
    "très bien, déjà vu, naïve\n",
    "Über die Brücke\n",
)
CHINESE = (
    "这家酒店的服务非常好，早餐也不错。\n",
    "房间太小，隔音很差！\n",
    "很好，下次还来\n",
    "good,很好的酒店\n",
    "零\n",
)


@pytest.mark.parametrize("text", WESTERN)
def test_accents_are_no_chinese_though_their_bytes_read_so(text: str) -> None:
    assert guessed_encoding(text.encode("latin-1")) == "Latin-1"


@pytest.mark.parametrize("text", CHINESE)
def test_chinese_is_told(text: str) -> None:
    assert guessed_encoding(text.encode("gb18030")) == "GB18030"


@pytest.mark.parametrize("text", ["這家酒店的服務非常好，早餐也不錯。\n", "房間太小，隔音很差！\n"])
def test_traditional_chinese_is_told(text: str) -> None:
    assert guessed_encoding(text.encode("big5")) == "Big5"


def test_what_windows_writes_is_named_so_that_quotes_and_euros_stay() -> None:
    for text in ("It’s good – “very”\n", "only 5 € a night\n", "l’été\n"):
        assert guessed_encoding(text.encode("cp1252")) == "Windows-1252"
        assert text.encode("cp1252").decode("Windows-1252") == text
    assert guessed_encoding("naïve".encode("latin-1") + b"\x81\x8d") == "Latin-1"
