"""Mending takes out what has one right answer, sets the rest aside with its reason, and changes nothing else."""

import pytest

from llamita.data.check import check
from llamita.data.mend import mend, read_again
from llamita.data.read import read_table

CLEAN = (["one good text", "another text", "a third one"], ["good", "bad", "good"])


def test_clean_data_stay_as_they_are() -> None:
    table = read_table(CLEAN)
    done = mend(table, check(table))
    assert (done.kept, done.aside, done.labels) == ((0, 1, 2), {}, {})


def test_each_damage_is_told_by_its_reason() -> None:
    texts = [
        "one good text",
        "",
        "Ã©tÃ© perdu 锟斤拷",
        "One good text!",
        "in the test",
        "two labels",
        "two labels",
        "fine",
        "Two  labels",
    ]
    labels = ["good", "bad", "good", "good", "bad", "good", "bad", "bad", "bad"]
    table, test = read_table((texts, labels)), read_table((["In the test."], ["bad"]))
    done = mend(table, check(table, test, allow_leakage=True))
    assert done.aside == {
        1: "empty text", 2: "characters of a wrong encoding", 3: "repeats an earlier text", 4: "stands in another split",
        5: "repeats an earlier text", 8: "repeats an earlier text",
    }  # fmt: skip
    assert done.kept == (0, 6, 7)


def test_a_text_that_is_nothing_but_markup_is_an_empty_one() -> None:
    table = read_table((["one good text", "<br/>", "another <b>text</b>", "&nbsp;"], ["good", "bad", "good", "bad"]))
    done = mend(table, check(table))
    assert done.aside == {1: "empty text", 3: "empty text"}
    assert done.texts[2] == "another text"


def test_a_text_under_two_labels_as_common_is_set_aside_whole() -> None:
    table = read_table((["same", "Same", "other"], ["good", "bad", "bad"]))
    assert mend(table, check(table)).aside == dict.fromkeys((0, 1), "the same text has different labels")


def test_labels_that_differ_by_case_are_one_and_by_a_letter_are_left() -> None:
    labels = ["positive"] * 60 + ["Positive "] * 2 + ["positve"] + ["negative"] * 60
    table = read_table(([f"text {i}" for i in range(len(labels))], labels))
    done = mend(table, check(table))
    assert done.labels == {"Positive": "positive"}
    assert len(done.kept) == len(labels)
    same = read_table((["same", "same", "x"], ["good", "GOOD", "bad"]))
    assert mend(same, check(same)).aside == {1: "repeats an earlier text"}


def test_utf8_that_was_read_as_latin_1_is_read_rightly() -> None:
    rights = ["été perdu", "naïve café “quoted” – dash", "好电影很好看"]
    wrongs = [rights[0].encode().decode("latin-1"), rights[1].encode().decode("cp1252", "replace"), "fine été 锟斤拷"]
    assert read_again(wrongs[0]) == rights[0]
    assert read_again("it\u2019s".encode().decode("cp1252")) == "it\u2019s"
    assert read_again(wrongs[2]) is None
    assert read_again("été") is None
    assert read_again(("Ã©", "b")) is None
    table = read_table(([wrongs[0], wrongs[2], "Été perdu!", "z"], ["a", "b", "a", "b"]))
    done = mend(table, check(table))
    assert done.texts == {0: "été perdu"}
    assert done.aside == {1: "characters of a wrong encoding", 2: "repeats an earlier text"}


def test_chinese_that_was_read_in_another_encoding_is_read_rightly_where_nothing_is_lost() -> None:
    assert read_again("浣犲ソ") == "你好"
    assert read_again("¿´ÆðÀ´") == "看起来"
    assert read_again("闈炲父鍠滄") is None
    assert read_again("好电影很好看") is None
    table = read_table((["浣犲ソ", "闈炲父鍠滄", "很好看"], ["a", "b", "a"]))
    done = mend(table, check(table))
    assert (done.texts, done.aside) == ({0: "你好"}, {1: "characters of a wrong encoding"})


def test_case_is_stronger_evidence_than_a_letter() -> None:
    labels = ["positive"] * 60 + ["positivo"] * 30 + ["POSITIVO"] + ["other"] * 30
    table = read_table(([f"text {i}" for i in range(len(labels))], labels))
    assert mend(table, check(table)).labels == {"POSITIVO": "positivo"}


def test_a_text_again_in_traditional_characters_is_a_copy() -> None:
    pytest.importorskip("opencc")
    table = read_table(
        (["这部电影很好看", "這部電影很好看！", "服务太差", "服務太差", "别的"], ["a", "a", "a", "b", "b"])
    )
    done = mend(table, check(table))
    assert done.aside == {1: "repeats an earlier text"} | dict.fromkeys((2, 3), "the same text has different labels")
    garbled = "<b>這部電影很好看</b>"
    table, test = read_table(([garbled, "别的"], ["a", "b"])), read_table((["这部电影很好看"], ["a"]))
    assert mend(table, check(table, test, allow_leakage=True), test).aside == {0: "stands in another split"}
