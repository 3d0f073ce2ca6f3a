"""--language zh turns what a verb says Chinese; English stays the default."""

from __future__ import annotations

from pathlib import Path

import pytest

from llamita._cli.language import said, speaking, spoken, wanted
from llamita.cli import main
from llamita.core.errors import UserError


def test_the_flag_wins_over_the_environment_and_english_is_the_default():
    assert wanted(["data", "check", "x.csv"], {}) == "en"
    assert wanted(["list"], {"LLAMITA_LANGUAGE": "zh"}) == "zh"
    assert wanted(["list", "--language", "en"], {"LLAMITA_LANGUAGE": "zh"}) == "en"
    assert wanted(["list", "--language=zh"], {}) == "zh"


def test_a_text_that_looks_like_the_flag_is_a_text():
    assert wanted(["predict", "m", "--", "--language", "zh"], {}) == "en"


def test_another_language_in_the_environment_is_refused():
    with pytest.raises(UserError, match="LLAMITA_LANGUAGE must be one of en, zh, got 'fr'"):
        wanted([], {"LLAMITA_LANGUAGE": "fr"})


def test_chinese_is_spoken_inside_only():
    with speaking("zh"):
        assert (spoken(), said("nothing found")) == ("zh", "没有发现问题")
    assert (spoken(), said("nothing found")) == ("en", "nothing found")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["predct"], "没有命令 'predct'。是否想写 'predict'？可用命令见 `llamita --help`。"),
        (["evaluate", "m"], "请给出 --data。用法见 `llamita evaluate --help`。"),
        (["prune", "dept"], "实际为 'dept'。是否想写 'depth'？可用的见 `llamita list prune`。"),
        (["predict", "m", "--fil", "x"], "没有选项 '--fil'。是否想写 '--file'？"),
        (["lighten", "--minutes", "x"], "--minutes 须为数字，实际为 'x'。"),
    ],
)
def test_a_mistake_is_told_in_chinese(words: list[str], line: str, capsys: pytest.CaptureFixture[str]):
    assert main([*words, "--language", "zh"]) == 2
    assert line in capsys.readouterr().err


def test_the_flag_may_stand_before_the_verb(capsys: pytest.CaptureFixture[str]):
    assert main(["--language", "zh", "predct"]) == 2
    assert "没有命令" in capsys.readouterr().err


def test_findings_of_the_data_check_and_their_remedies_are_chinese(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "z.csv").write_text("text,label\n很好,正面\n很差,负面\n很好,正面\n很差。,正面\n", encoding="utf-8")
    assert main(["data", "check", "z.csv", "--near", "0", "--language", "zh"]) == 0
    out = capsys.readouterr().out
    assert "警告：z.csv:3：1 条文本带有不同的标签（首例：第 3 行 '负面' 与第 5 行 '正面'）；请确定哪个标签正确" in out
    assert "1 行与前面的文本和标签重复；如非有意，每组只留一条" in out
    assert "2 个其他问题" in out


def test_the_language_may_stand_before_a_verb_of_two_words(capsys: pytest.CaptureFixture[str]):
    assert main(["--language", "zh", "data", "check", "missing.csv"]) == 2
    assert "missing.csv" in capsys.readouterr().err
    assert main(["--language", "fr", "data", "check", "missing.csv"]) == 2
    assert "--language" in capsys.readouterr().err
