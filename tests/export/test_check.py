"""The sample on which an export is compared and its ranges are seen."""

from __future__ import annotations

import numpy as np
from tests.families import tiny_model

from llamita.core.task import Split
from llamita.export import _check as check
from llamita.tasks.classify import Classify


def test_of_long_texts_sorted_by_label_both_halves_of_the_sample_hold_both_labels() -> None:
    words = {0: "dull", 1: "warm"}
    texts = tuple(f"{words[label]} {i} " + "film " * 100 for label in (0, 1) for i in range(200))
    task = Classify(labels=("bad", "good"), train=Split(texts=texts, labels=(0,) * 200 + (1,) * 200))
    encoder = tiny_model("bert").encoder
    sample = check.sample_texts(task, encoder)
    for part in (sample.compared, sample.calibration):
        tokens = sum(min(check.LONGEST, len(ids)) for ids, _ in encoder.encode(part))
        assert check.MOST_TOKENS - check.LONGEST < tokens <= check.MOST_TOKENS
        good = np.mean([str(text).startswith("warm") for text in part])
        assert 0.4 < good < 0.6
        assert list(part) == sorted(part, key=texts.index)
    assert not set(sample.compared) & set(sample.calibration)


def test_short_texts_are_all_taken() -> None:
    encoder = tiny_model("bert").encoder
    short = tuple(f"film {i}" for i in range(80))
    task = Classify(labels=("bad", "good"), train=Split(texts=short, labels=(0, 1) * 40))
    sample = check.sample_texts(task, encoder)
    assert [*sample.compared, *sample.calibration] == [*short[::2], *short[1::2]]
