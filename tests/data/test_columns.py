"""Which column is what: by the user's word, by name in English and Chinese, then by content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from llamita.core.errors import UserError
from llamita.data.columns import find_columns, named_columns, reads_like_text

LONG = "a rather long text that nobody would take for a label"


def roles(header: str, rows: Sequence[str] = (), given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The roles in a table whose fields stand between bars."""
    names = header.split("|")
    return find_columns(names, [row.split("|") for row in rows or ["?|" * (len(names) - 1) + "?"]], given, "a.csv:1")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("id|review|stars", {"text": "review", "label": "stars"}),
        ("Sentiment|Tweet", {"text": "Tweet", "label": "Sentiment"}),
        (" TEXT | Label ", {"text": " TEXT ", "label": " Label "}),
        ("评论|标签", {"text": "评论", "label": "标签"}),
        ("序号|类别|正文", {"text": "正文", "label": "类别"}),
        ("情感|内容|时间", {"text": "内容", "label": "情感"}),
        ("序号|评价内容|满意度|日期", {"text": "评价内容", "label": "满意度"}),
        ("評論內容|評分", {"text": "評論內容", "label": "評分"}),
        ("premise|hypothesis|label|idx", {"text": "premise", "pair": "hypothesis", "label": "label"}),
        ("label|Sentence2|Sentence1", {"text": "Sentence1", "pair": "Sentence2", "label": "label"}),
        ("sentence|question|标签", {"text": "question", "pair": "sentence", "label": "标签"}),
        ("句子1|句子2|标签", {"text": "句子1", "pair": "句子2", "label": "标签"}),
        ("文本1|文本2|标签", {"text": "文本1", "pair": "文本2", "label": "标签"}),
        ("句子１|句子２|标签", {"text": "句子１", "pair": "句子２", "label": "标签"}),
        ("标签|假设|前提", {"text": "前提", "pair": "假设", "label": "标签"}),
        ("问题|答案|类别", {"text": "问题", "pair": "答案", "label": "类别"}),
        ("id|text", {"text": "text"}),
    ],
)
def test_known_names_tell_the_roles_in_any_order_and_case(header: str, expected: dict[str, str]) -> None:
    assert roles(header) == expected


@pytest.mark.parametrize(
    ("simplified", "traditional"),
    [
        ("内容|标签", "內容|標籤"),
        ("标题|类别", "標題|類別"),
        ("评论|分类", "評論|分類"),
        ("文本|标注", "文本|標註"),
        ("前提|假设|标签", "前提|假設|標簽"),
        ("问题|答案|类别", "問題|答案|類別"),
    ],
)
def test_a_header_in_traditional_characters_reads_as_its_simplified_twin(simplified: str, traditional: str) -> None:
    twins = dict(zip(simplified.split("|"), traditional.split("|"), strict=True))
    assert roles(traditional) == {role: twins[name] for role, name in roles(simplified).items()}
    assert len(roles(traditional)) == len(twins)


def test_names_go_before_content() -> None:
    rows = [f"short|{LONG} {i}|{i}|{i % 2}" for i in range(8)]
    assert roles("text|notes|label|flag", rows) == {"text": "text", "label": "label"}


def test_a_plain_name_goes_before_a_related_one() -> None:
    assert roles("title|text|label") == {"text": "text", "label": "label"}
    assert roles("标题|文本|类别|标签") == {"text": "文本", "label": "标签"}


def test_half_a_pair_is_no_pair() -> None:
    assert roles("premise|text|label") == {"text": "text", "label": "label"}
    assert roles("前提|问题|标签") == {"text": "问题", "label": "标签"}
    assert roles("sentence1|sentence|label") == {"text": "sentence", "label": "label"}


def test_of_unknown_names_the_longest_column_is_the_text_and_the_repeating_one_the_label() -> None:
    rows = [f"{i}|{LONG} {i}|{'xy'[i % 2]}" for i in range(8)]
    assert roles("nr|what they wrote|verdict", rows) == {"text": "what they wrote", "label": "verdict"}
    rows = [f"这家酒店的服务非常好，第{i}次来了|{'好坏'[i % 2]}" for i in range(4)]
    assert roles("客人说的话|判断", rows) == {"text": "客人说的话", "label": "判断"}


def test_a_known_label_leaves_only_the_text_to_content() -> None:
    rows = [f"{LONG} {i}|{i % 2}|{i % 3}" for i in range(12)]
    assert roles("what they wrote|floor|stars", rows) == {"text": "what they wrote", "label": "stars"}


@pytest.mark.parametrize(
    ("verdicts", "label"),
    [
        (["x", "y", "x", "y"], "verdict"),
        (["x", "y", "", "", "x", "y"], "verdict"),
        (["x", "y", "x"], None),
        (["x", "y", "z", "x"], None),
        (["x", "x", "x", "x"], None),
        (["x", "y", "", "", "", ""], None),
        (["x" * 45, "y" * 45] * 3, None),
    ],
)
def test_a_label_is_two_or_more_short_values_each_seen_twice_on_average(verdicts: list[str], label: str | None) -> None:
    assert roles("text|verdict", [f"text {i}|{verdict}" for i, verdict in enumerate(verdicts)]).get("label") == label


def test_two_columns_that_could_be_the_label_are_none() -> None:
    rows = [f"text {i}|{'xy'[i % 2]}|{'uvw'[i % 3]}" for i in range(12)]
    assert roles("text|room|floor", rows) == {"text": "text"}
    assert roles("text|room|floor", rows, {"label": "floor"}) == {"text": "text", "label": "floor"}


@pytest.mark.parametrize("name", ["verdict", "Score", "airline_sentiment", "评论类别 标签"])
def test_of_several_that_could_be_the_label_the_one_that_is_called_so_is(name: str) -> None:
    rows = [f"text {i}|{'xy'[i % 2]}|{'uvw'[i % 3]}|" for i in range(12)]
    assert roles(f"text|floor|{name}|", rows) == {"text": "text", "label": name}
    numbers = [f"text {i}|{i / 7:.3f}" for i in range(12)]
    assert roles("text|score", numbers) == {"text": "text"}
    assert roles("text|day", [f"text {i}|2026-11-{i % 3 + 10}" for i in range(12)]) == {"text": "text"}


def test_a_text_several_times_as_long_as_its_title_is_the_text() -> None:
    rows = [f"short {i}|{LONG} {i}|{i % 2}" for i in range(8)]
    assert roles("title|what they wrote|label", rows) == {"text": "what they wrote", "label": "label"}
    assert roles("title|nr|label", [f"{LONG}|{i}|{i % 2}" for i in range(8)]) == {"text": "title", "label": "label"}


def test_a_header_may_have_empty_names() -> None:
    rows = [f"{'xy'[i % 2]}|{LONG} {i}|" for i in range(8)]
    assert roles("v1|v2|", rows) == {"text": "v2", "label": "v1"}


def test_columns_of_like_length_are_not_guessed_between() -> None:
    assert roles("first|second", ["a" * 15 + "|" + "b" * 10])["text"] == "first"
    assert roles("first|second", ["a" * 10 + "|" + "b" * 15])["text"] == "second"
    with pytest.raises(UserError, match=r"a\.csv:1: can't tell which column holds the text.* Columns: first, second\."):
        roles("first|second", ["a" * 14 + "|" + "b" * 10])


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("a fine film|good", ["a bad film|bad", "another|good"]),
        ("a fine film|5", ["a bad film|1"]),
        ("a fine film|-2.5e3", ["a bad film|1"]),
        ("w" * 61 + "|good", ["a bad film|bad"]),
    ],
)
def test_a_first_row_of_data_is_no_header(header: str, rows: list[str]) -> None:
    with pytest.raises(UserError, match=r"a\.csv:1: no header: .* add a first line such as text,label$") as refusal:
        roles(header, rows)
    assert "w" * 41 not in str(refusal.value)


def test_the_header_to_add_is_as_wide_as_the_table() -> None:
    with pytest.raises(UserError, match=r"such as text,label,column3,column4$"):
        roles("7|a fine film|good|yes", ["8|a bad film|bad|no"])


def test_one_known_name_makes_it_a_header() -> None:
    assert roles("2020|text|2021", ["1|a film|2"]) == {"text": "text"}
    assert roles("label|2020", [f"{i % 2}|{LONG}" for i in range(4)]) == {"text": "2020", "label": "label"}


def test_the_users_word_goes_before_names_and_content() -> None:
    header, rows = "text|review|stars|label", ["id7|good film|5|a", "id8|bad film|1|b"]
    assert roles(header, rows, {"label": "stars", "text": "review"}) == {"text": "review", "label": "stars"}
    assert roles(header, rows, {"text": "label"}) == {"text": "label", "label": "stars"}
    assert roles(header, rows, {"label": "text"}) == {"text": "review", "label": "text"}
    assert roles("premise|hypothesis|odd", [], {"label": "odd"}) == {
        "text": "premise", "pair": "hypothesis", "label": "odd",
    }  # fmt: skip


def test_a_column_the_user_took_breaks_the_pair_it_belonged_to() -> None:
    assert roles("premise|hypothesis|text", [], {"label": "hypothesis"}) == {"text": "text", "label": "hypothesis"}


def test_a_partner_the_user_named_stays_and_the_text_is_found_beside_it() -> None:
    assert roles("premise|hypothesis|context|label", [], {"pair": "context"}) == {
        "text": "premise", "pair": "context", "label": "label",
    }  # fmt: skip


def test_roles_come_as_text_pair_label_however_they_are_found() -> None:
    assert list(roles("label|b|a", [], {"label": "label", "pair": "b", "text": "a"})) == ["text", "pair", "label"]


def test_what_the_user_names_wrongly_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"a\.csv:1: no column 'reveiw'\. Did you mean 'review'\? Columns: review, 星级"
    ):
        roles("review|星级", [], {"text": "reveiw"})
    with pytest.raises(UserError, match="no column role 'texts'; roles are text, pair, label"):
        roles("review|stars", [], {"texts": "review"})
    with pytest.raises(UserError, match="one column is named for two roles: text=review, label=review"):
        roles("review|stars", [], {"text": "review", "label": "review"})
    with pytest.raises(UserError, match="no column is left for the text"):
        roles("stars", [], {"label": "stars"})


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("good film", ["bad film", "ok"]), ("Boring, but true", ["x"]), ("Never again!", ["x"]), ("太贵了，不值", ["x"]),
        ("这家酒店很好", ["房间太小", "早餐很好吃"]),
    ],
)  # fmt: skip
def test_a_name_that_reads_like_a_text_is_told_from_one(name: str, texts: Sequence[str]) -> None:
    assert reads_like_text(name, texts)


@pytest.mark.parametrize(
    "name",
    ["text", "reviews", "Review Text", "customer comments", "user_feedback", "评论", "反馈", "用户评价内容", "q1.b"],
)
def test_names_of_columns_do_not_read_like_texts(name: str) -> None:
    assert not reads_like_text(name, ["这家酒店的服务非常好，早餐也不错", LONG])


def test_links_beside_titles_and_answers_of_yes_and_no_are_neither_texts_nor_pairs() -> None:
    rows = [f"short {i}|https://example.org/entry/a-long-address-{i}|{i % 2}" for i in range(8)]
    assert roles("headline|link|category", rows)["text"] == "headline"
    asked = [f"is number {i} even|{('yes', 'no')[i % 2]}" for i in range(8)]
    assert roles("question|answer", asked) == {"text": "question", "label": "answer"}
    assert roles("question|answer", [f"is number {i} even|it is {i}" for i in range(8)]) == {
        "text": "question",
        "pair": "answer",
    }


def test_columns_of_labels_may_stand_in_a_list() -> None:
    assert named_columns({"labels": ["toxic", "rude"], "text": 0}) == {"labels": "toxic,rude", "text": "0"}
