"""Dialogues are pruned for as the model reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.talks import TALK, chat_model, talk

from llamita.core.chat import rendered, token_ids
from llamita.core.context import Run
from llamita.core.frequent import frequent_words
from llamita.core.task import Split
from llamita.data.dialogues import written
from llamita.prune import _rank
from llamita.prune._calibration import training_sample
from llamita.prune.vocabulary import Vocabulary
from llamita.tasks.chat import Chat

LINES = talk("is the film funny", "a bit\ndull", "and the plot?", "thin")
"""In the file's JSON the word after the line's end is "ndull"."""


def run_of(folder: Path) -> Run:
    return Run(folder=folder, task=Chat(train=Split(texts=(written(LINES), written(TALK)))))


def test_the_vocabulary_keeps_the_pieces_of_what_the_template_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_rank, "frequent_words", lambda language: frequent_words(language)[:1])
    monkeypatch.setattr(_rank, "sample_sentences", lambda language: ())
    model = chat_model()
    names = model.tokenizer.convert_ids_to_tokens
    before = [names(token_ids(model.tokenizer, rendered(model.tokenizer, one))) for one in (LINES, TALK)]
    size = len(model.tokenizer)
    pruned = Vocabulary(frequent=0).apply(model, run_of(tmp_path))
    assert len(pruned.tokenizer) < size
    names = pruned.tokenizer.convert_ids_to_tokens
    assert [names(token_ids(pruned.tokenizer, rendered(pruned.tokenizer, one))) for one in (LINES, TALK)] == before


def test_layers_are_judged_by_what_the_template_writes_and_without_one_by_what_is_said(tmp_path: Path) -> None:
    model = chat_model()
    assert training_sample(run_of(tmp_path), model, 9, "a step").texts == tuple(
        rendered(model.tokenizer, one) for one in (LINES, TALK)
    )
    said = training_sample(run_of(tmp_path), chat_model(template=None), 9, "a step").texts[1]
    assert said == "is the film funny\nit is warm and funny\nand the plot?\nthin, but moving. 很好"
