"""The keeper takes up what a training left."""

from __future__ import annotations

import json
import logging
import re
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


def test_where_nobody_sees_a_bar_the_log_tells_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("llamita.train.keeper.TOLD_EVERY", 0.0)
    with caplog.at_level(logging.INFO, "llamita"):
        Finetune(epochs=1, batch_size=8).apply(tiny_model("bert", labels=LABELS), tiny_run(tmp_path, tiny_task(32)))
    assert re.search(r"step 1 of 4: loss \d+\.\d{4}, [\d,]+ tokens/s, \d+:\d\d:\d\d left", caplog.text)
    assert "step 4 of 4" not in caplog.text
