"""A tiny teacher that knows the made-up reviews well, trained once a session."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from tests.families import tiny_model
from tests.train.tiny import tiny_run, tiny_task

from llamita.learn.finetune import Finetune


@cache
def good_teacher() -> Path:
    """Folder of a classifier of 4 layers."""
    folder = Path(mkdtemp(prefix="teacher-"))
    step = Finetune(epochs=6, learning_rate=5e-3, batch_size=8, precision="fp32")
    step.apply(tiny_model("llama", layers=4), tiny_run(folder / "run", tiny_task(400))).save(folder / "model")
    return folder / "model"
