"""Samples are drawn as asked, the same each time, and counted by their n-grams."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engines import BagOfWords
from tests.train.test_language import language_model

from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.measure.samples import Samples, distinct
from llamita.tasks.language import open_task

TASK = open_task(train=["one text to learn from", "another text"], test=["a third one"])


def test_distinct_by_hand() -> None:
    assert distinct([[1, 2, 3, 1, 2, 3], [1, 2]], 2) == pytest.approx(3 / 6)  # 12 23 31 12 23 and 12: 12, 23, 31
    assert distinct([[7, 7, 7, 7]], 3) == pytest.approx(1 / 2)
    assert distinct([[1, 2]], 3) is None


def test_texts_are_drawn_the_same_each_time_and_differ_among_themselves(tmp_path: Path) -> None:
    model = language_model("llama")
    run = Run(folder=tmp_path, task=TASK, seed=3)
    (one,), (again,) = (Samples(tokens=12, temperature=1.0).measure(model, TASK, run) for _ in range(2))
    assert one == again
    texts = [row["text"] for row in one.rows]
    assert len(set(texts)) == one.n == 3
    assert 0 < one.value <= 1
    (other,) = Samples(tokens=12, temperature=1.0).measure(model, TASK, Run(folder=tmp_path, task=TASK, seed=4))
    assert other.rows[:2] == tuple({"index": i, "text": texts[i + 1]} for i in range(2)), "seed after seed"


def test_without_a_temperature_there_is_one_text(tmp_path: Path) -> None:
    (one,) = Samples(tokens=5, temperature=0, number=1).measure(language_model("llama"), TASK, Run(folder=tmp_path))
    assert one.n == 1
    with pytest.raises(UserError, match="all texts are the same; take number 1"):
        Samples(temperature=0)
    with pytest.raises(UserError, match="tokens must be >= 1, got 0"):
        Samples(tokens=0)


@pytest.mark.parametrize("engine", [BagOfWords({}), language_model("bert")])
def test_what_writes_nothing_says_so(engine: object, tmp_path: Path) -> None:
    (found,) = Samples().measure(engine, TASK, Run(folder=tmp_path))  # type: ignore[arg-type]
    assert found.value is None
    assert "causal language model" in found.reason
