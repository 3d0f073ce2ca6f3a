"""A recipe's task is one entry whose settings are known and of their kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llamita.core.errors import UserError
from llamita.core.recipe_task import named, plain_task


def test_a_task_is_plain_data_whatever_it_was_made_of() -> None:
    given = {"classify": {"train": (np.array(["a", "b"]), ["x", "y"]), "select": np.float64(0.2), "seed": np.int64(3)}}
    rows = [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]
    assert plain_task(given) == {"classify": {"train": rows, "select": 0.2, "seed": 3}}
    assert plain_task("language") == {"language": {}}
    assert plain_task({}) == {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "'task' must be one entry such as .*, got None"),
        ({"classify": {}, "language": {}}, "'task' must be one entry"),
        ({"clasify": {}}, "task: .*Did you mean 'tasks.classify'"),
        ({"classify": {"trian": "a.csv"}}, "tasks.classify has no setting 'trian'. Did you mean 'train'"),
        ({"classify": {"train": 3}}, "task: train must be a file, a folder or a list of texts, got 3"),
        ({"classify": {"seed": -1}}, "task: seed must be a whole number from 0 on, got -1"),
        ({"classify": {"labels": ["good", ""]}}, "task: labels must be names"),
        ({"classify": {"columns": "text"}}, "task: columns must be columns by their role"),
        ({"classify": {"max_length": True}}, "task: max_length must be a whole number from 1 on, got True"),
    ],
)
def test_what_no_task_can_be_is_refused_with_what_it_may_be(given: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        plain_task(given)


def test_a_method_is_a_name_or_a_name_with_settings() -> None:
    assert named("learn.finetune") == ("learn.finetune", {})
    assert named({"learn.finetune": None}) == ("learn.finetune", {})
    assert named({"learn.finetune": {"epochs": 1}}) == ("learn.finetune", {"epochs": 1})
    for wrong in (3, {}, {"a": {}, "b": {}}, {"a": 3}, {3: {}}):
        assert named(wrong) == (None, {})
