"""A file that is gone through several times says each time what it says when it is read at once."""

import gzip
import io
import json
from pathlib import Path

import pytest

from llamita.core.errors import UserError
from llamita.data.faults import Faults
from llamita.data.passes import read_with_rows
from llamita.data.read import read_table
from llamita.data.rows import MISSING

RECORDS = [
    {"id": i, "text": f"film {i}, so\twarm" if i % 3 else f"很好 {i}", "label": "ab"[i % 2]} for i in range(2000)
]


def tabled(delimiter: str) -> str:
    """The records with a header."""
    mark = '"' if delimiter == "," else ""
    texts = [record["text"] if delimiter == "," else record["text"].replace("\t", " ") for record in RECORDS]
    lines = [f"{r['id']}{delimiter}{mark}{t}{mark}{delimiter}{r['label']}" for r, t in zip(RECORDS, texts, strict=True)]
    return "\n".join([delimiter.join(("id", "text", "label")), *lines]) + "\n"


OBJECTS = "".join(json.dumps(record | ({"note": [1]} if record["id"] == 1500 else {})) + "\n" for record in RECORDS)
FORMS = {
    "a.csv": tabled(",").encode(), "a.csv.gz": gzip.compress(tabled(",").encode()), "a.tsv": tabled("\t").encode(),
    "a.jsonl": OBJECTS.encode(), "a.json": f"[{','.join(OBJECTS.splitlines())}]".encode(),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("piped", [False, True])
def test_every_pass_gives_what_a_reading_at_once_does(
    tmp_path: Path, name: str, piped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_bytes(FORMS[name])
    if piped:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(FORMS[name])))
    whole = read_table(path)
    table, names, rows = read_with_rows("-" if piped else str(path))
    assert list(table.texts) == list(table.texts) == whole.texts
    assert (table.labels, list(table.lines), table.columns) == (whole.labels, whole.lines, whole.columns)
    assert len(table) == len(rows) == 2000
    first, again = list(rows), list(rows)
    assert first == again
    assert [number for number, _ in first] == whole.lines
    assert [values[1] for _, values in first] == whole.texts
    assert (rows[1500], rows[-1], rows[3:5]) == (first[1500], first[-1], first[3:5])
    if "json" in name:
        assert names == ("id", "text", "label", "note")
        assert [values[3] for _, values in first if values[3] is not MISSING] == [[1]]
    else:
        assert names == ("id", "text", "label")


def test_parquet_and_pairs_are_gone_through_as_well(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {"premise": ["a", "b"], "hypothesis": ["c", "d"], "labels": [["x", "y"], []]}
    parquet.write_table(arrow.table(columns), tmp_path / "a.parquet")
    table, _, rows = read_with_rows(str(tmp_path / "a.parquet"))
    assert (list(table.texts), table.labels, table.several) == ([("a", "c"), ("b", "d")], ["x|y", ""], True)
    assert [values[2] for _, values in rows] == [["x", "y"], []]


def test_rows_that_cannot_be_read_are_told_once_and_left_out_of_each_pass(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,x\nb\nc,y\ntext,label\nd,x\n", encoding="utf-8")
    faults: Faults = []
    table, _, rows = read_with_rows(str(tmp_path / "a.csv"), faults=faults)
    assert list(table.texts) == ["a", "c", "d"]
    assert [number for number, _ in rows] == [2, 4, 6]
    assert [fault.line for fault in faults] == [3, 5]


@pytest.mark.parametrize("later", ["text,label\na,x\n", "text,label\na,x\n\nb,y\n", "text,label\na,x\nb,y\nc,x\n"])
def test_a_file_that_changes_meanwhile_is_told(tmp_path: Path, later: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,x\nb,y\n", encoding="utf-8")
    table, _, rows = read_with_rows(str(path))
    path.write_text(later, encoding="utf-8")
    for read in (table.texts, rows):
        with pytest.raises(UserError, match=r"a\.csv changed while it was read; give the command again"):
            list(read)


def test_what_is_odd_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "bare.csv").write_text("good film\nbad film\nok\n", encoding="utf-8")
    table, _, rows = read_with_rows(str(tmp_path / "bare.csv"))
    assert len(list(table.texts)) == len(list(rows)) == 2
    assert caplog.text.count("reads like a text") == 1


def test_nothing_from_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    with pytest.raises(UserError, match="nothing came from standard input"):
        read_with_rows("-")
