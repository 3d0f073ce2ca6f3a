"""Each how-to page has its Chinese twin, which the navigation names; every command on a page has the flags it names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from llamita._cli.parser import Parser
from llamita.cli import _carry_out
from llamita.core.errors import UserError

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


@pytest.mark.parametrize("name", PAGES)
def test_the_tables_of_a_page_have_as_many_rows_in_both_languages(name: str) -> None:
    assert rows(ROOT / "docs/zh" / name) == rows(ROOT / "docs/how-to" / name)


def test_the_chinese_navigation_and_index_name_every_page() -> None:
    listed = re.findall(r"^  - (\S+)$", (ROOT / "docs/zh/.nav.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(["index.md", *PAGES])
    index = (ROOT / "docs/zh/index.md").read_text(encoding="utf-8")
    assert [name for name in PAGES if f"]({name})" not in index] == []


def test_the_chinese_readme_has_the_sections_examples_and_rows_of_the_english_one() -> None:
    english, chinese = ROOT / "README.md", ROOT / "README.zh.md"
    assert (shape(chinese), rows(chinese)) == (shape(english), rows(english))


WRITTEN = ("README.md", "README.zh.md", "docs/how-to/*.md", "docs/zh/*.md", "docs/explanation/*.md")
COMMAND = re.compile(r"^(?:torchrun .*-m )?llamita ((?:\"[^\"]*\"|'[^']*'|\\\n|[^\n\"'|>&;#])+)", re.MULTILINE)
"""A command's words up to a pipe, a remark or the end of its line; a text in quotes may hold all of these."""


class ReadWhole(Exception):
    """The words of a command were all understood."""


def commands_of(text: str) -> list[str]:
    """The commands of a page: those of its blocks, and those that stand in its sentences and tables."""
    inline = re.findall(r"`([^`\n]*llamita [^`\n]+)`", FENCED.sub("", text).replace("\\|", "|"))
    return [COMMAND.match(one)[1] for one in inline if COMMAND.match(one)] + COMMAND.findall(  # type: ignore[index]
        "\n".join(FENCED.findall(text))
    )


def complaint_about(command: str) -> str | None:
    """What the command line says of these words, which aren't carried out; None where it takes them."""
    try:
        _carry_out(shlex.split(command.replace("\\\n", " ")))
    except ReadWhole:
        return None
    except UserError as error:  # what is but named, such as `llamita run`, leaves out what must be given
        return None if str(error).startswith("give ") else str(error)
    return None


@pytest.mark.parametrize("pattern", WRITTEN)
def test_every_written_command_has_the_flags_it_names(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Parser.read

    def read_and_stop(self: Parser, argv: Sequence[str], rest: str | None = None) -> None:
        read(self, argv, rest)
        raise ReadWhole

    monkeypatch.setattr(Parser, "read", read_and_stop)
    pages = {page.name: commands_of(page.read_text(encoding="utf-8")) for page in sorted(ROOT.glob(pattern))}
    assert sum(map(len, pages.values())) > 0
    known = [
        (name, one) for name, commands in pages.items() for one in commands if "…" not in one and "VERB" not in one
    ]
    assert [(name, one, said) for name, one in known if (said := complaint_about(one))] == []


def test_a_command_with_a_flag_that_is_none_would_be_found() -> None:
    page = "`llamita list`\n```sh\nllamita predict light 'a | b' \\\n  --fil texts.csv | head  # all\n```\n"
    assert commands_of(page) == ["list", "predict light 'a | b' \\\n  --fil texts.csv "]
    assert "no flag '--fil'" in str(complaint_about(commands_of(page)[1]))
