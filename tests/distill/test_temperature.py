"""A student becomes as sure as its teacher, and answers as before."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tests.families import tiny_model
from tests.train.tiny import LABELS, tiny_run, tiny_task

from llamita.core.errors import UserError
from llamita.core.statistics import kl_divergences
from llamita.core.task import Split
from llamita.distill.temperature import Temperature
from llamita.tasks.recorded import recorded


def test_it_undoes_a_temperature_that_parts_student_and_teacher(tmp_path: Path) -> None:
    task, student = tiny_task(8), tiny_model("bert", labels=LABELS)
    texts = task.select.texts
    before = student.text_logits(texts)
    recorded(student, texts, before * 3).save(tmp_path / "teacher")
    wanted = recorded(student, texts, before * 3).scores(texts)
    made = Temperature().apply(student, tiny_run(tmp_path / "run", task, teacher=tmp_path / "teacher"))
    np.testing.assert_allclose(made.text_logits(texts), before * 3, atol=1e-3)
    assert kl_divergences(wanted, made.scores(texts)).mean() < 1e-6


def test_no_select_split_and_silly_bounds_are_refused(tmp_path: Path) -> None:
    blind = dataclasses.replace(tiny_task(8), select=Split(texts=()))
    with pytest.raises(UserError, match=r"distill\.temperature needs a select split"):
        Temperature().apply(tiny_model("bert"), tiny_run(tmp_path, blind))
    with pytest.raises(UserError, match=r"highest must be > 1, got 1"):
        Temperature(highest=1)
