"""--language zh turns what a verb says Chinese; English stays the default."""

from __future__ import annotations

from pathlib import Path

import pytest

from llamita._cli.language import said, speaking, spoken, wanted
from llamita.cli import main
from llamita.core.errors import UserError
from llamita.data.mend import SET_ASIDE


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
    assert "3 个其他问题" in out


def test_the_line_about_a_file_and_a_finding_of_its_header_have_chinese_marks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "表.csv").write_text("评论,标签\n很好,正面\n很差,负面\n", encoding="utf-8")
    (tmp_path / "列.csv").write_text("房间不大，但很干净\n服务好\n早餐不错\n", encoding="utf-8")
    main(["data", "check", "表.csv", "--language", "zh"])
    assert capsys.readouterr().out.startswith("训练集：表.csv，2 行；text = 评论，label = 标签；标签：正面 1，负面 1\n")
    main(["data", "check", "列.csv", "--language", "zh"])
    assert "\n警告：列.csv:1：唯一一列的列名是 '房间不大，但很干净'" in capsys.readouterr().out


def test_the_language_may_stand_before_a_verb_of_two_words(capsys: pytest.CaptureFixture[str]):
    assert main(["--language", "zh", "data", "check", "missing.csv"]) == 2
    assert "missing.csv" in capsys.readouterr().err
    assert main(["--language", "fr", "data", "check", "missing.csv"]) == 2
    assert "--language" in capsys.readouterr().err


def test_a_mended_copy_is_told_in_chinese_and_so_are_the_reasons_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    rows = ["很好 <b>吃</b>,好", "很差,坏", ",好", "很差。,坏", "不错,好", "不错！,坏"]
    (tmp_path / "z.csv").write_text("\n".join(["text,label", *rows, ""]), encoding="utf-8")
    main(["data", "check", "z.csv", "--near", "0", "--fix", "new.csv", "--language", "zh"])
    told = capsys.readouterr().err
    assert "已写入：new.csv，2 行；移出 4 行，存于 new.aside.csv；1 行的文本已修正" in told
    aside = (tmp_path / "new.aside.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [line.split(",")[1] for line in aside] == [
        "文本为空", "与前面的文本重复", "同一文本带有不同的标签", "同一文本带有不同的标签",
    ]  # fmt: skip


def test_every_reason_for_which_rows_are_set_aside_is_chinese():
    with speaking("zh"):
        assert [reason for reason in SET_ASIDE.values() if said(reason) == reason] == []


def test_counted_labels_and_folders_of_labels_are_told_in_chinese(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    for number in range(8):
        (tmp_path / f"texts/a and b{number}").mkdir(parents=True)
        (tmp_path / f"texts/a and b{number}/one.txt").write_text(f"文本{number}" * 3, encoding="utf-8")
    main(["data", "check", "texts", "--near", "0", "--language", "zh"])
    first = capsys.readouterr().out.splitlines()[0]
    assert "text = 文件内容，label = 所在目录；标签：a and b0 1" in first
    assert first.endswith("，另有 2 个")


@pytest.mark.parametrize(
    ("line", "chinese"),
    [
        (
            (
                "a.csv:3: byte 10 (0xff) is not gb18030; it looks like Latin-1. Convert it: llamita data convert a.csv"
                " --encoding Latin-1 --out a-utf8.csv"
            ),
            (
                "a.csv:3：第 10 字节（0xff）不是 gb18030 编码，像是 Latin-1 编码。请转换：llamita data convert a.csv"
                " --encoding Latin-1 --out a-utf8.csv"
            ),
        ),
        ("2 rows in Arabic script, where the others are in Greek script", "2 行使用阿拉伯文字，其他行使用希腊文字"),
        ("1 row in another script, where the others are in Chinese script", "1 行使用另一种文字，其他行使用中文"),
        (
            (
                "x.jsonl:3: messages 1 and 2 are both the user's; here assistant must speak: user and assistant take turns,"
                " the user first"
            ),
            "x.jsonl:3：第 1 条和第 2 条消息都是 user 的；此处应由 assistant 发言：user 与 assistant 须轮流，user 在先",
        ),
        ("a b.csv: 60 rows; text = 评论, label = 情感", "a b.csv：60 行；text = 评论，label = 情感"),
        ("relax it: --keep 0.9, or more --minutes", "可放宽：--keep 0.9，或增加 --minutes"),
        ("relax it: --max-latency 3.2ms, or more --threads.", "可放宽：--max-latency 3.2ms，或增加 --threads。"),
    ],
)
def test_lines_that_are_put_together_are_chinese_throughout(line: str, chinese: str):
    with speaking("zh"):
        assert said(line) == chinese


def test_a_column_role_that_nobody_knows_is_refused_in_chinese(capsys: pytest.CaptureFixture[str]):
    assert main(["data", "check", "x.csv", "--columns", "foo=bar", "--language", "zh"]) == 2
    assert "实际为 'foo'。用法见" in capsys.readouterr().err
