"""Every kind of damage of tests/damage.py is found where it was put, and the clean corpus has none.

On real texts, English and Chinese: bench/damage.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.damage import DAMAGES, Corpus

from llamita.core.errors import UserError
from llamita.data.check import check, faults_found
from llamita.data.read import read_table
from llamita.data.text import _converter

THINGS = ("film", "story", "plot", "cast", "music", "script", "ending", "scene", "camera", "hero", "editing")
SIDES = (
    ("warm", "moving", "clever", "tender", "bright", "graceful"),
    ("dull", "stale", "clumsy", "empty", "boring", "cold"),
)


def rows(count: int, start: int) -> list[tuple[str, str]]:
    """Sentences that share little, half of them positive."""
    made = []
    for i in range(start, start + count):
        words, label = SIDES[i % 2], ("positive", "negative")[i % 2]
        parts = [f"{THINGS[(i * k + k) % 11]} number {i * k} seems {words[(i + k) % 6]}" for k in range(1, 3 + i % 3)]
        made.append((f"{THINGS[i % 11]} {i}: the {', the '.join(parts)}.", label))
    accented = ("a charming little film in the café around the corner of a rainy street", "positive")
    return [*made, accented] if start == 0 else made


def found(made: Corpus, folder: Path, near: bool) -> dict[str, set[int]]:
    """Of each kind the lines; "" for a refusal."""
    faults: list = []
    try:
        train, test = (read_table(str(file), faults=faults) for file in made.write(folder))
    except UserError as error:
        return {"": {int(str(error).split(".csv:")[1].split(":")[0])}}
    lines: dict[str, set[int]] = {}
    for f in [*check(train, test, likeness=0.8 if near else None), *faults_found(faults)]:
        table = train if f.file == train.source else test
        lines.setdefault(f.kind, set()).update([table.lines[i] for i in f.rows] or f.lines)
    return lines


def test_the_clean_corpus_has_no_finding(tmp_path: Path) -> None:
    assert found(Corpus.of(rows(300, 0), rows(80, 1000)), tmp_path, near=False) == {}


@pytest.mark.parametrize("damage", [d for d in DAMAGES if "near" not in d.kind], ids=lambda d: d.name)
def test_each_kind_of_damage_is_found_in_its_lines(damage, tmp_path: Path) -> None:
    if damage.language == "zh" and ("traditional" not in damage.name or _converter() is None):
        pytest.skip("damage to Chinese texts: bench/damage.py")
    made = Corpus.of(rows(300, 0), rows(80, 1000))
    hurt = set(made.lines(damage.put(made)))
    lines = found(made, tmp_path, near=False)
    if damage.alone and damage.kind in ("", "header", "absent_label", "one_class"):
        assert damage.kind in lines
        assert hurt <= lines[damage.kind]
    else:
        assert lines[damage.kind] == hurt


def test_all_that_one_file_can_hold_are_found_together(tmp_path: Path) -> None:
    made = Corpus.of(rows(300, 0), rows(80, 1000))
    hurt = {d.name: (d.kind, d.put(made)) for d in DAMAGES if not d.alone and not d.language and "near" not in d.kind}
    lines = found(made, tmp_path, near=False)
    missed = [name for name, (kind, where) in hurt.items() if not set(made.lines(where)) <= lines.get(kind, set())]
    assert missed == []
    assert len(hurt) >= 40
