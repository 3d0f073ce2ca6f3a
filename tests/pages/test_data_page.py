"""The page about data shows every finding in both languages, marks what can't be seen, and holds nothing active."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import llamita.data
from llamita.core.errors import UserError
from llamita.data.check import check
from llamita.data.label_errors import Suspect, suspects_found
from llamita.data.read import read_table
from llamita.pages.data_page import visible, write_data_page
from llamita.pages.strings import STRINGS

TEXTS = [
    "a <b>bold</b> film",
    "won\u200bderful",
    "caf\u00c3\u00a9",
    "",
    *(f"text number {i} of all" for i in range(36)),
]


def page(folder: Path, language: str = "en") -> str:
    train = read_table((TEXTS, ["good", "bad"] * 20))
    suspect = Suspect(row=5, label="bad", likely="good", own=0.02, other=0.98)
    findings = [*check(train), *suspects_found(train, [suspect], 0.9)]
    write_data_page(
        {"train": train}, findings, folder / "page.html", language=language, command="llamita data check x.csv"
    )
    return (folder / "page.html").read_text(encoding="utf-8")


def test_findings_stand_by_severity_with_rows_and_remedies(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert re.search(r'<section id="warning">.*Empty texts.*Invisible characters', text, re.DOTALL)
    assert "&lt;b&gt;bold" in text
    assert "<b>bold" not in text
    assert 'won<span class="code-point">U+200B</span>derful' in text
    assert "98\u00a0%" in text
    assert "<svg" in text


def test_of_several_labels_a_text_each_is_counted(tmp_path: Path) -> None:
    table = read_table(
        [{"text": f"news {i}", "labels": ["politics", "economy"] if i % 2 else ["sport"]} for i in range(30)]
    )
    write_data_page({"train": table}, [], tmp_path / "data.html", language="en")
    text = (tmp_path / "data.html").read_text(encoding="utf-8")
    assert table.several
    assert {"politics", "economy", "sport"} <= set(re.findall(r"politics\|economy|politics|economy|sport", text))
    assert "politics|economy" not in text


def test_the_chinese_page_tells_names_and_remedies_in_chinese(tmp_path: Path) -> None:
    text = page(tmp_path, "zh")
    assert 'lang="zh-Hans"' in text
    assert "不可见字符" in text
    assert "delete them" not in text


def test_the_chinese_page_says_what_is_read_of_folders_of_labels(tmp_path: Path) -> None:
    for label in ("good", "bad"):
        (tmp_path / "texts" / label).mkdir(parents=True)
        (tmp_path / "texts" / label / "one.txt").write_text(f"a {label} film", encoding="utf-8")
    table = read_table(str(tmp_path / "texts"))
    write_data_page({"train": table}, [], tmp_path / "data.html", language="zh")
    assert "text = 文件内容，label = 所在目录" in (tmp_path / "data.html").read_text(encoding="utf-8")


def test_every_kind_of_finding_has_a_name_and_a_remedy_in_both_languages() -> None:
    """All kinds that stand as a literal in the doctor's files."""
    told = {key.removeprefix("found_") for key in STRINGS if key.startswith("found_")}
    assert told == {key.removeprefix("do_") for key in STRINGS if key.startswith("do_")}
    kinds = set()
    for file in Path(llamita.data.__file__).parent.glob("*.py"):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "found_in":
                kinds |= {a.value for a in call.args[2:3] if isinstance(a, ast.Constant)}
            if isinstance(call, ast.Call) and getattr(call.func, "attr", "") != "argsort":
                kinds |= {k.value.value for k in call.keywords if k.arg == "kind" and isinstance(k.value, ast.Constant)}
    assert len(kinds) > 30
    assert kinds <= told


def test_nothing_of_a_text_is_hidden() -> None:
    assert visible("a\u200bb") == 'a<span class="code-point">U+200B</span>b'
    assert len(visible("x" * 500)) == 220


def test_an_unknown_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="language must be"):
        page(tmp_path, "fr")
