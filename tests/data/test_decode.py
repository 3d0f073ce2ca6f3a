"""Bytes to lines: what is clean UTF-8 comes through, anything else is named so that its remedy works."""

from __future__ import annotations

import gzip
import io
import re
from pathlib import Path

import pytest

from llamita.core.errors import UserError
from llamita.data.decode import LONGEST_LINE, existing_file, lines_of_stream, text_lines

CHINESE = "text,label\n这家酒店的服务非常好，早餐也不错。,好评\n房间太小，隔音很差！,差评\n"
TRADITIONAL = "text,label\n這家酒店的服務非常好，早餐也不錯。,好評\n房間太小，隔音很差！,差評\n"
FRENCH = "text,label\nplain,0\ntrès bien, déjà vu, naïve,1\n"


def written(folder: Path, content: bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_lines_keep_their_ends_and_join_to_the_whole(tmp_path: Path) -> None:
    text = "一\r\n\ntwo\x0bthree\u2028four\n\n🙂 the last has no end"
    lines = list(text_lines(written(tmp_path, text.encode())))
    assert lines == ["一\r\n", "\n", "two\x0bthree\u2028four\n", "\n", "🙂 the last has no end"]


@pytest.mark.parametrize(
    ("codec", "encoding"), [("utf-8-sig", None), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16"), ("utf-16", "utf-16-le")]
)
def test_a_byte_order_mark_is_dropped_at_the_start_alone(tmp_path: Path, codec: str, encoding: str | None) -> None:
    path = written(tmp_path, "好\n\ufeff坏\n".encode(codec))
    assert list(text_lines(path, encoding)) == ["好\n", "\ufeff坏\n"]


@pytest.mark.parametrize("encoding", ["gb18030", "GBK", "big5", "utf-16", "utf-16-be", "utf-8-sig"])
def test_a_named_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    text = "text,label\n酒店好,好\n房很小,差\n"
    assert "".join(text_lines(written(tmp_path, text.encode(encoding)), encoding)) == text


def test_gb18030_reaches_characters_of_four_bytes(tmp_path: Path) -> None:
    text = "𠮷野家很好\n🙂 ñ\n"
    assert len("𠮷".encode("gb18030")) == 4
    assert list(text_lines(written(tmp_path, text.encode("gb18030")), "gb18030")) == ["𠮷野家很好\n", "🙂 ñ\n"]


FOREIGN = {
    "gb18030": (CHINESE, "GB18030"), "gbk": (TRADITIONAL, "GB18030"), "big5": (TRADITIONAL, "Big5"),
    "latin-1": (FRENCH, "Latin-1"), "utf-16": (CHINESE, "UTF-16"), "utf-16-le": (CHINESE, "UTF-16LE"),
    "utf-16-be": (CHINESE, "UTF-16BE"), "utf-32": (CHINESE, "UTF-32"),
}  # fmt: skip


@pytest.mark.parametrize("codec", FOREIGN)
def test_the_encoding_named_in_a_refusal_reads_the_file(tmp_path: Path, codec: str) -> None:
    text, name = FOREIGN[codec]
    path = written(tmp_path, text.encode(codec), "my table.csv")
    with pytest.raises(UserError) as refusal:
        list(text_lines(path))
    told = re.search(
        r'data convert "[^"]*my table\.csv" --encoding (\S+) --out "my table-utf8\.csv"$', str(refusal.value)
    )
    assert told is not None, refusal.value
    assert told[1] == name
    assert "".join(text_lines(path, told[1])) == text


def test_the_whole_file_helps_to_guess_its_encoding(tmp_path: Path) -> None:
    first, second = "text,label\nnaïve,0\n".encode("latin-1"), "déjà vu,1\n".encode("latin-1")
    with pytest.raises(UserError, match=r"a\.csv:2: byte 13 \(0xef\) is not UTF-8; it looks like Latin-1\."):
        list(text_lines(written(tmp_path, first + second)))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_broken_byte_is_named_by_its_place_in_the_file(tmp_path: Path, mark: bytes) -> None:
    clean = mark + "好,1\r\nab,2\n".encode()
    at = len(clean) + 2
    with pytest.raises(UserError, match=rf"a\.csv:3: byte {at} \(0xff\) is not UTF-8"):
        list(text_lines(written(tmp_path, clean + b"cd\xffe,3\n")))
    with pytest.raises(UserError, match=rf"a\.csv:3: byte {at} is NUL, .*damaged or binary"):
        list(text_lines(written(tmp_path, clean + b"cd\x00e,3\n")))


def test_a_file_cut_inside_a_character_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.csv:2: byte 5 \(0xe5\) is not UTF-8"):
        list(text_lines(written(tmp_path, "text\n好".encode()[:-1])))


def test_lines_before_a_broken_one_are_handed_out_first(tmp_path: Path) -> None:
    lines = text_lines(written(tmp_path, b"one\ntwo\n\xff\n"))
    assert [next(lines), next(lines)] == ["one\n", "two\n"]
    with pytest.raises(UserError, match=r"a\.csv:3"):
        next(lines)


def test_a_line_may_be_as_long_as_the_limit_and_no_longer(tmp_path: Path) -> None:
    path = written(tmp_path, "ab\n好好\nabcdefg\n".encode())
    assert len(list(text_lines(path, longest=8))) == 3
    with pytest.raises(UserError, match=r"a\.csv:3: a line longer than 7 bytes"):
        list(text_lines(path, longest=7))
    assert len(list(text_lines(path, "utf-8", longest=8))) == 3
    with pytest.raises(UserError, match=r"a\.csv:3: a line longer than 7 characters"):
        list(text_lines(path, "utf-8", longest=7))
    with pytest.raises(UserError, match=r"a\.csv:1: a line longer than 1,000,000 bytes"):
        list(text_lines(written(tmp_path, b"x" * (LONGEST_LINE + 1))))


def test_an_encoding_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.csv:1: byte 0 \(0xc1\) is not utf-8; it looks like GB18030"):
        list(text_lines(written(tmp_path, "零\n".encode("gb18030")), "utf-8"))
    with pytest.raises(UserError, match=r"a\.csv:2: a NUL character; is the file really latin-1\?"):
        list(text_lines(written(tmp_path, b"a\nb\x00\n"), "latin-1"))


@pytest.mark.parametrize("name", ["utf-88", "base64", "rot13", "好"])
def test_what_is_no_encoding_of_text_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=f"no encoding '{name}'; for example utf-8, gb18030"):
        list(text_lines(written(tmp_path, b"a\n"), name))


def test_a_stream_is_told_to_name_its_encoding_and_stays_open() -> None:
    stream = io.BytesIO("fine\n酒店的服务非常好\n".encode("gb18030"))
    with pytest.raises(UserError, match=r"^stdin:2: byte 5 .* it looks like GB18030\. Add --encoding GB18030$"):
        list(lines_of_stream(stream, Path("stdin")))
    stream.seek(0)
    assert list(lines_of_stream(stream, Path("stdin"), "gb18030")) == ["fine\n", "酒店的服务非常好\n"]
    assert not stream.closed


def test_a_file_with_something_in_it_is_handed_back(tmp_path: Path) -> None:
    path = written(tmp_path, b"a")
    assert existing_file(path) == path


def test_what_is_no_file_is_refused_with_what_is_near(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is a folder; name a file in it \(it has none\)"):
        existing_file(tmp_path)
    written(tmp_path, b"text\na", "review.csv")
    with pytest.raises(UserError, match=r"no file .*reviews\.csv\. Did you mean 'review\.csv'\?"):
        existing_file(tmp_path / "reviews.csv")
    with pytest.raises(UserError, match=r"is a folder; name a file in it: review\.csv$"):
        existing_file(tmp_path)
    with pytest.raises(UserError, match=r"There is no folder .*nowhere"):
        existing_file(tmp_path / "nowhere" / "review.csv")
    with pytest.raises(UserError, match=r"is empty \(0 bytes\)"):
        existing_file(written(tmp_path, b"", "empty.csv"))
    with pytest.raises(UserError, match=r"can't be read|no file"):
        existing_file(tmp_path / ("x" * 5000))


@pytest.mark.parametrize("encoding", ["gb18030", "latin-1", "big5", "cp1252"])
@pytest.mark.parametrize("content", [CHINESE, FRENCH.replace("très", "çà") * 3, "text\n好\n"])
def test_utf8_is_not_read_in_another_encoding(tmp_path: Path, content: str, encoding: str) -> None:
    path = written(tmp_path, content.encode())
    with pytest.raises(UserError, match=rf"a\.csv: the file is UTF-8 already, not {encoding}; leave --encoding out"):
        list(text_lines(path, encoding))
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(content.encode()))
    with pytest.raises(UserError, match="the file is UTF-8 already"):
        list(text_lines(packed, encoding))


def test_a_file_that_is_utf8_by_chance_is_read_as_named(tmp_path: Path) -> None:
    for content, encoding in (("text\n一\n", "gb18030"), ("text\nplain\n", "gb18030"), ("text\nÃ©\n", "latin-1")):
        assert "".join(text_lines(written(tmp_path, content.encode(encoding)), encoding)) == content


def test_strays_in_a_utf8_file_do_not_make_it_another_encoding(tmp_path: Path) -> None:
    path = written(tmp_path, CHINESE.encode() + b"tr\xe8s bien,\xff\n")
    with pytest.raises(UserError, match=r"is not gb18030; most of the file is UTF-8: leave --encoding out"):
        list(text_lines(path, "gb18030"))


def test_the_whole_file_is_looked_at_for_the_first_stray_line_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, (CHINESE.encode() + "很好，下次还来\n".encode("gb18030")) * 20)
    read, faults = [], []
    whole = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: read.append(self) or whole(self))
    lines = list(text_lines(path, faults=faults))
    assert (len(faults), len(read)) == (20, 2)
    assert lines[-1] == "很好，下次还来\n"
    assert all("is not UTF-8 as the others are" in fault.message for fault in faults)


def test_lines_may_end_with_carriage_returns_alone(tmp_path: Path) -> None:
    text = "text,label\r好,a\r" + "x" * 70_000 + ",b\rlast,c"
    lines = list(text_lines(written(tmp_path, text.encode())))
    assert lines == [line + "\r" for line in text.split("\r")[:-1]] + ["last,c"]
    many = b"a film,good\r" * 200_000
    assert sum(1 for _ in text_lines(written(tmp_path, many))) == 200_000
    mixed = list(text_lines(written(tmp_path, b'text,label\n"a\rb",c\n')))
    assert mixed == ["text,label\n", '"a\rb",c\n']
    with pytest.raises(UserError, match=r"a\.csv:2: a line longer than"):
        list(text_lines(written(tmp_path, b"a\r" + b"x" * (LONGEST_LINE + 9))))


class Endless(io.RawIOBase):
    """A stream without a line end, as a few packed bytes may hold."""

    given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        self.given += len(buffer)
        assert self.given < 1 << 20, "read on and on"
        buffer[:] = b"a" * len(buffer)
        return len(buffer)


@pytest.mark.parametrize("encoding", [None, "latin-1", "utf-8"])
def test_a_line_without_an_end_is_not_read_to_its_end(encoding: str | None) -> None:
    with pytest.raises(UserError, match=r"a\.csv:1: a line longer than 1,000"):
        list(lines_of_stream(io.BufferedReader(Endless()), Path("a.csv"), encoding, longest=1000))


def test_a_workbook_is_no_table_of_text_whatever_its_name(tmp_path: Path) -> None:
    for start in (b"PK\x03\x04\x14\0\x06\0", b"\xd0\xcf\x11\xe0\xa1\xb1"):
        with pytest.raises(
            UserError, match="is a workbook or another packed file, no table of text; save its sheet as CSV"
        ):
            list(text_lines(written(tmp_path, start + b"\0\0\n" * 9)))
