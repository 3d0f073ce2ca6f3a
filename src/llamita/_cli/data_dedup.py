"""data dedup: one row of each text."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from llamita._cli.language import said
from llamita._cli.tables import add_near, all_rows, likeness, new_table, parser_of_rows


def dedup(argv: Sequence[str]) -> int:
    """`data dedup`: copies and near copies go."""
    from llamita.data.cells import rows_text
    from llamita.data.copies import kept_of, repeated_nearly, same_texts
    from llamita.data.text import reading_key
    from llamita.data.write import write_rows

    parser = parser_of_rows(
        "dedup",
        "Keep the first row of each text, under the label most of its copies have; where two labels are as common, none.",
        "a new .csv, .tsv, .jsonl, .parquet or .txt",
    )
    add_near(parser, "texts that share so much of their character n-grams are copies too; 0: only the same words")
    args = parser.read(argv)
    out = new_table(args.out)
    names, table, rows = all_rows(args)
    least = likeness(args, table)
    compared = table.compared_labels()
    dropped, undecided = kept_of(same_texts(table.texts, reading_key), compared)
    if least:
        left = array("q", (i for i in range(len(table)) if i not in dropped))
        labels = [compared[i] for i in left] if compared else None
        texts = (text for i, text in enumerate(table.texts) if i not in dropped)
        dropped |= {left[i] for i in repeated_nearly(texts, labels, least, reading_key)}
    written = write_rows(out, names, (row for i, row in enumerate(rows) if i not in dropped), args.file)
    clashing = "a text" if undecided == 1 else f"{undecided:,} texts"
    what = f", all rows of {clashing} with different labels among them" if undecided else ""
    print(said(f"written: {out}, {rows_text(written)}; {rows_text(len(dropped))} dropped{what}"))
    return 0
