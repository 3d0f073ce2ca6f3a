"""Copies are found whatever their case and spaces, near copies by what they share, and nothing else is called one."""

import pytest

from llamita.core.errors import UserError
from llamita.data.check import check
from llamita.data.copies import Seen, _Met, first_copies, kept_of, near_pairs, repeated_nearly, same_texts
from llamita.data.read import read_table
from llamita.data.text import text_key

LONG = "The committee considered withdrawing from the city on Wednesday after two of its members had been taken hostage"
CHINESE = "这家酒店的位置非常好，离地铁站只有五分钟的路程，房间干净整洁，服务员态度也很热情，下次来还会选择住在这里，早餐也不错"


def jaccard(one: str, other: str) -> float:
    """The slow, obvious likeness."""
    n = 3 if one == CHINESE else 5
    a, b = ({text_key(t)[i : i + n] for i in range(len(text_key(t)) - n + 1)} for t in (one, other))
    return len(a & b) / len(a | b)


def test_the_same_words_are_copies() -> None:
    assert same_texts(["A film!", "b", "a  FILM", "ａ film", "b", ("a", "film")]) == [[0, 2, 3], [1, 4]]


def test_the_first_of_all_copies_is_told_for_each_text() -> None:
    numbers = [7, 3, 7, 1, 3, 3, 9, 1]
    assert first_copies(f"text {n}" for n in numbers).tolist() == [numbers.index(n) for n in numbers]
    assert same_texts(iter([])) == []
    many = [f"{i * i % 1009}" for i in range(3000)]
    groups: dict[str, list[int]] = {}
    for row, text in enumerate(many):
        groups.setdefault(text, []).append(row)
    assert same_texts(many) == [rows for rows in groups.values() if len(rows) > 1]


def test_texts_that_are_not_held_are_compared_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    words = LONG.split()
    texts = [" ".join([*words[i:], *(f"x{j}" for j in range(i // 2))]) for i in range(10)]
    held = near_pairs(texts, 0.7)
    assert len(held) > 5
    monkeypatch.setattr("llamita.data.copies.HELD_SHINGLES", 100)
    assert near_pairs(iter(texts), 0.7) == held


def test_rows_go_as_they_would_if_every_pair_was_known() -> None:
    words = [f"word{i}" for i in range(40)]
    texts = [" ".join(words[i % 11 : i % 11 + 28]) + f" {i}" for i in range(60)]
    labels = ["ab"[i % 3 == 0] for i in range(60)]
    for given in (labels, None):
        alike, gone = near_pairs(texts, 0.75), set()
        for row in range(60):
            earlier = [one for one, other in alike if other == row and one not in gone]
            if any(given is None or given[one] == given[row] for one in earlier):
                gone.add(row)
        assert repeated_nearly(iter(texts), given, 0.75) == gone
        assert 20 < len(gone) < 58


@pytest.mark.parametrize("text", [LONG, CHINESE])
def test_a_few_changed_characters_make_a_near_copy(text: str) -> None:
    changed = text.replace("Wednesday ", "").replace("非常好", "很好")
    other = "Nothing of this has anything to do with what the others say, " + "说的完全是另外一件事情" * 3
    assert 0.8 < jaccard(text, changed) < 1
    texts = [other, text, changed, text.upper(), changed + "."]
    assert near_pairs(texts, 0.8) == [(1, 2)]
    assert near_pairs(texts, 1.0) == []
    assert same_texts(texts) == [[1, 3], [2, 4]]


def test_every_pair_as_alike_as_asked_is_found_and_no_other() -> None:
    words = LONG.split()
    texts = [" ".join(words[i:] + [f"x{i}y{j}" for j in range(i)]) for i in range(14)]
    for likeness in (0.5, 0.7, 0.9):
        slow = [(i, j) for i in range(14) for j in range(i + 1, 14) if jaccard(texts[i], texts[j]) >= likeness]
        assert near_pairs(texts, likeness) == slow


def test_short_texts_have_no_near_copies() -> None:
    assert near_pairs(["a good warm film", "a good warm fils", "A good, warm film"], 0.5) == []


def test_of_near_copies_with_one_label_the_first_stays_and_others_all() -> None:
    not_so = LONG.replace("considered", "never considered")
    assert repeated_nearly([LONG, not_so, LONG + " again"], ["a", "b", "a"]) == {2}
    assert repeated_nearly([LONG, not_so, LONG + " again"], None) == {1, 2}


def test_a_chain_of_likeness_is_no_likeness() -> None:
    """Each is like the next, the first and the last are not: only what is like a test text itself is told."""
    words = [f"word{i}" for i in range(40)]
    chain = [" ".join(words[i : i + 30]) for i in (0, 2, 4, 6)]
    assert jaccard(chain[0], chain[1]) > 0.8 > jaccard(chain[0], chain[2])
    train, test = read_table((chain[1:], ["a", "b", "a"])), read_table(([chain[0]], ["a"]))
    leak = next(f for f in check(train, test, likeness=0.8) if f.kind == "near_leakage")
    assert leak.lines == (1,)


@pytest.mark.parametrize("likeness", [0, 1.1])
def test_a_likeness_is_a_share(likeness: float) -> None:
    with pytest.raises(UserError, match="likeness must be in"):
        near_pairs(["a"], likeness)


def test_the_commonest_label_keeps_its_first_row_and_a_tie_keeps_none() -> None:
    labels = ["bad", "good", "good", "x", "y", "z"]
    assert kept_of([[0, 1, 2], [3, 4]], labels) == ({0, 2, 3, 4}, 1)
    assert kept_of([[0, 1, 2]], None) == ({1, 2}, 0)


def test_near_copies_in_traditional_and_simplified_characters_are_found() -> None:
    pytest.importorskip("opencc")
    simplified = "这家酒店的房间非常干净，服务员的态度也很亲切，早餐的种类不多，但是味道还不错，下次还会来这里住。"
    traditional = "這家酒店的房間非常乾淨，服務員的態度也很親切，早餐的種類不多，但是味道還不錯，下次還會來這裡住哦。"
    other = "旅館離車站太遠了，晚上又吵得睡不著，退房的時候櫃檯還多收了我們兩百塊錢。"
    found = check(read_table(([traditional, other], ["a", "b"])), read_table(([simplified], ["a"])), likeness=0.8)
    (leak,) = [one for one in found if one.kind == "near_leakage"]
    assert leak.lines == (1,)


def test_the_check_tells_near_copies_and_near_leakage_apart_from_exact_ones() -> None:
    changed = LONG.replace("Wednesday ", "")
    train = read_table(([LONG, LONG.lower(), changed, CHINESE, "short"], ["a", "a", "a", "b", "b"]))
    test = read_table(([CHINESE.replace("非常好", "很好"), "else"], ["a", "b"]))
    kinds = {f.kind: f for f in check(train, test, likeness=0.8)}
    assert (kinds["near_duplicate"].lines, kinds["near_duplicate"].severity) == ((3,), "info")
    assert (kinds["near_leakage"].lines, kinds["near_leakage"].severity) == ((4,), "warning")
    assert "much like line 1" in kinds["near_leakage"].message
    assert "near_duplicate" not in {f.kind for f in check(train, test)}
    exact = read_table(([LONG, "else"], ["a", "b"]))
    assert kinds.keys() >= {"duplicate"}
    assert check(train, exact, likeness=0.8)[0].kind == "leakage"


def test_a_stream_finds_the_copies_that_a_look_at_all_texts_does() -> None:
    one = "the actors are wonderful and the story is told with so much care that nobody leaves before its end, " * 2
    texts = [one, "something else that has nothing at all in common with what was said", one.upper() + "!",
             one.replace("nobody leaves", "no one leaves"), "short", "short"]  # fmt: skip
    seen = Seen(near=True)
    assert [seen.copy_kind(text) for text in texts] == ["", "", "copies", "near copies", "", "copies"]
    assert repeated_nearly(texts, None) == {3}
    exact = Seen(near=False)
    assert [exact.copy_kind(text) for text in texts] == ["", "", "copies", "", "", "copies"]


def test_what_is_near_to_the_second_of_two_near_copies_is_found_too() -> None:
    """Likeness is no chain: the third is near to the second, and not to the first."""
    words = [f"word{i}" for i in range(60)]
    first, second, third = (" ".join(["other" + w if i < n else w for i, w in enumerate(words)]) for n in (0, 4, 8))
    assert Seen.of([first], near=True).copy_kind(third, remember=False) == ""
    assert Seen.of([second], near=True).copy_kind(third, remember=False) == "near copies"
    assert Seen.of([first, second], near=True).copy_kind(third, remember=False) == "near copies"


def test_texts_of_one_template_are_not_all_compared_one_by_one() -> None:
    texts = [
        f"note {i} says that the number {i * 37 % 1009} is followed by {i * 91 % 2003}, no more" for i in range(120)
    ]
    met, proposed = _Met(0.95, text_key), 0
    for row, text in enumerate(texts):
        sketch = met.sketched(text)
        assert sketch
        proposed += len(met.proposed(sketch))
        met.add(row, sketch)
    assert proposed < 120 * 119 / 2 / 10
