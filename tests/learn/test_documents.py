"""A task's own documents: what is left out is told, and never what was set aside learned from."""

from __future__ import annotations

import logging

import pytest
from tests.families import TRAINING_TEXTS

from llamita.core.errors import UserError
from llamita.learn._documents import own_documents
from llamita.tasks.classify import Classify
from llamita.tasks.language import open_task


def test_texts_with_labels_are_kept_as_they_are_and_those_set_aside_are_not_among_them() -> None:
    texts = [f"{i} a" for i in range(40)]
    known = Classify.from_lists(texts, ["good", "bad"] * 20, select=0.2)
    found, weights = own_documents(known, copies="near", filtered=True)
    assert sorted(found) == sorted(known.train.texts)
    assert weights == [1.0] * len(found)


def test_what_is_left_out_is_counted_with_an_example(caplog: pytest.LogCaptureFixture) -> None:
    texts = [*TRAINING_TEXTS, TRAINING_TEXTS[0].upper(), "x y"]
    with caplog.at_level(logging.INFO, "llamita"):
        kept, _ = own_documents(open_task(train=texts, test=["another one altogether"]), copies="auto", filtered=True)
    assert "left out: 1 of 16 documents (copies), such as" in caplog.text
    assert "(too short)" in caplog.text
    assert TRAINING_TEXTS[0] in kept


def test_none_is_refused_unless_a_corpus_has_more() -> None:
    task = open_task(train=["x y"], test=["another one altogether"])
    with pytest.raises(UserError, match="no document is left to learn from"):
        own_documents(task, copies="auto", filtered=True)
    assert own_documents(task, copies="auto", filtered=True, enough=False) == ([], [])
    with pytest.raises(UserError, match=r"learn\.pretrain needs documents"):
        own_documents(None, copies="auto", filtered=True)
