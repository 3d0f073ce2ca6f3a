"""Every kind of damage of tests/damage.py is found where it was put, and the clean corpus has none.

On real texts, English and Chinese: bench/damage.py.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from tests.damage import DAMAGES
from tests.damaged_corpus import Corpus
from tests.damaged_talks import TALK_DAMAGES, talks_found, write_talks

import llamita.data.check as check_module
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
    if damage.name == "an English row":
        pytest.skip("English rows among Chinese ones: bench/damage.py")
    if _converter() is None and ("traditional" in damage.name or "好評" in damage.name):
        pytest.skip("needs opencc")
    made = Corpus.of(rows(300, 0), rows(80, 1000))
    hurt = set(made.lines(damage.put(made)))
    lines = found(made, tmp_path, near=False)
    if not hurt or damage.kind in ("", "one_class"):
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


def test_damage_to_dialogues_is_found_in_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "talks.jsonl"
    lines = write_talks(file, [text for text, _ in rows(200, 0)], list(TALK_DAMAGES))
    wanted: dict[str, set[int]] = {}
    for name, (kind, _) in TALK_DAMAGES.items():
        wanted.setdefault(kind, set()).add(lines[name])
    assert talks_found(file) == wanted


def test_every_kind_of_finding_has_a_damage_that_shows_it() -> None:
    shown = {damage.kind for damage in DAMAGES} | {kind for kind, _ in TALK_DAMAGES.values()}
    assert kinds_told() - shown == {"label_error"}  # bench/label_errors.py


def kinds_told() -> set[str]:
    """Every kind that the data doctor's source names."""
    kinds: set[str] = set()
    for path in Path(check_module.__file__).parent.glob("*.py"):
        for call in filter(lambda node: isinstance(node, ast.Call), ast.walk(ast.parse(path.read_text("utf-8")))):
            name = ast.unparse(call.func)
            written = [word.value for word in call.keywords if word.arg == "kind"] + (
                call.args[2:3] if name == "found_in" else []
            )
            if name in ("found_in", "BadRow", "Trace", "DataFinding"):
                kinds |= {part.value for part in written if isinstance(part, ast.Constant)}
    return kinds
