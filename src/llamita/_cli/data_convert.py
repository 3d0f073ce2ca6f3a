"""data convert: a file anew in UTF-8 and another format."""

from __future__ import annotations

from collections.abc import Sequence

from llamita._cli import parser as flags
from llamita._cli.language import said
from llamita._cli.tables import new_table


def convert(argv: Sequence[str]) -> int:
    """`data convert`: all values as they stand."""
    from llamita.data.cells import rows_text
    from llamita.data.files import one_file
    from llamita.data.hub import is_hub_id
    from llamita.data.opening import open_rows
    from llamita.data.passes import is_of_files, joined_rows
    from llamita.data.write import write_rows

    parser = flags.Parser(
        "data convert", "Write a file anew in UTF-8, as CSV, TSV, JSONL, Parquet or plain text by the ending of --out."
    )
    parser.add("file", metavar="FILE")
    parser.add("--encoding", metavar="NAME", help="of FILE when it isn't UTF-8: gb18030, big5, latin-1, utf-16 …")
    parser.add(
        "--out", metavar="FILE", required=True, help="a new .csv, .tsv, .jsonl, .parquet, or .txt for one column"
    )
    args = parser.read(argv)
    out = new_table(args.out)
    if is_of_files(args.file) or is_hub_id(args.file):
        rows = joined_rows(args.file, args.encoding, empty_rows=True)
    else:
        rows = open_rows(one_file(args.file), args.encoding, every_key=True, empty_rows=True)
    written = write_rows(out, rows.names, rows.rows, args.file)
    print(said(f"written: {out}, {rows_text(written)}"))
    return 0
