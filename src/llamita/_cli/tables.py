"""data: check and convert files of texts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llamita._cli import parser as flags
from llamita._cli import show, values
from llamita._cli.models import new_file
from llamita.core.errors import UserError, did_you_mean

VERBS = {"check": "what would spoil a model or its measurement", "convert": "write a file anew in UTF-8"}


def data(argv: Sequence[str]) -> int:
    """`data check` or `data convert`."""
    if not argv or argv[0] in ("-h", "--help"):
        lines = [f"  {name:<8} {text}" for name, text in VERBS.items()]
        print("\n".join(["usage: llamita data VERB FILE …", "", *lines]))
        return 0 if argv else 2
    if argv[0] not in VERBS:
        raise UserError(f"llamita data takes {' or '.join(VERBS)}, got {argv[0]!r}.{did_you_mean(argv[0], VERBS)}")
    return {"check": _check, "convert": _convert}[argv[0]](argv[1:])


def _check(argv: Sequence[str]) -> int:
    parser = flags.Parser(
        "data check", "Find what would spoil a model or its measurement; exit code 1 if there is an error."
    )
    parser.add("file", metavar="FILE", help="labelled training texts")
    parser.add("--test", metavar="FILE", help="labelled test texts")
    parser.add("--unlabelled", metavar="FILE", help="texts without labels")
    parser.add("--columns", type=values.columns, metavar="text=review,label=stars", help="what is guessed wrongly")
    parser.add("--encoding", metavar="NAME", help="of files that aren't UTF-8, such as gb18030")
    parser.add("--model", metavar="MODEL", help="count tokens as this model does")
    parser.add("--max-length", type=values.positive, metavar="N", help="tokens a text is cut to (goes with --model)")
    parser.add(
        "--allow-leakage", action="store_true", help="texts in both training and test are a warning, not an error"
    )
    flags.add_json(parser)
    args = parser.read(argv)
    if args.max_length and not args.model:
        raise UserError("--max-length counts tokens; name the model that makes them: --model MODEL")
    from llamita.data.read import rows_text

    findings, tables = _findings(args)
    errors = sum(f.severity == "error" for f in findings)
    if args.json:
        sizes = {name: len(table) for name, table in tables.items()}
        show.print_json({"rows": sizes, "findings": [f.to_dict() for f in findings]})
        return 1 if errors else 0
    for name, table in tables.items():
        roles = ", ".join(f"{role} = {column}" for role, column in table.columns.items())
        labels = f"; labels: {_counted(table.labels)}" if table.labels else "; no labels"
        print(f"{name}: {table.source}, {rows_text(len(table))}; {roles}{labels}")
    for f in findings:
        where = f.file if f.line is None else f"{f.file}:{f.line}"
        print(f"{f.severity}: {where}: {f.message}; {f.remedy}")
    others = len(findings) - errors
    counted = f"{errors} error{'s' * (errors != 1)}, {others} other finding{'s' * (others != 1)}"
    print(counted if findings else "nothing found")
    return 1 if errors else 0


def _findings(args: argparse.Namespace) -> tuple[Sequence[Any], dict[str, Any]]:
    from llamita.data.check import check
    from llamita.data.read import read_table

    given = {"train": args.file, "test": args.test, "unlabelled": args.unlabelled}
    tables = {}
    for name, file in given.items():
        if file is not None:
            labelled = False if name == "unlabelled" else None
            tables[name] = read_table(file, columns=args.columns, encoding=args.encoding, labelled=labelled)
    encoder = None
    if args.model:
        from llamita.workshop import open_engine

        encoder = open_engine(args.model).encoder
    found = check(
        tables["train"], tables.get("test"), tables.get("unlabelled"), max_length=args.max_length, encoder=encoder,
        allow_leakage=args.allow_leakage,
    )  # fmt: skip
    return found, tables


def _counted(labels: Sequence[str]) -> str:
    from collections import Counter

    counts = Counter(labels).most_common()
    shown = ", ".join(f"{label} {n:,}" for label, n in counts[:6])
    return f"{shown} and {len(counts) - 6} more" if len(counts) > 6 else shown


def _convert(argv: Sequence[str]) -> int:
    from llamita.data.read import rows_text
    from llamita.data.rows import open_rows
    from llamita.data.write import write_rows

    parser = flags.Parser(
        "data convert", "Write a file anew in UTF-8, as CSV, TSV, JSONL or plain text by the ending of --out."
    )
    parser.add("file", metavar="FILE")
    parser.add("--encoding", metavar="NAME", help="of FILE when it isn't UTF-8: gb18030, big5, latin-1, utf-16 …")
    parser.add("--out", metavar="FILE", required=True, help="a new .csv, .tsv, .jsonl, or .txt for one column")
    args = parser.read(argv)
    path, out = Path(args.file).expanduser(), new_file(args.out)
    if out.exists():
        raise UserError(f"--out {args.out} exists already; choose another name")
    rows = open_rows(path, args.encoding)
    written = write_rows(out, rows.names, rows.rows, str(path))
    print(f"written: {out}, {rows_text(written)}")
    return 0
