"""A folder that doesn't give the model's own answers is told before anything is built on it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.families import tiny_model
from tests.train.tiny import LABELS, tiny_task
from transformers import AutoModel

from llamita.core.answers import OneLabel
from llamita.core.reload import check_reload


def test_a_folder_that_gives_other_logits_or_answers_is_told(tmp_path: Path) -> None:
    model, task = tiny_model("bert", labels=LABELS), tiny_task(40)
    model.save(tmp_path)
    check_reload(model, tmp_path, task)
    model.answer(OneLabel(curves=(((0.0, 1.0), (0.0, 0.9)),) * len(LABELS)))
    with pytest.raises(RuntimeError, match="the saved model answers otherwise than the one in memory"):
        check_reload(model, tmp_path, task)
    model.answer(OneLabel())
    with torch.no_grad():
        model.module.classifier.bias += 1
    with pytest.raises(RuntimeError, match="differs from the one in memory: largest difference of logits 1"):
        check_reload(model, tmp_path, task)
    check_reload(model, tmp_path, None)


def test_a_model_without_a_head_is_not_compared(tmp_path: Path) -> None:
    model = tiny_model("bert")
    model.module = AutoModel.from_config(model.module.config)
    check_reload(model, tmp_path / "nowhere", tiny_task(40))
