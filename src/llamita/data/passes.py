"""One file, or standard input, gone through several times: labels are held, texts and rows are read when they are used.

So memory holds no text, and a file may be larger than it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableSequence, Sequence
from dataclasses import replace
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar, overload

from llamita.core.errors import UserError
from llamita.core.task import Text
from llamita.data.cells import cell_text
from llamita.data.chunks import CHUNK, Reading, chunks_of, with_inner
from llamita.data.decode import encoding_of_one, text_lines
from llamita.data.faults import Faults
from llamita.data.files import PIPED, STDIN, Labelled, files_of, is_pattern, one_file, without_plain_text
from llamita.data.hub import hub_dataset, is_hub_id
from llamita.data.objects import rows_of
from llamita.data.on_disk import TextsOnDisk
from llamita.data.opening import open_rows, piped_rows
from llamita.data.read import finish
from llamita.data.rows import Row, Rows
from llamita.data.table import Table, merged

Item = TypeVar("Item")


class Reread(Sequence[Item]):
    """Items that are read anew each time they are gone through; a single one is found by reading up to it."""

    def __init__(self, read: Callable[[], Iterator[Item]], number: int):
        self._read, self._number = read, number

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[Item]:
        return self._read()

    @overload
    def __getitem__(self, place: int) -> Item: ...
    @overload
    def __getitem__(self, place: slice) -> list[Item]: ...
    def __getitem__(self, place: int | slice) -> Item | list[Item]:
        if isinstance(place, slice):
            return list(self)[place]
        return next(islice(self, range(self._number)[place], None))


def read_with_rows(
    file: str, *, columns: Mapping[str, str] | None = None, encoding: str | None = None, faults: Faults | None = None
) -> tuple[Table, tuple[str, ...], Sequence[Row]]:
    """One file, or standard input, as a Table and as it stands: the names of its columns, and every row with its line.

    Texts and rows are to be gone through from the first to the last.

    Raises:
        UserError: a folder or a pattern, beside what `read_table` refuses.
    """
    source, how = _Source(file, encoding, faults), Reading(columns=columns, faults=faults)
    opened = source.rows(faults)
    names = opened.names
    table = merged(chunks_of(source.name, opened, how, CHUNK), texts=False)
    wanted = [table.columns[role] for role in ("text", "pair") if role in table.columns]
    lines, skips = table.lines, faults is not None
    rows = Reread(lambda: source.again(names, lines, skips=skips), len(lines))

    def texts() -> Iterator[Text]:
        inner = with_inner(replace(opened, rows=iter(rows)), wanted)
        places = [(inner.names.index(column), column) for column in wanted]
        for number, values in inner.rows:
            text, *pair = (cell_text(source.name, number, values[place], column) for place, column in places)
            yield (text, pair[0]) if pair else text

    table.texts = Reread(texts, len(lines))
    finish(table, how)
    return table, names, rows


def joined_rows(named: str, encoding: str | None, *, empty_rows: bool = False) -> Rows:
    """Rows of all files of a folder or pattern, one after the other, or of a data set of the Hub; columns as the first file has
    them. Of a folder with a folder for each label a row is a file's text and its label.

    Raises:
        UserError: a file that has a column which the first one lacks, or lacks one.
    """
    if is_hub_id(named):
        return rows_of(hub_dataset(named))[1]
    files = files_of(named)
    if isinstance(files, Labelled):
        texts = ("".join(text_lines(path, encoding_of_one(path, encoding))).strip("\r\n") for path, _ in files.files)
        told = enumerate(zip(texts, (label for _, label in files.files), strict=True), 1)
        return Rows(names=("text", "label"), rows=iter(told))
    paths = without_plain_text(named, files)

    def opened(path: Path) -> Rows:
        own = encoding_of_one(path, encoding) if len(paths) > 1 else encoding
        return open_rows(path, own, every_key=True, empty_rows=empty_rows)

    first = opened(paths[0])

    def rows() -> Iterator[Row]:
        yield from first.rows
        for path in paths[1:]:
            more = opened(path)
            odd = next(iter(sorted(set(more.names) ^ set(first.names))), None)
            if odd is not None:
                raise UserError(
                    f"{path}: {odd!r} is a column of it or of {paths[0]}, but not of both; convert them apart"
                )
            places = [more.names.index(name) for name in first.names]
            yield from ((line, [values[place] for place in places]) for line, values in more.rows)

    return replace(first, rows=rows())


def is_of_files(named: str) -> bool:
    """Whether a folder or a pattern is named, whose files are read one after the other."""
    path = Path(named).expanduser()
    return path != STDIN and not path.is_file() and (path.is_dir() or is_pattern(named))


class _Source:
    """What can be opened again and again; standard input is put on disk."""

    def __init__(self, file: str, encoding: str | None, faults: Faults | None):
        self._encoding = encoding
        self._dataset: Any = hub_dataset(file) if is_hub_id(file) else None
        self._joined = self._dataset is None and faults is None and is_of_files(file)
        self._path = Path(file) if self._dataset is not None or self._joined else one_file(file)
        piped = self._path == STDIN
        self._lines = TextsOnDisk(text_lines(STDIN, encoding, faults=faults)) if piped else None
        self.name = str(PIPED) if piped else file

    def rows(self, faults: Faults | None, names: Sequence[str] = ()) -> Rows:
        """From the first one on; names of columns that were found before needn't be looked for again."""
        every_key = names or True
        if self._dataset is not None:
            return rows_of(self._dataset)[1]
        if self._joined:
            return joined_rows(self.name, self._encoding)
        if self._lines is not None:
            return piped_rows(self._lines, every_key, faults=faults)
        return open_rows(self._path, self._encoding, every_key=every_key, faults=faults)

    def again(self, names: Sequence[str], lines: MutableSequence[int], *, skips: bool) -> Iterator[Row]:
        """The rows of these lines.

        Args:
            skips: There are others, which couldn't be read.

        Raises:
            UserError: the file has changed, or holds several rows in a line of which some couldn't be read.
        """
        found = 0
        for line, held in groupby(self.rows([] if skips else None, names).rows, key=itemgetter(0)):
            rows, first = list(held), found
            while found < len(lines) and found - first < len(rows) and lines[found] == line:
                found += 1
            if found - first == len(rows):
                yield from rows
            elif not skips:
                found = -1
                break
            elif found > first:
                raise UserError(
                    f"{self.name}:{line}: several rows in one line, some of which can't be read; write it with a row a line"
                    " first: llamita data convert FILE --out NEW.jsonl"
                )
        if found != len(lines):
            raise UserError(f"{self.name} changed while it was read; give the command again")
