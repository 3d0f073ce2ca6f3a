"""Settings are what their annotations say, whoever gives them; what can't be is refused by its name."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
import yaml

from llamita.core.checked import Checked, as_seed, as_whole, fitted, yaml_bool
from llamita.core.errors import UserError, require
from llamita.core.recipe import Recipe
from llamita.core.registry import build, class_of, entries, settings_of
from llamita.learn.calibrate import Calibrate
from llamita.learn.finetune import Finetune
from llamita.tasks.asking import Shots

NEEDED = {"prune.depth": {"keep": 1}, "prune.width": {"ffn": 0.5}}
METHODS = [(name, class_of(name)) for name, entry in entries().items() if entry.kind != "task"]
LISTS = {"step": "steps", "measure": "measures", "exporter": "exporters"}


@dataclass(frozen=True, kw_only=True)
class Some(Checked):
    times: int = 1
    share: float | None = None
    folder: Path | None = None
    name: str = ""
    kind: Literal["a", "b"] = "a"
    anything: Any = None

    def __post_init__(self) -> None:
        require(self.times >= 1, f"times must be >= 1, got {self.times}")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"times": "3"}, {"times": 3}),
        ({"times": np.int64(3)}, {"times": 3}),
        ({"times": torch.tensor(3)}, {"times": 3}),
        ({"share": 1}, {"share": 1.0}),
        ({"share": np.float64(0.5)}, {"share": 0.5}),
        ({"share": None}, {"share": None}),
        ({"folder": "a"}, {"folder": Path("a")}),
        ({"name": Path("a") / "b"}, {"name": str(Path("a") / "b")}),
        ({"name": np.str_("a")}, {"name": "a"}),
        ({"kind": np.str_("b")}, {"kind": "b"}),
    ],
)
def test_a_value_becomes_what_its_field_is(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    made, same = Some(**given), Some(**wanted)
    assert made == same == pickle.loads(pickle.dumps(made)) == replace(made)
    assert all(type(getattr(made, key)) is type(value) for key, value in wanted.items())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"times": 2.0}, "times must be int, got 2.0"),
        ({"times": True}, "times must be int, got True"),
        ({"times": None}, "times must be int, got nothing"),
        ({"times": np.array([1, 2])}, r"times must be int, got array\(\[1, 2\]\)"),
        ({"share": "half"}, r"share must be float \| None, got 'half'"),
        ({"name": 3}, "name must be str, got 3"),
        ({"kind": 3}, "kind must be Literal.*, got 3"),
        ({"folder": 3}, r"folder must be Path \| None, got 3"),
        ({"times": "0"}, "times must be >= 1, got 0"),
    ],
)
def test_what_it_cannot_be_is_refused_by_its_name(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Some(**given)


def test_a_field_of_another_kind_is_taken_as_it_comes() -> None:
    given = {"any": [1]}
    assert Some(anything=given).anything is given


def test_made_in_python_a_step_is_told_as_a_recipe_tells_it() -> None:
    assert Finetune(epochs=2, batch_size="8") == build("finetune", {"epochs": "2", "batch_size": 8})  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"^learn.finetune: epochs must be float, got 'three'$"):
        Finetune(epochs="three")  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"number must be int, got 'some'"):
        Shots(data=None, number="some")  # type: ignore[arg-type]
    assert Calibrate(labelled=Path("hand.csv")).files == ("hand.csv",)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "method"), METHODS, ids=[name for name, _ in METHODS])
def test_no_method_takes_what_a_file_could_not_hold(name: str, method: Any) -> None:
    needed = NEEDED.get(name, {})
    for setting in entries()[name].settings:
        for value in (
            "3",
            None,
            [1],
            {"a": 1},
            np.int64(2),
            np.float32(0.5),
            np.str_("auto"),
            Path("a"),
            object(),
            2,
            b"x",
        ):
            try:
                made = method(**{**needed, setting.name: value})
            except UserError:
                continue
            recipe = Recipe(model="minilm", **{LISTS[entries()[name].kind]: (made,)})
            assert Recipe.from_dict(yaml.safe_load(recipe.to_yaml())) == recipe, (
                setting.name,
                value,
                settings_of(made),
            )


def test_annotations_may_be_types() -> None:
    assert fitted("some", "share", float | None, 1) == 1.0
    assert fitted("some", "times", int, "3") == 3


def test_whole_numbers_are_numpys_too() -> None:
    found = as_whole("seed", np.int64(3), 0)
    assert (found, type(found)) == (3, int)
    for wrong in (-1, 1.0, True, "1", None):
        with pytest.raises(UserError, match="seed must be a whole number from 0 on, got"):
            as_whole("seed", wrong, 0)


def test_a_seed_is_one_that_all_libraries_take() -> None:
    assert as_seed("seed", 2**32 - 2) == 2**32 - 2
    with pytest.raises(UserError, match="seed must be at most 4294967294, got 1733000000000"):
        as_seed("seed", 1733000000000)


def test_truth_is_written_in_four_ways():
    assert all(yaml_bool(word) for word in ("true", "Yes", "ON", "1"))
    assert not any(yaml_bool(word) for word in ("False", "no", "off", "0"))
    with pytest.raises(ValueError, match="maybe"):
        yaml_bool("maybe")
