"""Every message has its Chinese, and lines are recognised with what they quote."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from llamita.core.errors import did_you_mean
from llamita.core.messages import catalogue, translated

TOOL = Path(__file__).parents[2] / "tools" / "missing_messages.py"


def slots_of(template: str) -> list[int]:
    """The numbers of a message's slots, in order."""
    return [int(n) for n in re.findall(r"(?<!\{)\{(\d+)\}", template.replace("{{", "").replace("}}", ""))]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """The tool that collects the messages."""
    spec = importlib.util.spec_from_file_location("missing_messages", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


@pytest.fixture(scope="module")
def said(tool: ModuleType) -> dict[str, str]:
    """Every message of the package and where it is said."""
    return tool.messages()


def test_what_is_put_after_a_message_or_returned_as_one_is_collected(tool: ModuleType, tmp_path: Path):
    (tmp_path / "speaker.py").write_text(
        "def refuse(name):\n    what = f'no file {name}'\n    what += '; look again' if name else ''\n"
        "    raise UserError(what)\ndef told(n):\n    return f'{n} texts read' + (' twice' if n else '')\n"
        "def tell(n):\n    print(said(told(n)))\n",
        encoding="utf-8",
    )
    found = set(tool.messages(tmp_path))
    assert found == {"no file {0}", "{0}; look again", "{0} texts read", "{0} texts read twice"}


def test_nothing_is_printed_without_saying_it_in_the_language_spoken(tool: ModuleType, tmp_path: Path):
    assert list(tool.unsaid()) == []
    (tmp_path / "_cli").mkdir()
    (tmp_path / "_cli/verb.py").write_text("print(f'{n} of {m}')\nprint(said('none'), name)\n", encoding="utf-8")
    assert tool.unsaid(tmp_path) == ["_cli/verb.py:1"]


def test_every_message_has_a_chinese_one(said: dict[str, str]):
    known = catalogue()["messages"]
    missing = [f"{place}: {text}" for text, place in said.items() if text not in known]
    assert missing == [], "python tools/missing_messages.py prints them"
    assert len(said) > 400


def test_the_chinese_names_slots_that_the_english_has_and_drops_only_plurals():
    dropped = {}
    for english, chinese in ((e, c) for part in catalogue().values() for e, c in part.items()):
        ours, theirs = set(slots_of(chinese)), set(slots_of(english))
        assert ours <= theirs, english
        if ours != theirs:
            dropped[english] = theirs - ours
    assert set(dropped) == {"{0} error{1}, {2} other finding{3}", "{0} label{1} with fewer than 10 rows: {2}"}


def test_the_chinese_is_chinese():
    plain = [c for c in catalogue()["messages"].values() if re.search(r"[a-z]{3} [a-z]{3}", c) and not _has_han(c)]
    assert plain == []


def test_a_message_keeps_what_it_quotes():
    line = "keep must be in (0, 1.5], got 2.0; 0.99 keeps 99 %"
    assert translated(line, "zh") == "keep 须在 (0, 1.5] 内，实际为 2.0；0.99 表示保留 99 %"
    assert translated(line, "en") == line


def test_a_hint_at_the_end_is_said_in_chinese_too_whatever_dots_the_name_has():
    hint = did_you_mean("a.b/train.cvs", ["a.b/train.csv"])
    assert translated(f"no file a.b/train.cvs.{hint}", "zh") == "没有文件 a.b/train.cvs。是否想写 'a.b/train.csv'？"
    assert translated("no file a.b/train.cvs.", "zh") == "没有文件 a.b/train.cvs。"


def test_the_costliest_part_of_a_plan_is_named_in_chinese():
    line = (
        "longer than the 3 minutes asked for: less than this and the teacher or the student would learn too little here;"
        " most of it goes to: teacher: fine-tuning"
    )
    assert "teacher" not in translated(line, "zh")


def test_a_message_within_a_message_is_said_in_chinese():
    line = "r.yaml: steps.0: prune.depth: keep must be at least 1 layer, got 0"
    assert translated(line, "zh").endswith("prune.depth：keep 至少为 1 层，实际为 0")


def test_a_line_that_nobody_wrote_down_stays_as_it_is():
    for line in ("Tensor for argument weight is on meta", "", "12.5 %", "很好", "one of many", "a and b at c"):
        assert translated(line, "zh") == line


def test_braces_and_backslashes_in_what_is_quoted_do_no_harm():
    assert "'{x} \\d {0}'" in translated("the prompt must say where the text goes: {text}; got '{x} \\d {0}'", "zh")


def _has_han(text: str) -> bool:
    return any("\u4e00" <= c <= "\u9fff" for c in text)


def test_a_range_that_the_catalogue_does_not_know_is_chinese_all_the_same():
    assert (
        translated("strength_of_mine must be in [0, 1), got 3.0", "zh") == "strength_of_mine 须在 [0, 1) 内，实际为 3.0"
    )


def test_a_line_that_holds_a_whole_document_stays_as_it_is() -> None:
    assert translated("every row has the label 'good'", "zh") != "every row has the label 'good'"
    line = f"every row has the label {'a: b, ' * 2000!r}"
    assert translated(line, "zh") == line
