"""The keeper takes up what a training left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.families import tiny_model
from tests.train.kill import apply_until_done, checkpoint_often
from tests.train.tiny import LABELS, tiny_run, tiny_task

from llamita.learn.finetune import Finetune


@pytest.mark.parametrize("packing", ["off", "on"])
def test_tokens_are_counted_on_after_a_kill(packing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint_often(monkeypatch, 2)
    torch.set_num_threads(1)
    step = Finetune(epochs=1, batch_size=8, packing=packing)
    for name, kills in (("plain", []), ("killed", [5])):
        run = tiny_run(tmp_path / name, tiny_task(48))
        apply_until_done(step, lambda: tiny_model("bert", labels=LABELS), run, kills, monkeypatch)
    plain, killed = ((tmp_path / name / "metrics.jsonl").read_text() for name in ("plain", "killed"))
    assert plain == killed
    last = json.loads(plain.splitlines()[-1])
    assert last["tokens"] >= last["useful_tokens"] > 0
