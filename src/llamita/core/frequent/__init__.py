"""Word counts of general English and Chinese text, and sentences that were not counted; SOURCES.md says whence."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")


@cache
def frequent_words(language: Language) -> tuple[tuple[str, int], ...]:
    """Words (Chinese: characters and runs of up to four) with their counts, most frequent first."""
    rows = (line.rsplit("\t", 1) for line in _lines(f"{language}.txt.gz"))
    return tuple((word, int(count)) for word, count in rows)


@cache
def sample_sentences(language: Language) -> tuple[str, ...]:
    """Encyclopaedic and everyday sentences, to see how a choice made from counts fares on other text."""
    return tuple(_lines(f"{language}.sample.txt.gz"))


def _lines(name: str) -> list[str]:
    data = (Path(__file__).parent / name).read_bytes()
    return gzip.decompress(data).decode("utf-8").splitlines()
