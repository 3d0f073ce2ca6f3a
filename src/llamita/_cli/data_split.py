"""data split: training and test data that share no text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from llamita._cli import values
from llamita._cli.language import said
from llamita._cli.models import new_folder
from llamita._cli.tables import add_near, all_rows, likeness, parser_of_rows
from llamita.core.errors import UserError
from llamita.data.files import format_of

if TYPE_CHECKING:
    from llamita.data.rows import Row


def split(argv: Sequence[str]) -> int:
    """`data split`: both files or none."""
    from llamita.core.whole import whole_folder
    from llamita.data.cells import rows_text
    from llamita.data.portion import share_of_each
    from llamita.data.write import write_rows

    parser = parser_of_rows(
        "split",
        "Cut test data off, the same share of each label; copies and near copies of a text stay on one side.",
        "a new folder",
    )
    parser.add("--test", type=values.share, default=0.1, metavar="SHARE", help="of the texts (default: 0.1)")
    parser.add("--seed", type=values.seed, default=0, metavar="N", help="another draw")
    add_near(parser, "texts that share so much of their character n-grams stay on one side too; 0: only copies do")
    args = parser.read(argv)
    if not 0 < args.test < 1:
        raise UserError(f"--test must be in (0, 1), got {args.test:g}; 0.1 cuts off a tenth")
    folder = new_folder(args.out)
    names, table, rows = all_rows(args)
    strata = table.rarest_labels()
    order = {label: number for number, label in enumerate(sorted(set(strata)))}
    numbers, least = [order[label] for label in strata], likeness(args, table)
    cut = set(share_of_each(table.texts, numbers, args.test, args.seed, likeness=least))
    if not cut and least and share_of_each(table.texts, numbers, args.test, args.seed):
        raise UserError(f"{args.file}: near copies of one another are all a label has; split them too: --near 0")
    if not cut and len(order) > 1:
        raise UserError(
            f"{args.file}: each label has a single text, so that none can be cut off; add rows, or split without regard to"
            " labels: --columns label=none"
        )
    if not cut or len(cut) == len(table):
        raise UserError(f"{args.file}: too few different texts to split ({rows_text(len(table))})")
    suffix = _suffix(args.file, rows)
    with whole_folder(folder) as part:
        counts = {
            name: write_rows(
                part / f"{name}{suffix}", names, (row for i, row in enumerate(rows) if (i in cut) == wanted), args.file
            )
            for name, wanted in (("train", False), ("test", True))
        }
        if folder.is_dir():
            folder.rmdir()  # it was empty; what came in meanwhile isn't ours to remove
    for name, count in counts.items():
        print(said(f"written: {folder / f'{name}{suffix}'}, {rows_text(count)}"))
    return 0


def _suffix(file: str, rows: Sequence[Row]) -> str:
    """The format of what is written: the file's own, or JSONL for values nested in a way that a Parquet column can't be given."""
    if format_of(Path(file)) == ".parquet":
        from llamita.data.parquet import fits_a_column

        return ".parquet" if all(fits_a_column(value) for _, values in rows for value in values) else ".jsonl"
    kept = {".tsv": ".tsv", ".tab": ".tsv", ".csv": ".csv", ".txt": ".csv"}
    return kept.get(format_of(Path(file)), ".csv" if file == "-" else ".jsonl")
