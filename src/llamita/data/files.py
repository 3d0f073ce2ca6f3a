"""What a user names as data: a file, a folder, a pattern such as shards/*.csv, or - for standard input."""

from __future__ import annotations

import errno
import gzip
import io
import logging
import sys
import zlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from llamita.core.errors import UserError, require

log = logging.getLogger(__name__)
FORMATS = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", ".parquet", ".txt")
PACKED = (".gz", ".zst")
STDIN, PIPED = Path("-"), Path("stdin")
"""How standard input is named, and how messages call it."""


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A folder that holds a folder of .txt files for each label, one text a file."""

    folder: Path
    files: tuple[tuple[Path, str], ...]
    """Each file and its label, in alphabetical order."""


def format_of(path: Path) -> str:
    """The ending that tells the format, without that of a packed file: ".csv" for reviews.csv.gz."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return suffixes[-2] if len(suffixes) > 1 and suffixes[-1] in PACKED else (suffixes or [""])[-1]


def stem_of(path: Path) -> str:
    """The name without the endings of format and packing: "reviews" for reviews.csv.gz."""
    packed = path.suffix if path.suffix.lower() in PACKED else ""
    name = path.name.removesuffix(packed)
    return name[: -len(format_of(path))] if format_of(path) in FORMATS else name


@contextmanager
def opened(path: Path) -> Generator[IO[bytes]]:
    """The file's bytes, unpacked.

    Raises:
        UserError: a packed file is damaged, or what unpacks it isn't installed.
    """
    if path == STDIN:
        given: Any = sys.stdin.buffer
        piped = given if hasattr(given, "peek") else io.BufferedReader(given)
        with _unpacked(PIPED, _kind_of(piped.peek(4)[:4]), piped) as stream:
            yield stream
        return
    with _unpacked(path, path.suffix.lower()) as stream:
        yield stream


MAGIC = {b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst", b"PAR1": ".parquet"}
"""How a packed stream begins."""


def _kind_of(start: bytes) -> str:
    """What comes from standard input, by its first bytes."""
    kind = next((kind for mark, kind in MAGIC.items() if start.startswith(mark)), "")
    if kind == ".parquet":
        raise UserError("standard input holds Parquet, which can't be read as it comes; save it and name the .parquet")
    return kind


@contextmanager
def _unpacked(path: Path, kind: str, piped: IO[bytes] | None = None) -> Generator[IO[bytes]]:
    if kind == ".gz":
        try:
            with gzip.open(piped or path, "rb") as stream:
                yield stream  # type: ignore[misc]
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise UserError(f"{path} is no whole gzip file ({error}); fetch or pack it again") from None
    elif kind == ".zst":
        with _unpacked_zstd(path, piped) as stream:
            yield stream
    elif piped:
        yield piped
    else:
        with path.open("rb") as stream:
            yield stream


@contextmanager
def _unpacked_zstd(path: Path, piped: IO[bytes] | None) -> Generator[IO[bytes]]:
    try:
        import pyarrow
    except ImportError:
        raise UserError(f"reading {path} needs pyarrow: pip install 'llamita[train]' (or unpack it: zstd -d)") from None
    try:
        with pyarrow.input_stream(piped or str(path), compression="zstd") as stream:
            yield io.BufferedReader(stream)  # type: ignore[arg-type]
    except OSError as error:
        if error.errno is not None:
            raise
        raise UserError(f"{path} is no whole zstd file ({error}); fetch or pack it again") from None


def is_pattern(named: str) -> bool:
    """Whether a name has marks that stand for other characters."""
    return any(mark in named for mark in "*?[")


def one_file(named: str) -> Path:
    """The path of what is named, once it is known to be no pattern."""
    path = Path(named).expanduser()
    if path != STDIN and not path.is_file() and is_pattern(named):
        raise UserError(f"{named}: this takes one file, not a pattern; name it")
    return path


def files_of(named: str) -> Sequence[Path] | Labelled:
    """The files behind a name, in alphabetical order.

    Raises:
        UserError: a folder or pattern without any file that can be read.
    """
    path = Path(named).expanduser()
    try:
        if path == STDIN or path.is_file():
            return [path]
    except OSError as error:
        require(
            error.errno != errno.ENAMETOOLONG, f"no file is called {named[:40]!r}…; a text stands in a list: [text]"
        )
        raise
    if path.is_dir():
        return _files_in(path)
    if not is_pattern(named):
        return [path]
    top = Path(path.anchor)
    try:
        found = sorted(one for one in top.glob(str(path.relative_to(top))) if one.is_file())
    except ValueError as error:
        raise UserError(f"{named} is no pattern ({error}); for example 'shards/*.csv' or '**/*.csv'") from None
    if not found:
        raise UserError(f"no file matches {named}; put the pattern in quotes so that the shell leaves it alone")
    return found


def without_plain_text(named: str, files: Sequence[Path]) -> Sequence[Path]:
    """The tables of a folder, where it has some: the .txt files beside them are a README or a licence."""
    tables = [path for path in files if format_of(path) != ".txt"]
    if not Path(named).expanduser().is_dir() or not tables or len(tables) == len(files):
        return files
    left = [path.name for path in files if format_of(path) == ".txt"]
    log.info("%s has tables, so its plain text is left out: %s", named, ", ".join(left[:10]))
    return tables


def _files_in(folder: Path) -> Sequence[Path] | Labelled:
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    files = [path for path in inside if path.is_file() and format_of(path) in FORMATS]
    folders = [path for path in inside if path.is_dir()]
    labelled = tuple((text, label.name) for label in folders for text in sorted(label.glob("*.txt")))
    if files and labelled:
        raise UserError(
            f"{folder} holds both files ({files[0].name}) and folders of texts ({folders[0].name}); name the one or the other"
        )
    if labelled:
        return Labelled(folder=folder, files=labelled)
    if not files:
        seen = ", ".join(path.name for path in inside[:4]) or "nothing"
        raise UserError(
            f"{folder} is a folder without data files ({', '.join(FORMATS)}; also .gz, .zst); it has {seen}"
        )
    return files
