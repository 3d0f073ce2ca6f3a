"""Counting in NumPy gives what scikit-learn gives, and what one counts by hand."""

import math

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from llamita.learn._tfidf import View
from llamita.learn.linear import CHARACTERS, CHINESE, WORDS

TEXTS = [
    "A warm, warm film!  It   is\tgood.",
    "Nothing here\nis warm; I'd rather\n\n sleep",
    "",
    " ",
    "I",
    "酒店很干净，很安静。下次还来！",
    "房间太小\u3000很失望",
    "STRASSE straße İstanbul ǅ ﬁne naïve",
    "a a a a a a film film",
    "? ! ?!",
]
UNSEEN = [*TEXTS, "warm cold film never seen", "酒店不好", "x", "!", "\u00a0film\u00a0"]


@pytest.mark.parametrize("settings", [WORDS, CHARACTERS, CHINESE], ids=["words", "characters", "Chinese"])
@pytest.mark.parametrize("max_features", [30, 10_000])
def test_it_is_scikit_learns(settings: dict, max_features: int) -> None:
    view = View.fit(TEXTS, settings, max_features)
    counted = TfidfVectorizer(sublinear_tf=True, max_features=max_features, **settings).fit(TEXTS)
    expected = counted.transform(UNSEEN).toarray()
    assert dict(zip(view.terms, range(len(view.terms)), strict=True)) == counted.vocabulary_
    for text, row in zip(UNSEEN, expected, strict=True):
        indices, values = view.features(text)
        found = np.zeros(len(view.terms))
        found[indices] = values
        np.testing.assert_allclose(found, row, atol=1e-6)


def test_by_hand() -> None:
    view = View(
        analyzer="word", ngram_range=(1, 2), token_pattern=r"\w+",
        terms=("good", "good film", "bad"), idf=np.array([1.0, 2.0, 3.0], dtype=np.float32),
    )  # fmt: skip
    indices, values = view.features("Good good good film")
    three = 1 + math.log(3)
    length = math.hypot(three, 2)
    assert indices.tolist() == [0, 1]
    np.testing.assert_allclose(values, [three / length, 2 / length])
    assert view.features("unknown")[0].size == 0
