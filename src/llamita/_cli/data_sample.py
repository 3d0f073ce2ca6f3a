"""data sample: some rows of a file."""

from __future__ import annotations

from collections.abc import Sequence

from llamita._cli import values
from llamita._cli.language import said
from llamita._cli.tables import all_rows, new_table, parser_of_rows
from llamita.core.errors import UserError


def sample(argv: Sequence[str]) -> int:
    """`data sample`: in the proportions of the labels, or as many of each."""
    from llamita.data.cells import rows_text
    from llamita.data.portion import proportional
    from llamita.data.write import write_rows

    parser = parser_of_rows(
        "sample", "Draw rows, the labels in the proportions of the file.", "a new .csv, .tsv, .jsonl, .parquet or .txt"
    )
    parser.add("--rows", type=values.positive, required=True, metavar="N", help="how many")
    parser.add("--balanced", action="store_true", help="as many of each label instead")
    parser.add("--seed", type=values.seed, default=0, metavar="N", help="another draw")
    args = parser.read(argv)
    out = new_table(args.out)
    names, table, rows = all_rows(args)
    if args.balanced and not table.labels:
        raise UserError("--balanced is about labels; name their column: --columns label=COLUMN")
    taken = set(proportional(table.rarest_labels(), args.rows, args.seed, balanced=args.balanced))
    written = write_rows(out, names, (row for i, row in enumerate(rows) if i in taken), args.file)
    print(said(f"written: {out}, {rows_text(written)}"))
    return 0
