"""Each how-to page has its Chinese twin with the same sections and examples, which the navigation names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(page.name for page in (ROOT / "docs/how-to").glob("*.md"))
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def shape(page: Path) -> tuple[list[int], int]:
    """The depths of a page's headings, in order, and how many fenced blocks it has."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^(#+) ", FENCED.sub("", text), re.MULTILINE)
    return [len(marks) for marks in headings], len(FENCED.findall(text))


def rows(page: Path) -> int:
    return sum(line.startswith("|") for line in FENCED.sub("", page.read_text(encoding="utf-8")).splitlines())


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_a_chinese_twin_of_the_same_shape(name: str) -> None:
    assert shape(ROOT / "docs/zh" / name) == shape(ROOT / "docs/how-to" / name)


def test_the_chinese_navigation_and_index_name_every_page() -> None:
    listed = re.findall(r"^  - (\S+)$", (ROOT / "docs/zh/.nav.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(["index.md", *PAGES])
    index = (ROOT / "docs/zh/index.md").read_text(encoding="utf-8")
    assert [name for name in PAGES if f"]({name})" not in index] == []


def test_the_chinese_readme_has_the_sections_examples_and_rows_of_the_english_one() -> None:
    english, chinese = ROOT / "README.md", ROOT / "README.zh.md"
    assert (shape(chinese), rows(chinese)) == (shape(english), rows(english))
