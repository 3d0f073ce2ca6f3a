"""The data doctor's findings."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer, models, pre_tokenizers

from llamita.core.encoding import TextEncoder
from llamita.core.task import Text
from llamita.data.check import check, leaking_rows
from llamita.data.dialogues import read_dialogues
from llamita.data.mend import mend
from llamita.data.read import read_table
from llamita.data.table import Table
from llamita.data.text import text_key


def table(texts: Sequence[Text], labels: Sequence[str] | None, source: str = "train.csv") -> Table:
    lines = [i + 2 for i in range(len(texts))]
    return Table(
        texts=list(texts), labels=list(labels) if labels else None, lines=lines, columns={"text": "text"}, source=source
    )


def kinds(findings) -> dict[str, object]:
    return {f.kind: f for f in findings}


def test_clean_data_has_no_findings():
    train = table([f"text number {i}" for i in range(40)], ["good", "bad"] * 20)
    test = table([f"unseen {i}" for i in range(10)], ["good", "bad"] * 5, "test.csv")
    assert check(train, test) == []


def test_texts_that_read_the_same_have_one_key():
    assert text_key("Ｇood, film!") == text_key("good film") == text_key(" GOOD FILM ")
    assert text_key("很 好。") == text_key("很好")
    assert text_key(":-)") != text_key(":-(")
    assert text_key(("a", "b")) != text_key("ab")


def test_each_fault_is_found_with_its_line():
    train = table(
        ["a good one", "A good one!", "", "the plot is caf\u00c3\u00a9", "x" * 10_001, "same words", "Same words."],
        ["good", "bad", "good", "bad", "good", "bad", "bad"],
    )
    found = kinds(check(train))
    assert (found["conflict"].line, found["conflict"].count) == (2, 1)
    assert found["empty"].line == 4
    assert found["encoding"].line == 5
    assert found["long"].line == 6
    assert (found["duplicate"].line, found["duplicate"].count) == (8, 1)


def test_leakage_is_an_error_unless_allowed_and_names_both_lines():
    train = table(["seen before", "new", "Seen, before!"], ["good", "bad", "good"])
    test = table(["other", "seen before.", "third"], ["bad", "good", "bad"], "test.csv")
    leak = kinds(check(train, test))["leakage"]
    assert (leak.severity, leak.line, leak.count, leak.lines) == ("error", 2, 2, (2, 4))
    assert "test.csv (first: its line 3)" in leak.message
    assert kinds(check(train, test, allow_leakage=True))["leakage"].severity == "warning"
    assert leaking_rows(train, test) == [0, 2]


def test_unlabelled_copies_of_test_texts_are_a_warning():
    train, test = table(["a", "b"], ["x", "y"]), table(["c", "d"], ["x", "y"], "test.csv")
    leak = kinds(check(train, test, table(["d"], None, "more.txt")))["leakage"]
    assert (leak.severity, leak.file) == ("warning", "more.txt")


def test_labels_that_cannot_be_learnt_are_errors():
    one = kinds(check(table(["a", "b"], ["good", "good"])))
    assert one["one_class"].severity == "error"
    train = table(["a", "b"], ["good", "bad"])
    strange = kinds(check(train, table(["c", "d", "e"], ["good", "bad", "godo"], "test.csv")))
    assert (strange["unknown_label"].severity, strange["unknown_label"].line) == ("error", 4)
    assert "'good'" in strange["unknown_label"].remedy
    absent = kinds(check(train, table(["c"], ["good"], "test.csv")))
    assert "'bad'" in absent["absent_label"].message


def test_misspelt_labels_are_suspected_and_different_ones_are_not():
    labels = ["positive"] * 60 + ["negative"] * 60 + ["Positive "] * 2 + ["postive"]
    found = [f for f in check(table([f"t{i}" for i in range(len(labels))], labels)) if f.kind == "label_spelling"]
    assert {f.message.split()[1] for f in found} == {"'Positive", "'postive'"}
    ratings = ["rating 1"] * 60 + ["rating 2"] * 2 + ["class a"] * 60
    found = kinds(check(table([f"t{i}" for i in range(len(ratings))], ratings)))
    assert "label_spelling" not in found
    assert "imbalance" in found
    assert "rare_label" in found


def test_over_long_texts_are_counted_in_tokens_when_an_encoder_is_given():
    tokenizer = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    encoder = TextEncoder(tokenizer=tokenizer, pad_id=0, max_length=4).cut()
    train = table(["one two three four", "one two three four five"], ["x", "y"])
    found = kinds(check(train, encoder=encoder))["long"]
    assert (found.count, found.line) == (1, 3)
    assert kinds(check(train, encoder=encoder, max_length=3))["long"].count == 2


def test_pairs_against_single_texts_are_an_error():
    train = table([("a", "b"), ("c", "d")], ["x", "y"])
    assert kinds(check(train, table(["a", "c"], ["x", "y"], "test.csv")))["pairs"].severity == "error"


def test_what_can_be_read_can_be_checked_as_it_is() -> None:
    import pandas

    texts, labels = ["a good film", "a good film", "a bad film"], ["good", "bad", "bad"]
    wanted = [(one.severity, one.kind) for one in check(read_table((texts, labels)))]
    for given in ((texts, labels), pandas.DataFrame({"text": texts, "label": labels})):
        assert [(one.severity, one.kind) for one in check(given)] == wanted
    assert wanted


def test_of_dialogues_what_is_said_is_examined_and_not_the_marks_they_are_held_in():
    talks = [
        [
            {"role": "user", "content": f"第{i}间酒店的早餐怎么样？"},
            {"role": "assistant", "content": "有：\n1. 粥\n2. 茶" * (1 + 20 * (i < 3))},
        ]
        for i in range(60)
    ]
    assert not {"escapes", "script"} & {f.kind for f in check(read_dialogues(talks))}
    assert not [f for f in check(read_dialogues(talks)) if f.severity != "info" and "copies" not in f.message]


def test_labels_in_another_order_are_the_same_labels(tmp_path):
    rows = ["same text here,sport;news", "same text here,news;sport", *(f"text number {i},news" for i in range(9))]
    (tmp_path / "c.csv").write_text("\n".join(["text,tags", *rows]) + "\n", encoding="utf-8")
    read = read_table(str(tmp_path / "c.csv"), columns={"labels": "tags", "separator": ";"})
    found = kinds(check(read))
    assert "duplicate" in found
    assert "conflict" not in found
    assert mend(read, check(read)).aside == {1: "repeats an earlier text"}


def test_a_finding_in_several_files_names_lines_of_the_file_it_names(tmp_path):
    (tmp_path / "sh").mkdir()
    for name, damaged in (("a", 2), ("b", 4)):
        rows = [f"text {name} {i}{'<br>' if i == damaged else ''},{'xy'[i % 2]}" for i in range(8)]
        (tmp_path / "sh" / f"{name}.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    (found,) = [f for f in check(read_table(str(tmp_path / "sh"))) if "HTML" in f.message]
    assert found.file.endswith("a.csv")
    assert (found.lines, found.count) == ((4,), 2)
