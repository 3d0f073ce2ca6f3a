"""Documents to learn language from: whole texts out of files, folders and tables, in order, with what they count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from llamita.core.checked import as_python, is_number
from llamita.core.errors import UserError, require
from llamita.data.decode import text_lines
from llamita.data.files import FORMATS, STDIN, Labelled, files_of, format_of, is_pattern
from llamita.data.read import read_table

LONG = 4000
"""Characters from which on a document of a plain text file ends with the paragraph."""


@dataclass(frozen=True, kw_only=True)
class Documents:
    """Texts and how often each is read in an epoch, on average."""

    texts: tuple[str, ...]
    weights: tuple[float, ...]
    """One a text, > 0; 1: once."""
    source: str


def read_documents(sources: Any, columns: Mapping[str, str] | None = None) -> Documents:
    """Read all sources, one after the other.

    Args:
        sources: a file, folder or pattern; a list of such, or {source: weight}; or texts: a list, a column, a table. Of plain
            text a short file is a document, a long one many: paragraphs, which empty lines part, are gathered up to `LONG`
            characters. Of CSV, JSONL and the like each row is one.
        columns: which column is the text, where it is guessed wrongly.

    Raises:
        UserError: a source that isn't there or has no text, or a weight that is none.
    """
    if not _is_name(sources) and not isinstance(sources, (list, tuple, Mapping)):
        sources = _held(sources, columns)
    if isinstance(sources, (list, tuple)) and not all(_names_data(source) for source in sources):
        texts = tuple(text for text in sources if str(text).strip())
        require(all(isinstance(text, str) for text in texts), "documents must be texts")
        require(bool(texts), "no documents given; give at least one text")
        return Documents(texts=texts, weights=(1.0,) * len(texts), source="texts")
    given = sources if isinstance(sources, Mapping) else dict.fromkeys([sources] if _is_name(sources) else sources, 1.0)
    found: list[str] = []
    weights: list[float] = []
    for named, weight in given.items():
        require(is_number(weight) and 0 < weight < 100, f"{named}: a source's weight must be in (0, 100), got {weight}")
        texts = [text for text in _texts_of(str(named), columns) if text.strip()]
        require(bool(texts), f"{named}: no text in it; add some, or leave it out")
        found += texts
        weights += [float(weight)] * len(texts)
    return Documents(texts=tuple(found), weights=tuple(weights), source=" ".join(map(str, given)))


def _held(sources: Any, columns: Mapping[str, str] | None) -> list[Any]:
    """What Python holds as a list: of a table its column of texts, of a column, an array or a generator its items."""
    if hasattr(sources, "columns") or hasattr(sources, "column_names"):
        texts = read_table(sources, columns=columns, labelled=False).texts
        return [text if isinstance(text, str) else "\n".join(text) for text in texts]
    require(
        isinstance(sources, Iterable), f"documents must be texts or the names of files, got {type(sources).__name__}"
    )
    return list(as_python(sources))


def _is_name(source: Any) -> bool:
    return isinstance(source, (str, Path))


def _names_data(source: Any) -> bool:
    """Whether it is the name of something that is there, and not a text."""
    if isinstance(source, Path):
        return True
    if not isinstance(source, str) or "\n" in source or len(source) > 1000:
        return False
    if source == str(STDIN):
        return True
    try:
        if is_pattern(source):
            return _reads_as_path(source) or bool(files_of(source))
        return Path(source).expanduser().exists() or _reads_as_file(source)
    except (OSError, UserError):  # too long for a name; a pattern that nothing matches
        return False


def _reads_as_path(source: str) -> bool:
    """Whether a pattern is meant for files even where nothing matches it, as "shards/*.txt" is and "Is it so?" isn't."""
    return _reads_as_file(source) or ("/" in source and not any(map(str.isspace, source)))


def _reads_as_file(source: str) -> bool:
    """Whether a name is one of a file even where there is none, which is said then."""
    return not any(map(str.isspace, source)) and format_of(Path(source)) in FORMATS


def document_files(named: str) -> Sequence[Path]:
    """The files behind a name, in alphabetical order; of a folder all that stand in it, however deep.

    Raises:
        UserError: a folder or pattern without any file that can be read.
    """
    top = Path(named).expanduser()
    found = sorted(top.rglob("*")) if top.is_dir() else []
    inside = [path for path in found if path.is_file() and format_of(path) in FORMATS and not _is_hidden(path, top)]
    files = inside or files_of(named)
    return [path for path, _ in files.files] if isinstance(files, Labelled) else files


def _is_hidden(path: Path, top: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(top).parts)


def _texts_of(named: str, columns: Mapping[str, str] | None) -> Iterator[str]:
    for path in document_files(named):
        if path != STDIN and not path.is_file():
            raise UserError(f"no file {path}; name one that is there")
        if path != STDIN and format_of(path) == ".txt":
            yield from gathered(text_lines(path))
        else:
            for text in read_table(str(path), columns=columns, labelled=False).texts:
                yield text if isinstance(text, str) else "\n".join(text)


def gathered(lines: Iterable[str]) -> Iterator[str]:
    """Paragraphs, which empty lines part, joined until they have `LONG` characters.

    Text without empty lines is cut at a line there, a paragraph at four times as many.
    """
    held: list[str] = []
    size = 0
    for line in chain(lines, [""]):
        bare = line.rstrip("\r\n")
        ends = not bare.strip()
        if not ends:
            held.append(bare)
            size += len(bare)
        elif held and held[-1]:
            held.append("")
        if size >= (LONG if ends or "" not in held else 4 * LONG) or (not line and size):
            yield "\n".join(held).strip("\n")
            held, size = [], 0
