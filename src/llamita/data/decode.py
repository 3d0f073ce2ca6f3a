"""Bytes of a file to lines of text; whatever is not clean UTF-8 is refused with file, line, byte and remedy."""

from __future__ import annotations

import codecs
import io
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import IO

from llamita.core.command import quoted
from llamita.core.errors import UserError, did_you_mean
from llamita.data.encodings import guessed_encoding
from llamita.data.faults import BadRow, Faults
from llamita.data.files import PACKED, PIPED, STDIN, format_of, opened, stem_of

LONGEST_LINE = 1_000_000
"""Bytes of a line; beyond it the file is no table of texts."""
MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"),
)  # fmt: skip


def existing_file(path: Path) -> Path:
    """The path, if it is a file with something in it.

    Raises:
        UserError: it is none, is empty, or can't be read.
    """
    try:
        if path.is_dir():
            inside = sorted(p.name for p in path.iterdir() if p.is_file())[:4]
            raise UserError(
                f"{path} is a folder; name a file in it{': ' + ', '.join(inside) if inside else ' (it has none)'}"
            )
        if not path.exists():
            near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            where = "" if path.parent.is_dir() else f" There is no folder {path.parent}."
            raise UserError(f"no file {path}.{where}{did_you_mean(path.name, near)}")
        if path.stat().st_size == 0:
            raise UserError(f"{path} is empty (0 bytes); it needs a header and at least one row")
    except PermissionError:
        raise UserError(f"{path} may not be read; change its permissions or copy it") from None
    except OSError as error:
        raise UserError(f"{str(path)[:80]!r} can't be read: {error.strerror or error}") from None
    return path


def text_lines(
    path: Path, encoding: str | None = None, longest: int = LONGEST_LINE, faults: Faults | None = None
) -> Generator[str]:
    """Lines with their line ends, read and unpacked as they are asked for; a byte order mark is dropped."""
    with opened(path) as stream:
        yield from lines_of_stream(stream, PIPED if path == STDIN else path, encoding, longest, faults)


def lines_of_stream(
    stream: IO[bytes], path: Path, encoding: str | None = None, longest: int = LONGEST_LINE,
    faults: Faults | None = None,
) -> Iterator[str]:  # fmt: skip
    """Lines of a file or of stdin; `path` names it in messages.

    With `faults` a line of another encoding is noted and given as well as it can be read, unless no line is UTF-8.
    """
    if encoding:
        yield from _lines_in(stream, path, encoding, longest)
        return
    before = 0
    strays = False
    for number, line in enumerate(_byte_lines(stream, longest), 1):
        if number == 1:
            _refuse_other_encodings(path, line[:4096])
            if line.startswith(codecs.BOM_UTF8):
                line, before = line[3:], 3
        if len(line) > longest:
            raise UserError(
                f"{path}:{number}: a line longer than {longest:,} bytes; one row holds one text: is a line end"
                " or a closing quote missing, or is this no table?"
            )
        try:
            yield _decoded(path, number, before, line, whole=not strays)
        except BadRow as fault:
            if faults is None or (fault.kind == "bytes" and not (strays := strays or _is_utf8_elsewhere(path))):
                raise
            yield _noted(faults, fault, line)
        before += len(line)


def _byte_lines(stream: IO[bytes], longest: int) -> Iterator[bytes]:
    """Lines that end with a line feed, or, where the first one has none, with a carriage return alone."""
    held = stream.readline(longest + 1)
    if held.endswith(b"\n") or b"\r" not in held:
        while held:
            yield held
            held = stream.readline(longest + 1)
        return
    while held:
        *whole, held = held.split(b"\r")
        yield from (line + b"\r" for line in whole)
        more = b"" if len(held) > longest else stream.read(1 << 16)
        if not more:
            break
        held += more
    if held:
        yield held


def _is_utf8_elsewhere(path: Path) -> bool:
    """Whether some line beyond ASCII is UTF-8, so that the others are single strays."""
    if not _is_small_and_plain(path):
        return False
    foreign = [line for line in path.read_bytes().splitlines() if not line.isascii()]
    return any(line.decode("utf-8", "ignore").encode() == line for line in foreign)


def _is_utf8_but_for_strays(data: bytes) -> bool:
    """Whether most lines beyond ASCII are UTF-8."""
    foreign = [line for line in data.splitlines() if not line.isascii()]
    return 2 * sum(_utf8_beyond_ascii(line) for line in foreign) > len(foreign)


def _noted(faults: Faults, fault: BadRow, line: bytes) -> str:
    """Remember a stray line; it is given as well as it can be read, for the row it stands in."""
    line = line.replace(b"\0", b"")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        guess = guessed_encoding(line)
        text = line.decode(guess, "replace")
        what = (
            f"byte {error.start} of the line (0x{line[error.start]:02x}) is not UTF-8 as the others are, but looks like"
            f" {guess}; write this line anew in UTF-8, or take it out"
        )
        fault = BadRow(fault.file, fault.line, what, kind="bytes")
    faults.append(fault)
    return text


def _decoded(path: Path, number: int, before: int, line: bytes, *, whole: bool) -> str:
    """The line; what encoding it has is guessed by the whole file, or by the line alone."""
    if (at := line.find(b"\0")) >= 0:
        what = (
            f"byte {before + at} is NUL, which no text has; the file is damaged or binary. Save it"
            " again as UTF-8 text, or delete these bytes (tr -d '\\000' < FILE > NEW)"
        )
        raise BadRow(path, number, what, kind="nul")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        guess = guessed_encoding(path.read_bytes() if whole and _is_small_and_plain(path) else line)
        what = (
            f"byte {before + error.start} (0x{line[error.start]:02x}) is not UTF-8; it looks like"
            f" {guess}. {convert_remedy(path, guess)}"
        )
        raise BadRow(path, number, what, kind="bytes") from None


def convert_remedy(path: Path, encoding: str) -> str:
    """The command that writes the file anew in UTF-8, on any system."""
    if not path.is_file():
        return f"Add --encoding {encoding}"
    new = f"{stem_of(path)}-utf8{format_of(path)}"
    return f"Convert it: llamita data convert {quoted(path)} --encoding {encoding} --out {quoted(new)}"


def _is_small_and_plain(path: Path) -> bool:
    """Whether the file's own bytes can be looked at once more."""
    return path.is_file() and path.suffix.lower() not in PACKED and path.stat().st_size < 1 << 26


def _refuse_other_encodings(path: Path, start: bytes) -> None:
    name = next((name for mark, name in MARKS if start.startswith(mark)), None)
    nuls = start.count(b"\0")
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UserError(f"{path} is a workbook or another packed file, no table of text; save its sheet as CSV (UTF-8)")
    if name is None and nuls > len(start) // 5:
        name = "UTF-16LE" if start[1::2].count(b"\0") > nuls // 2 else "UTF-16BE"
    if name:
        raise UserError(f"{path}:1: byte 0: the file is {name}, not UTF-8. {convert_remedy(path, name)}")


def _utf8_beyond_ascii(data: bytes, *, cut: bool = False) -> bool:
    """Whether bytes are UTF-8 and hold enough beyond ASCII that they are so by no chance.

    Args:
        cut: They may end within a character.
    """
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data, final=not cut)
    except UnicodeDecodeError:
        return False
    foreign = {c for c in text if ord(c) > 127} - {"\ufeff"}
    return len(foreign) > 2 or any(c >= "\u0800" for c in foreign)


def encoding_among(file: str, others: Sequence[str | None], encoding: str | None) -> str | None:
    """The encoding that was named for several files, as it holds for one of them: none where that is UTF-8 already."""
    path = Path(file).expanduser()
    if not encoding or not any(others) or not _is_small_and_plain(path):
        return encoding
    return None if _utf8_beyond_ascii(path.read_bytes()) else encoding


def encoding_of_one(path: Path, encoding: str | None) -> str | None:
    """The encoding that was named for all files of a folder or pattern, as it holds for one: none where that is UTF-8."""
    if not encoding:
        return None
    whole = _is_small_and_plain(path)
    if whole:
        data = path.read_bytes()
    else:
        with opened(path) as stream:
            data = stream.read(1 << 16)
    plain = whole and data.isascii() and b"\0" not in data and not _reads_ascii(data, encoding)
    return None if plain or _utf8_beyond_ascii(data, cut=not whole) else encoding


def _reads_ascii(data: bytes, encoding: str) -> bool:
    """Whether bytes of ASCII alone can be this encoding: never UTF-16, but HZ and ISO-2022 write all characters with them."""
    try:
        data.decode(encoding)
        return "a".encode(encoding) == b"a"
    except UnicodeDecodeError:
        return False
    except LookupError:
        return True  # whoever reads the file refuses the name


def _refuse_utf8(path: Path, stream: IO[bytes], encoding: str) -> None:
    """A file in UTF-8 is not read in another encoding, which would make other characters of it."""
    if _is_small_and_plain(path):
        data, cut = path.read_bytes(), False
    else:
        data, cut = (stream.peek(1 << 16) if hasattr(stream, "peek") else b""), True  # type: ignore[attr-defined]
    if _utf8_beyond_ascii(data, cut=cut):
        raise UserError(f"{path}: the file is UTF-8 already, not {encoding}; leave --encoding out")


def _undecodable(path: Path, number: int, encoding: str, error: UnicodeError) -> str:
    """Where a file isn't in the encoding that was named: read again, since the first reading runs ahead in blocks."""
    if isinstance(error, UnicodeDecodeError) and _is_small_and_plain(path):
        data = path.read_bytes()
        try:
            data.decode(encoding)
        except UnicodeDecodeError as found:
            place, guess = data.count(b"\n", 0, found.start) + 1, guessed_encoding(data)
            if _is_utf8_but_for_strays(data):
                return (
                    f"{path}:{place}: byte {found.start} (0x{data[found.start]:02x}) is not {encoding}; most of the file is"
                    " UTF-8: leave --encoding out, and `llamita data check` names the other lines"
                )
            return (
                f"{path}:{place}: byte {found.start} (0x{data[found.start]:02x}) is not {encoding}; it looks like {guess}."
                f" {convert_remedy(path, guess)}"
            )
    return (
        f"{path}:{number}: not {encoding}; name another encoding, for example utf-8, gb18030, big5, latin-1 or utf-16"
    )


def _lines_in(stream: IO[bytes], path: Path, encoding: str, longest: int) -> Iterator[str]:
    try:
        "".encode(encoding)
        name = codecs.lookup(encoding).name
    except LookupError:
        raise UserError(f"no encoding {encoding!r}; for example utf-8, gb18030, big5, latin-1, utf-16") from None
    if name not in ("utf-8", "utf-8-sig"):
        _refuse_utf8(path, stream, encoding)
    number = 0
    decoded = io.TextIOWrapper(stream, name, newline="")
    try:
        for number, line in enumerate(iter(lambda: decoded.readline(longest + 1), ""), 1):
            if len(line) > longest:
                raise UserError(f"{path}:{number}: a line longer than {longest:,} characters")
            if "\0" in line:
                raise UserError(f"{path}:{number}: a NUL character; is the file really {encoding}?")
            yield line.removeprefix("\ufeff") if number == 1 else line
    except UnicodeError as error:
        raise UserError(_undecodable(path, number + 1, encoding, error)) from None
    finally:
        decoded.detach()
