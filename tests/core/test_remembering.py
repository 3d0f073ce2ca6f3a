"""What was asked once is read from disk, and only that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.engines import BagOfWords

from llamita.core.remembering import Remembering

TEXTS = ["good", "bad film", ("good", "好")]


class Shelf:
    """Opens engines and counts how often."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.opened = folder, 0
        self.engine = BagOfWords({"good": (0, 1), "bad": (2, 0), "好": (0, 3)})

    def open(self) -> BagOfWords:
        self.opened += 1
        return self.engine

    def remembering(self, key: str = "k") -> Remembering:
        return Remembering(self.open, self.folder, key, "light")


def test_the_engine_is_opened_when_something_new_is_asked_and_not_before(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "scores")
    first = shelf.remembering()
    assert (first.name, shelf.opened) == ("light", 0)
    expected = first.scores(TEXTS)
    assert shelf.opened == 1
    again = shelf.remembering()
    np.testing.assert_array_equal(again.scores(TEXTS), expected)
    assert shelf.opened == 1


def test_scores_and_logits_are_those_of_the_engine(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    for _ in ("asked", "remembered"):
        one = shelf.remembering()
        np.testing.assert_array_equal(one.scores(TEXTS), shelf.engine.scores(TEXTS))
        np.testing.assert_array_equal(one.text_logits(TEXTS), shelf.engine.text_logits(TEXTS))
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".npy"]


def test_other_texts_another_order_other_batches_and_another_key_are_asked_anew(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    one = shelf.remembering()
    one.scores(TEXTS)
    for ask in (
        lambda: one.scores(TEXTS[::-1]),
        lambda: one.scores(TEXTS[:1]),
        lambda: one.scores([*TEXTS[:2], "good 好"]),
        lambda: one.scores(TEXTS, 8),
        lambda: shelf.remembering("other").scores(TEXTS),
    ):
        before = shelf.engine.calls
        ask()
        assert shelf.engine.calls > before
    before = shelf.engine.calls
    np.testing.assert_array_equal(one.scores(TEXTS[::-1]), one.scores(TEXTS)[::-1])
    assert shelf.engine.calls == before


def test_half_a_file_of_a_killed_run_is_not_read(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.remembering().scores(TEXTS)
    (file,) = tmp_path.glob("*.npy")
    file.rename(file.with_name(f".{file.name}.part")).write_bytes(b"half")
    np.testing.assert_array_equal(shelf.remembering().scores(TEXTS), shelf.engine.scores(TEXTS))
    assert list(tmp_path.glob("*.[np]*[yt]")) == [file]


def test_everything_else_is_the_engines_own(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    one = shelf.remembering()
    assert (one.labels, one.capabilities, one.encoder) == (("negative", "positive"), {"scores"}, shelf.engine.encoder)
    assert (one.size_bytes, one.num_parameters) == (shelf.engine.size_bytes, shelf.engine.num_parameters)
    ids, mask = np.array([[2, 3]]), np.array([[1, 1]])
    np.testing.assert_array_equal(one.logits(ids, mask), [[2, 1]])
    assert shelf.opened == 1
