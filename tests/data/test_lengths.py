"""Empty, over-long and cut texts, and rows in another script."""

from __future__ import annotations

from llamita.data.lengths import lengths_found
from llamita.data.read import read_table

SENTENCES = [f"sentence number {i} goes on for {'a while and ' * (i % 7)}then ends." for i in range(100)]


def found(texts: list[str]) -> dict[str, tuple[int, ...]]:
    return {f.kind: f.lines for f in lengths_found(read_table(texts), None, None)}


def test_sound_texts_have_no_finding() -> None:
    assert found(SENTENCES) == {}
    assert found([f"这是第{i}条评论，房间{'很' * (i % 5)}好。" for i in range(100)]) == {}


def test_what_cannot_be_seen_is_empty() -> None:
    assert found([*SENTENCES, "\u200b", "\u3000", ""])["empty"] == (101, 102, 103)


def test_texts_cut_at_one_length_are_told_and_whole_ones_of_one_length_are_not() -> None:
    cut = [text[:60] for text in SENTENCES]
    rows = tuple(i + 1 for i, text in enumerate(cut) if len(text) == 60)
    assert found(cut)["cut_off"] == rows[:10]
    assert "cut_off" not in found(["short"] * 50 + [f"{i:040d} which ends." for i in range(50)])


def test_a_row_in_another_script_is_told_but_not_in_mixed_data() -> None:
    strange = "这家酒店的位置很好，房间也很干净"
    assert found([*SENTENCES, strange])["script"] == (101,)
    assert "script" not in found([*SENTENCES, *[strange + str(i) for i in range(20)]])
    assert "script" not in found([*SENTENCES, "的"])
