"""Whether a saved model is the one in memory to stock code: what is promised of every folder that is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from llamita.core.engine import is_headed

if TYPE_CHECKING:
    from llamita.core.model import Model
    from llamita.core.task import Task


def check_reload(model: Model, folder: Path, task: Task | None) -> None:
    """Load what was saved with stock code and compare logits on real texts; without texts or a head nothing is compared.

    Raises:
        RuntimeError: when the folder doesn't give the model's logits.
    """
    from llamita.core.model import Model

    if not is_headed(model) or task is None or not len(task.train):
        return
    again = Model.load(folder, device=str(model.device))
    texts = task.train.texts[:8]
    gap = float(np.abs(model.text_logits(texts) - again.text_logits(texts)).max())
    if again.answers != model.answers:
        raise RuntimeError(f"the saved model answers otherwise than the one in memory: {again.answers}")
    if not gap <= 1e-4:
        raise RuntimeError(f"the saved model differs from the one in memory: largest difference of logits {gap:.2g}")
