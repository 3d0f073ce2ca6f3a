"""Whatever the user names - packed, piped, many files, a folder for each label - reads as the plain file does."""

import gzip
import io
import json
import sys
from pathlib import Path

import pyarrow
import pytest

from llamita.core.errors import UserError
from llamita.data.check import check
from llamita.data.files import Labelled, files_of, format_of
from llamita.data.read import read_chunks, read_table

CSV = "text,label\na warm film,positive\n很失望,negative\n"


@pytest.fixture
def plain(tmp_path: Path):
    file = tmp_path / "plain.csv"
    file.write_text(CSV, encoding="utf-8")
    return read_table(file)


def zstd(data: bytes) -> bytes:
    return pyarrow.Codec("zstd").compress(data, asbytes=True)


@pytest.mark.parametrize("name", ["a.csv.gz", "a.CSV.GZ", "a.csv.zst", "a.jsonl.gz", "a.json.zst", "a.tsv.gz"])
def test_packed_files_are_read_as_they_are(tmp_path: Path, plain, name: str) -> None:
    records = [{"text": t, "label": label} for t, label in zip(plain.texts, plain.labels, strict=True)]
    content = {
        ".csv": CSV, ".tsv": CSV.replace(",", "\t"), ".json": json.dumps(records),
        ".jsonl": "\n".join(map(json.dumps, records)),
    }[format_of(Path(name))].encode()  # fmt: skip
    file = tmp_path / name
    file.write_bytes(gzip.compress(content) if name.lower().endswith("gz") else zstd(content))
    table = read_table(file)
    assert (table.texts, table.labels) == (plain.texts, plain.labels)
    assert table.source == str(file)


@pytest.mark.parametrize("pack", ["gz", "zst"])
def test_a_packed_file_that_is_cut_or_none_is_refused(tmp_path: Path, pack: str) -> None:
    whole = ("text,label\n" + "".join(f"text {i * i},a\n" for i in range(5000))).encode()
    packed = gzip.compress(whole) if pack == "gz" else zstd(whole)
    for name, content in {"cut": packed[: len(packed) // 2], "none": whole}.items():
        file = tmp_path / f"{name}.csv.{pack}"
        file.write_bytes(content)
        with pytest.raises(UserError, match=r"is no whole (gzip|zstd) file"):
            read_table(file)


def test_bytes_that_are_not_utf8_inside_a_packed_file_are_named(tmp_path: Path) -> None:
    file = tmp_path / "old.csv.gz"
    file.write_bytes(gzip.compress("text,label\n酒店很干净也很安静,positive\n".encode("gb18030")))
    with pytest.raises(UserError, match=r"old\.csv\.gz:2: byte 11 .*GB18030.* --out .*old-utf8\.csv$"):
        read_table(file)
    assert read_table(file, encoding="gb18030").texts == ["酒店很干净也很安静"]


@pytest.mark.parametrize("named", ["shards", "shards/*.csv*", "**/part-?.csv*"])
def test_files_of_a_folder_or_pattern_are_one_table_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "part-1.csv").write_text("text,label\na,x\nb,y\n")
    (tmp_path / "shards" / "part-2.csv.gz").write_bytes(gzip.compress(b"label,text\nx,c\n,d\n"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"part-2\.csv\.gz:3: the label is empty"):
        read_table(named)
    (tmp_path / "shards" / "part-2.csv.gz").write_bytes(gzip.compress(b"label,text\nx,c\ny,a\n"))
    table = read_table(named)
    assert (table.texts, table.labels, table.lines) == (["a", "b", "c", "a"], ["x", "y", "x", "y"], [2, 3, 2, 3])
    assert table.source == named
    assert table.place(2).endswith("part-2.csv.gz:2")
    assert table.take([3]).place(0).endswith("part-2.csv.gz:3")
    conflict = next(finding for finding in check(table) if finding.kind == "conflict")
    assert "part-1.csv:2 and" in conflict.message
    assert "part-2.csv.gz:3" in conflict.message
    assert [len(chunk) for chunk in read_chunks(named, size=1)] == [1] * 4


def test_a_file_of_other_columns_in_a_folder_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,x\n")
    (tmp_path / "b.csv").write_text("review,stars\nb,5\n")
    with pytest.raises(UserError, match=r"b\.csv"):
        read_table(tmp_path)


def test_a_folder_for_each_label_holds_a_text_a_file(tmp_path: Path) -> None:
    for label, text in (("neg", "two\nlines\n"), ("neg", ""), ("pos", "很好")):
        (tmp_path / label).mkdir(exist_ok=True)
        (tmp_path / label / f"{len(text)}.txt").write_text(text, encoding="utf-8")
    found = files_of(str(tmp_path))
    assert isinstance(found, Labelled)
    table = read_table(tmp_path)
    assert (table.texts, table.labels) == (["", "two\nlines", "很好"], ["neg", "neg", "pos"])
    assert table.place(2) == f"{tmp_path / 'pos' / '2.txt'}:1"
    assert read_table(tmp_path, labelled=False).labels is None
    (tmp_path / "all.csv").write_text(CSV)
    with pytest.raises(UserError, match="holds both files"):
        read_table(tmp_path)


RECORDS = ('{"text": "a warm film", "label": "positive"}', '{"text": "很失望", "label": "negative"}')


@pytest.mark.parametrize(
    "content",
    [CSV, "\n\n" + CSV, CSV.replace(",", "\t"), "\n".join(RECORDS), f"[{RECORDS[0]},\n {RECORDS[1]}]"],
    ids=["CSV", "blank lines first", "tabs", "JSONL", "JSON"],
)
def test_standard_input_tells_its_format_itself(plain, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    table = read_table("-")
    assert (table.texts, table.labels) == (plain.texts, plain.labels)
    assert table.source == "stdin"


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_packed_standard_input_is_unpacked(plain, monkeypatch: pytest.MonkeyPatch, pack) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pack(CSV.encode()))))
    table = read_table("-")
    assert (table.texts, table.labels, table.source) == (plain.texts, plain.labels, "stdin")


def test_standard_input_of_other_bytes_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for content, said in ((b"PAR1\x15\x04", "holds Parquet"), (gzip.compress(b"text\na\n")[:-9], "no whole gzip file")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        with pytest.raises(UserError, match=said):
            read_table("-")


def test_empty_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (b"", b"\n \n"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        with pytest.raises(UserError, match="nothing came from standard input"):
            read_table("-")


def test_a_name_with_brackets_that_is_a_file_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "reviews [2024].csv").write_text(CSV)
    assert len(read_table(tmp_path / "reviews [2024].csv")) == 2


def test_a_text_in_the_place_of_a_file_is_told_from_one() -> None:
    with pytest.raises(UserError, match=r"no file is called 'a film .*; a text stands in a list"):
        files_of("a film " * 99)
