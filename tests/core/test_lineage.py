"""What made a model is read from beside it, and a file that no step wrote is refused before anything rests on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.families import tiny_model

from llamita.core.errors import UserError
from llamita.core.lineage import is_fresh, named_pieces, read_lineage
from llamita.core.model import Model


def test_steps_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert read_lineage(tmp_path) == ()
    steps = [{"step": "load", "settings": {"model": "m"}}, {"step": "prune.depth", "settings": {}, "parameters": 3}]
    (tmp_path / "lineage.json").write_text(json.dumps(steps), encoding="utf-8")
    assert read_lineage(tmp_path) == tuple(steps)


@pytest.mark.parametrize(
    "text",
    ["{", "{}", "[1]", '[{"settings": {}}]', '[{"step": "load", "settings": []}]', "[" * 100_000,
     '[{"step": "load", "parameters": "<b>many</b>"}]'],
)  # fmt: skip
def test_what_no_step_wrote_is_refused_in_a_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "lineage.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"lineage\.json is damaged; remove it"):
        read_lineage(tmp_path)


def test_fresh_weights_are_known_by_their_lineage() -> None:
    assert is_fresh(Model.load("config:llama:300k").lineage)
    assert not is_fresh(tiny_model("llama").lineage)
    named = {name: named_pieces(Model.load(name).lineage) for name in ("config:llama:300k:700", "config:llama:300k")}
    assert list(named.values()) == [700, None]
    assert named_pieces(tiny_model("llama").lineage) is None
