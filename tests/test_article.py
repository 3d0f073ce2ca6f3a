"""The example article's texts are what its head says."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path


def test_no_frame_of_the_test_texts_occurs_in_training_and_topics_are_even():
    spec = importlib.util.spec_from_file_location("article", Path(__file__).parents[1] / "examples" / "article.py")
    assert spec is not None
    assert spec.loader is not None
    article = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(article)
    texts, labels = article.topic_texts(article.FRAMES[:8], 80, 0)
    held, _ = article.topic_texts(article.FRAMES[8:], 40, 1)
    assert set(Counter(labels).values()) == {20}
    assert not set(texts) & set(held)
    assert len(set(texts)) == 80
