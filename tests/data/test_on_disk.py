"""Texts on disk come back as they were, and memory holds none of them."""

import tracemalloc

import pytest

from llamita.core.errors import UserError
from llamita.data.on_disk import TextsOnDisk

TEXTS = ["a film", "", "two\nlines\r", "很好", "half \ud83d", "nul \0 inside"]


def test_texts_come_back_as_they_were() -> None:
    kept = TextsOnDisk(TEXTS)
    assert list(kept) == list(kept) == TEXTS
    assert (len(kept), kept[3], kept[-1]) == (6, "很好", TEXTS[-1])
    kept.append("more")
    assert kept[6] == "more"
    with pytest.raises(IndexError):
        kept[7]


def test_memory_holds_none_of_them() -> None:
    tracemalloc.start()
    try:
        kept = TextsOnDisk("x" * 10_000 for _ in range(1000))
        assert sum(map(len, kept)) == 10_000_000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_full_disk_is_told_in_one_line() -> None:
    kept = TextsOnDisk()
    kept._base.execute("PRAGMA max_page_count = 4")
    with pytest.raises(UserError, match=r"no room for temporary files \(.*full\); .* TMPDIR=FOLDER"):
        kept.append("x" * 100_000)
