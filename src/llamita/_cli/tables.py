"""data: check, convert, split, thin out and sample files of texts; what these verbs share."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from llamita._cli import parser as flags
from llamita._cli import values
from llamita._cli.language import said
from llamita._cli.models import new_file
from llamita.core.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from llamita.data.rows import Row
    from llamita.data.table import Table

log = logging.getLogger(__name__)
VERBS = {
    "check": "what would spoil a model or its measurement", "convert": "write a file anew in UTF-8",
    "split": "training and test data that share no text", "dedup": "one row of each text",
    "sample": "some rows, the labels in their proportions",
}  # fmt: skip


def data(argv: Sequence[str]) -> int:
    """`data check`, `data split` and so on."""
    if not argv or argv[0] in ("-h", "--help"):
        lines = [f"  {name:<8} {said(text)}" for name, text in VERBS.items()]
        print("\n".join([said("usage: ") + "llamita data VERB FILE …", "", *lines]))
        return 0 if argv else 2
    if argv[0] not in VERBS:
        raise UserError(f"llamita data takes {', '.join(VERBS)}, got {argv[0]!r}.{did_you_mean(argv[0], VERBS)}")
    module = import_module(f"llamita._cli.data_{argv[0]}")
    return getattr(module, argv[0])(argv[1:])


def add_near(parser: flags.Parser, text: str) -> None:
    """--near, how alike near copies are."""
    parser.add("--near", type=values.share, metavar="SHARE", help=f"{text} (default: 0.8)")


def likeness(args: argparse.Namespace, *tables: Table) -> float | None:
    """How alike near copies are; None when they aren't wanted or aren't looked for, which is said."""
    from llamita.data.copies import LIKENESS, quickly_looked_through

    if find_spec("datasketch") is None and args.near != 0:
        if args.near:
            raise UserError("--near needs datasketch: pip install 'llamita[train]'")
        log.warning("near copies are not looked for; that needs datasketch: pip install 'llamita[train]'")
        return None
    if args.near is None and not quickly_looked_through(*(table.texts for table in tables)):
        log.warning("near copies are not looked for in so much text; --near %g asks for it", LIKENESS)
        return None
    return LIKENESS if args.near is None else args.near or None


def parser_of_rows(verb: str, text: str, out: str) -> flags.Parser:
    """The flags of a verb that writes rows of a file anew."""
    parser = flags.Parser(f"data {verb}", text)
    parser.add(
        "file",
        metavar="FILE",
        help="CSV, TSV, JSONL, JSON, Parquet or .txt, packed or not; a folder or a pattern of such",
    )
    parser.add("--out", metavar="DIR" if verb == "split" else "FILE", required=True, help=out)
    parser.add("--columns", type=values.columns, metavar="text=review,label=stars", help="what is guessed wrongly")
    flags.add_label_names(parser)
    parser.add("--encoding", metavar="NAME", help="of a file that isn't UTF-8, such as gb18030")
    add_task(parser)
    return parser


def add_task(parser: flags.Parser) -> None:
    """--task, of verbs that read labelled texts or dialogues."""
    parser.add(
        "--task", choices=("classify", "chat"), help="what the rows are for (default: chat where they hold messages)"
    )


def are_dialogues(args: argparse.Namespace) -> bool:
    """Whether rows are read as dialogues: as --task says, else by the first of them."""
    from llamita.data.dialogues import holds_dialogues

    return args.task == "chat" or (args.task is None and not args.columns and holds_dialogues(args.file))


def all_rows(args: argparse.Namespace) -> tuple[Sequence[str], Table, Sequence[Row]]:
    """The names of the columns, the texts and labels, and every row as it stands; texts and rows are read when they are used."""
    from llamita.data.dialogues import dialogues_with_rows
    from llamita.data.passes import read_with_rows

    read = dialogues_with_rows if are_dialogues(args) else read_with_rows
    table, names, rows = read(args.file, columns=args.columns, encoding=args.encoding)
    require_labels_to_name(args, table)
    return names, table, rows


def require_labels_to_name(args: argparse.Namespace, *tables: Table) -> None:
    """Refuse --label-names where no file has labels."""
    from llamita.data.label_names import nothing_to_name

    if args.label_names and all(table.labels is None for table in tables):
        raise nothing_to_name(args.file)


def new_table(out: str, flag: str = "--out") -> Path:
    """A table that doesn't exist yet."""
    path = new_file(out, flag, "new.csv")
    if path.exists():
        raise UserError(f"{flag} {out} exists already; choose another name")
    return path
