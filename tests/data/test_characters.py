"""Traces of other programs are seen, and texts that only look like them are left alone."""

from __future__ import annotations

import pytest

from llamita.data.characters import TRACES, damaged
from llamita.data.read import read_table

BY_KIND = {trace.kind: trace for trace in TRACES}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("encoding", "the cafÃ© is nice"), ("encoding", "cafÃƒÂ©"), ("encoding", "好看".encode().decode("latin-1")),
        ("encoding", "烫" * 8), ("encoding", "屯屯屯屯"), ("encoding", "a \ufffd b"),
        ("control", "a\x07b"), ("control", "a\x96b"), ("invisible", "a\u200bb"), ("invisible", "爱\u200d情"),
        ("markup", "fine.<br/>Then"), ("markup", '<a href="x">y</a>'), ("markup", "AT&amp;T"), ("markup", "&#39;"),
        ("escape", "one\\n Two"), ("escape", "caf\\u00e9"), ("percent", "a%20very%20good%20film"),
        ("nothing_said", "N/A"), ("nothing_said", " None "), ("spreadsheet", "######"), ("spreadsheet", "1.2E+11"),
        ("nothing_said", "暂无评论"), ("nothing_said", "无"), ("nothing_said", "該用戶沒有填寫評價。"), ("nothing_said", "未填写"),
        ("nothing_said", "该用户没有填写评价"), ("nothing_said", "此用户未填写评价内容"), ("nothing_said", "该条微博已被删除"),
        ("nothing_said", "该条微博已被作者删除"), ("nothing_said", "无内容"),
        ("nothing_said", "评价方未及时做出评价,系统默认好评!"),
        ("spreadsheet", "2024/1/3 0:00:00"), ("spreadsheet", "=SUM(A1)"), ("number", "20,413-77"), ("lookalike", "g\u043e\u043ed"),
        ("decomposed", "cafe\u0301"), ("cell_limit", "x" * 32_767),
    ],
)  # fmt: skip
def test_a_trace_is_seen(kind: str, text: str) -> None:
    assert BY_KIND[kind].seen(text) is not None
    (found,) = [f for f in damaged(read_table(["a sound text", text])) if f.kind == kind]
    assert found.lines == (2,)
    assert f" such as {found.quotes[0]!r}" in found.message


@pytest.mark.parametrize(
    "text",
    [
        "这碗汤烫烫烫！", "水烫烫烫烫，小心", "un café très cher, déjà vu ; « été »…", "Ärger über Öl & Übung",
        "naïve façade — “quoted”",
        "C:\\new\\temp", "\\tau and \\nu are Greek", "x < 3 and y > 2", "AT&T", "i <3 this", "100% sure, 20 % off", "10/10", "9.5",
        "none of it works", "it was null and void", "on 3-Apr we went", "👨\u200d👩\u200d👧", "می\u200cخواهم",
        "Привет, мир", "e5 and π", "5 μm of α-helix",
        "没有", "没有内容", "无聊", "无语", "未填写地址就发货了", "我的微博已被删除", "默认好评", "评价不错", "该用户很好",
        "日本語のテキスト", "한국어", "tiếng Việt", "$1,000", "2024",
    ],
)  # fmt: skip
def test_a_sound_text_has_none(text: str) -> None:
    assert {trace.kind: seen for trace in TRACES if (seen := trace.seen(text)) is not None} == {}


MISREAD = (
    "浣犲ソ",
    "闈炲父鍠滄",
    "¿´ÆðÀ´",
    "服务很好，房间也很干净".encode().decode("gb18030", "replace").replace("\ufffd", "?"),
)


@pytest.mark.parametrize("text", MISREAD)
def test_chinese_that_was_read_in_another_encoding_is_told(text: str) -> None:
    assert [f.kind for f in damaged(read_table([text]))] == ["encoding"]


@pytest.mark.parametrize(
    "text",
    ["涓涓细流", "一", "茅台酒很好喝", "联通", "這間酒店不錯", "ATENÇÃO, PROMOÇÕES", "größer als 25°±1°", "····", "×××",
     "좋은 영화", "とても良い映画", "naïveté", "¿Él?"],
)  # fmt: skip
def test_sound_texts_beyond_ascii_are_not_called_misread(text: str) -> None:
    assert [f.kind for f in damaged(read_table([text]))] == []


@pytest.mark.parametrize("text", ["a" * 200_000, "4" * 200_000, "俺" * 50_000 + "x", "<a " * 50_000, "&#1" * 50_000])
def test_a_text_without_spaces_is_gone_through_once_and_not_from_each_letter(text: str) -> None:
    """Where a pattern begins anew from each letter this doesn't end for minutes."""
    assert [f.kind for f in damaged(read_table(["a sound text", text]))] in ([], ["markup"], ["number"])
