"""The texts that predict is given: on the command line, in a file of any size, or a line each on a stream."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from llamita._cli import show
from llamita._cli.asking import encoding_of, require_pairs
from llamita._cli.language import said
from llamita._cli.models import checked_texts
from llamita._cli.predictions import Kept
from llamita.core.errors import UserError

if TYPE_CHECKING:
    from llamita.core.task import Text

log = logging.getLogger(__name__)
CHUNK = 1024
"""Texts read, predicted and written at a time."""


def chunks_of(args: argparse.Namespace) -> Iterator[tuple[Sequence[Text], Kept, Callable[[int], str] | None]]:
    """Some texts at a time, with what is kept of their rows, and what tells a row's file and line."""
    if args.texts and args.texts != ["-"]:
        texts = checked_texts([*args.texts, *([args.pair] if args.pair is not None else [])])
        yield ([(texts[0], texts[1])] if args.pair is not None else list(texts)), None, None
    elif args.file:
        from llamita.data.read import read_chunks

        beside = [args.labelled, args.few_shot, args.calibrate]
        encoding = encoding_of(args.file, beside, args.encoding)
        with show.progress() as bar:
            task = bar.add_task(args.file, total=None)
            how = {
                "columns": args.columns,
                "encoding": encoding,
                "labelled": False,
                "size": CHUNK,
                "keep": args.keep or (),
            }
            for number, table in enumerate(read_chunks(args.file, **how)):
                if not number:
                    require_pairs(table, args)
                if args.out and not number:
                    roles = ", ".join(f"{role} = {name}" for role, name in table.columns.items())
                    print(said(f"{args.file}: {roles}"), file=sys.stderr)
                yield table.texts, table.kept, table.place
                bar.advance(task, len(table))
    else:
        for some in _from_stdin(args.encoding):
            yield some, None, None


def _heads_a_table(line: str) -> bool:
    """Whether a line is names of columns, one of them a usual one for texts."""
    from llamita.data.columns import LABELS, TEXTS, known_form

    for mark in (",", "\t", ";"):
        names = [known_form(part.strip('"')) for part in line.split(mark)]
        known = sum(name in (*TEXTS, *LABELS) for name in names)
        if len(names) > 1 and known and (known > 1 or f"{mark} " not in line):
            return all(0 < len(name) <= 30 and len(name.split()) <= 3 for name in names)
    return False


def _from_stdin(encoding: str | None) -> Iterator[list[Text]]:
    from llamita.data.decode import text_lines
    from llamita.data.files import STDIN

    texts: list[Text] = []
    empty = True
    for line in text_lines(STDIN, encoding):
        if text := line.strip("\r\n"):
            if empty and _heads_a_table(text):
                log.warning(
                    "warning: the first line looks like the head of a table; --file - reads one, here each line is a text"
                )
            texts.append(text)
            empty = False
        if len(texts) == CHUNK:
            yield texts
            texts = []
    if texts:
        yield texts
    if empty:
        raise UserError("no text came in on stdin; give one a line")
