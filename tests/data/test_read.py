"""Tables from every source, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from tests.files import written

from llamita.core.errors import UserError
from llamita.data.read import read_chunks, read_table


def test_a_csv_is_read_with_the_line_where_each_row_starts(tmp_path: Path):
    path = written(tmp_path, "a.csv", 'text,label\n"two\nlines",good\n\nplain,bad\n')
    table = read_table(path)
    assert table.texts == ["two\nlines", "plain"]
    assert table.labels == ["good", "bad"]
    assert table.lines == [2, 5]
    assert table.columns == {"text": "text", "label": "label"}
    assert table.source == str(path)


def test_every_format_gives_the_same_table(tmp_path: Path):
    rows = [{"text": 'a "quoted", text', "label": "1"}, {"text": "中文\t评论", "label": "0"}]
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    written(tmp_path, "a.jsonl", "\n".join(json.dumps(row) for row in rows))
    written(tmp_path, "a.json", json.dumps(rows, indent=1))
    written(tmp_path, "columns.json", json.dumps({key: [row[key] for row in rows] for key in rows[0]}))
    for name, delimiter in (("a.csv", ","), ("a.tsv", "\t"), ("semicolon.csv", ";")):
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, delimiter=delimiter)
            writer.writerows([rows[0].keys(), *(row.values() for row in rows)])
    for path in sorted(tmp_path.iterdir()):
        table = read_table(path)
        assert table.texts == [row["text"] for row in rows], path
        assert table.labels == ["1", "0"], path


def test_a_json_list_knows_its_lines(tmp_path: Path):
    path = written(tmp_path, "a.json", '[\n {"text": "a"},\n {"text": "b"}, {"text": "c"}\n]')
    assert read_table(path).lines == [2, 3, 3]


def test_plain_text_is_one_unlabelled_text_a_line(tmp_path: Path):
    table = read_table(written(tmp_path, "a.txt", "one, two\r\n\r\nthree"))
    assert (table.texts, table.labels, table.lines) == (["one, two", "three"], None, [1, 3])


def test_a_tab_separated_file_without_quoting_keeps_its_quotes(tmp_path: Path):
    path = written(tmp_path, "a.tsv", 'text\tlabel\n"Hello" he said\tgood\nan inch is 1"\tbad\n"all of it"\tbad\n')
    assert read_table(path).texts == ['"Hello" he said', 'an inch is 1"', "all of it"]


def test_python_lists_tables_and_datasets_are_read():
    pandas = pytest.importorskip("pandas")
    datasets = pytest.importorskip("datasets")
    assert read_table(["a", "b"]).labels is None
    assert read_table((["a", "b"], [1, 0])).labels == ["1", "0"]
    assert read_table([("a", "b")]).texts == [("a", "b")]
    frame = pandas.DataFrame({"review": ["a", None], "stars": [1.0, 5.0]})
    assert read_table(frame).texts == ["a", ""]
    assert read_table(frame).labels == ["1", "5"]
    named = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])})
    found = read_table(datasets.Dataset.from_dict({"text": ["x", "y"], "label": [1, 0]}, features=named))
    assert found.labels == ["good", "bad"]
    assert read_table(found) is found


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path):
    path = written(tmp_path, "a.csv", b"\xef\xbb\xbf" + "text,label\n好,1\n坏,0\n".encode())
    assert read_table(path).columns["text"] == "text"


@pytest.mark.parametrize("encoding", ["gb18030", "big5", "utf-16", "utf-8-sig"])
def test_a_named_encoding_is_read(tmp_path: Path, encoding: str):
    path = written(tmp_path, "a.csv", "text,label\n酒店很好,好評\n房間很差,差評\n".encode(encoding))
    assert read_table(path, encoding=encoding).texts == ["酒店很好", "房間很差"]


def test_reading_leaves_the_csv_modules_limit_alone(tmp_path: Path):
    before = csv.field_size_limit()
    path = written(tmp_path, "a.csv", f"text,label\n{'x' * 200_000},1\ny,0\n")
    assert len(read_table(path).texts[0]) == 200_000
    assert csv.field_size_limit() == before


GUESSES = [("这家酒店的服务非常好，早餐也不错", "gb18030", "GB18030"), ("這家酒店的服務非常好", "big5", "Big5")]


@pytest.mark.parametrize(("text", "encoding", "name"), [*GUESSES, ("très bien, déjà vu, naïve", "latin-1", "Latin-1")])
def test_the_encoding_of_a_refused_file_is_guessed(tmp_path: Path, text: str, encoding: str, name: str):
    path = written(tmp_path, "a.csv", f"text,label\nplain,0\n{text},1\n".encode(encoding))
    with pytest.raises(UserError, match=rf"a\.csv:3: byte \d+ .*{name}.*--encoding {name}"):
        read_table(path)


REFUSED = {
    "no rows": ("text,label\n", "only a header"),
    "blank": ("\n\n\n", "only blank lines"),
    "no header": ("a fine film,good\na bad film,bad\nanother,good\n", "first row looks like data"),
    "duplicate column": ("text,label,text\na,b,c\n", "two columns are named 'text'"),
    "too many fields": ("text,label\na,b\na, b,good\n", r"a\.csv:3: 3 fields where the header has 2"),
    "unclosed quote": ('text,label\na,b\n"open,bad\nmore,good\n', r"a\.csv:3: .*never closes"),
    "text after a quote": ('text,label\n"so" he said,bad\n', r"a\.csv:2: text after a closing quote"),
    "no label": ("text,label\na,good\nb,\nc, \n", r"a\.csv:3: the label is empty \(and 1 more\)"),
    "NUL": ("text,label\na,b\nc\0d,b\n", r"a\.csv:3: byte 16 is NUL"),
    "long line": (f"text,label\na,b\n{'x' * 1_100_000},b\n", r"a\.csv:3: a line longer than"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_broken_table_is_refused_with_its_line(tmp_path: Path, case: str):
    content, message = REFUSED[case]
    with pytest.raises(UserError, match=message):
        read_table(written(tmp_path, "a.csv", content))


def test_broken_json_is_refused_with_its_line(tmp_path: Path):
    for name, content, message in (
        ("a.jsonl", '{"text": "a"}\n{"text": \n', r"a\.jsonl:2: not JSON"),
        ("a.jsonl", '{"text": "a"}\n{"txt": "b"}\n', r"a\.jsonl:2: this object has no 'text'"),
        ("a.jsonl", '{"text": ["a", "b"]}\n', r"a\.jsonl:1: 'text' must be one text"),
        ("a.jsonl", '{"text": "\\ud83d"}\n', r"a\.jsonl:1: .*lone surrogate"),
        ("a.json", '{"text": "a"}\n{"text": "b"}', r"a\.json:2: .*name the file \.jsonl"),
        ("a.json", "7", "expected a list of objects"),
    ):
        with pytest.raises(UserError, match=message):
            read_table(written(tmp_path, name, content))


def test_what_is_no_table_is_refused(tmp_path: Path):
    written(tmp_path, "review.csv", "text\na")
    with pytest.raises(UserError, match=r"reviews\.csv.*Did you mean 'review\.csv'"):
        read_table(tmp_path / "reviews.csv")
    with pytest.raises(UserError, match="Save the sheet as CSV"):
        read_table(written(tmp_path, "a.xlsx", "x"))
    with pytest.raises(UserError, match="item 2 of the list must be a text"):
        read_table(["a", 3])
    with pytest.raises(UserError, match="2 texts but 1 labels"):
        read_table((["a", "b"], ["x"]))
    with pytest.raises(UserError, match="data must be a file"):
        read_table(7)


def test_the_rarest_label_of_each_row_stands_for_it() -> None:
    table = read_table((["a", "b", "c"], [["x", "y"], ["x"], []]))
    assert table.rarest_labels() == ["y", "x", ""]
    assert read_table((["a", "b"], ["x", "y"])).rarest_labels() == ["x", "y"]


def test_plain_text_beside_tables_of_a_folder_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    for name, content in (("a.csv", "text\na\n"), ("README.txt", "read me\n"), ("b.jsonl", '{"text": "b"}\n')):
        written(tmp_path, name, content)
    with caplog.at_level("INFO", "llamita"):
        assert read_table(tmp_path).texts == ["a", "b"]
    assert "its plain text is left out: README.txt" in caplog.text
    assert read_table(str(tmp_path / "*.txt")).texts == ["read me"]


@pytest.mark.parametrize("packed", [False, True])
def test_files_in_mixed_encodings_are_read_each_in_its_own(tmp_path: Path, packed: bool) -> None:
    import gzip

    for name, encoding in (("a", "gb18030"), ("b", "utf-8"), ("c", "ascii")):
        line = "fine film,good" if name == "c" else "这家酒店的服务态度很好,好评"
        data = f"text,label\n{line}\n".encode(encoding)
        (tmp_path / f"{name}.csv{'.gz' * packed}").write_bytes(gzip.compress(data) if packed else data)
    wanted = ["这家酒店的服务态度很好"] * 2 + ["fine film"]
    for source in (tmp_path, tmp_path / "*.csv*"):
        assert read_table(str(source), encoding="gb18030").texts == wanted


def test_an_encoding_that_writes_all_characters_with_ascii_holds_in_a_folder_too(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("text,label\n房间太小,差\n".encode("hz"))
    (tmp_path / "b.csv").write_bytes("text,label\n隔音很差,差\n".encode())
    (tmp_path / "c.csv").write_bytes(b"text,label\nonly ~ten rooms,bad\n")
    assert read_table(str(tmp_path), encoding="hz").texts == ["房间太小", "隔音很差", "only ~ten rooms"]


def test_texts_of_folders_of_labels_are_read_each_in_its_own_encoding(tmp_path: Path) -> None:
    for label, encoding in (("好", "gb18030"), ("差", "utf-8")):
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.txt").write_bytes("房间太小，隔音很差".encode(encoding))
    assert read_table(str(tmp_path), encoding="gb18030").texts == ["房间太小，隔音很差"] * 2
    (tmp_path / "latin").mkdir()
    for name, encoding in (("a", "utf-16"), ("b", "ascii")):
        (tmp_path / "latin" / f"{name}.csv").write_bytes("text,label\na film,good\n".encode(encoding))
    assert read_table(str(tmp_path / "latin"), encoding="utf-16").texts == ["a film"] * 2


def test_labels_lose_the_space_at_their_ends(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,good \nb, good\nc,bad\u3000\n", encoding="utf-8")
    assert read_table(tmp_path / "a.csv").labels == ["good", "good", "bad"]


def test_a_name_with_points_leads_into_objects(tmp_path: Path) -> None:
    rows = [{"review": {"text": f"film {i}", "by": {"id": i}}, "meta": {"label": "ab"[i % 2]}} for i in range(4)]
    file = tmp_path / "a.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    table = read_table(file, columns={"text": "review.text", "label": "meta.label"})
    assert (table.texts[1], table.labels) == ("film 1", ["a", "b", "a", "b"])
    (chunk,) = read_chunks(file, columns={"text": "review.text"}, labelled=False, keep=["review.by.id"])
    assert chunk.kept == [{"review.by.id": i} for i in range(4)]
    with pytest.raises(UserError, match=r"'review' holds an object; name what is meant in it: .*text=review\.text"):
        read_table(file)
    with pytest.raises(UserError, match=r"no column 'review\.txt'"):
        read_table(file, columns={"text": "review.txt"})
