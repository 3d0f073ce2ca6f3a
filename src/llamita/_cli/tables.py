"""data: check, mend, split, thin out and convert files of texts."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llamita._cli import parser as flags
from llamita._cli import show, values
from llamita._cli.language import said
from llamita._cli.models import new_file, new_folder
from llamita.core.errors import UserError, did_you_mean
from llamita.data.files import format_of, stem_of

if TYPE_CHECKING:
    from llamita.data.read import Table

log = logging.getLogger(__name__)
VERBS = {
    "check": "what would spoil a model or its measurement", "convert": "write a file anew in UTF-8",
    "split": "training and test data that share no text", "dedup": "one row of each text",
    "sample": "some rows, the labels in their proportions",
}  # fmt: skip


def data(argv: Sequence[str]) -> int:
    """`data check`, `data split` and so on."""
    if not argv or argv[0] in ("-h", "--help"):
        lines = [f"  {name:<8} {text}" for name, text in VERBS.items()]
        print("\n".join(["usage: llamita data VERB FILE …", "", *lines]))
        return 0 if argv else 2
    if argv[0] not in VERBS:
        raise UserError(f"llamita data takes {', '.join(VERBS)}, got {argv[0]!r}.{did_you_mean(argv[0], VERBS)}")
    verbs = {"check": _check, "convert": _convert, "split": _split, "dedup": _dedup, "sample": _sample}
    return verbs[argv[0]](argv[1:])


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
    _add_near(parser, "near copies are looked for too: texts that share so much of their character n-grams; 0: not")
    parser.add(
        "--fix",
        metavar="NEW",
        help="write a mended copy here, and NEW's rows that were set aside, with reasons, beside it",
    )
    flags.add_json(parser)
    args = parser.read(argv)
    mended = _new_table(args.fix, "--fix") if args.fix else None
    if mended is not None:
        _new_table(str(_aside_of(mended)), "--fix")
        if args.file == "-" or not Path(args.file).expanduser().is_file():
            raise UserError(f"--fix mends one file; name it, got {args.file}")
    if args.max_length and not args.model:
        raise UserError("--max-length counts tokens; name the model that makes them: --model MODEL")
    from llamita.data.read import rows_text

    findings, tables = _findings(args)
    errors = sum(f.severity == "error" for f in findings)
    if mended is not None:
        print(said(_mended(args, tables, findings, mended)), file=sys.stderr)
    if args.json:
        sizes = {name: len(table) for name, table in tables.items()}
        show.print_json({"rows": sizes, "findings": [f.to_dict() for f in findings]})
        return 1 if errors else 0
    for name, table in tables.items():
        roles = ", ".join(f"{role} = {column}" for role, column in table.columns.items())
        labels = f"; labels: {_counted(table.labels)}" if table.labels else "; no labels"
        print(f"{name}: {table.source}, {said(rows_text(len(table)))}; {roles}{said(labels)}")
    for f in findings:
        where = f.file if f.line is None else f"{f.file}:{f.line}"
        print(said(f"{f.severity}: {where}: {f.message}; {f.remedy}"))
    others = len(findings) - errors
    counted = f"{errors} error{'s' * (errors != 1)}, {others} other finding{'s' * (others != 1)}"
    print(said(counted if findings else "nothing found"))
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
        allow_leakage=args.allow_leakage, likeness=_likeness(args, *tables.values()),
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
    path, out = Path(args.file).expanduser(), _new_table(args.out)
    rows = open_rows(path, args.encoding, same_keys=True)
    written = write_rows(out, rows.names, rows.rows, str(path))
    print(said(f"written: {out}, {rows_text(written)}"))
    return 0


def _add_near(parser: flags.Parser, text: str) -> None:
    parser.add("--near", type=values.share, metavar="SHARE", help=f"{text} (default: 0.8)")


def _likeness(args: argparse.Namespace, *tables: Table) -> float | None:
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


def _parser_of_rows(verb: str, text: str, out: str) -> flags.Parser:
    parser = flags.Parser(f"data {verb}", text)
    parser.add("file", metavar="FILE", help="CSV, TSV, JSONL, JSON, Parquet or .txt, packed or not")
    parser.add("--out", metavar="DIR" if verb == "split" else "FILE", required=True, help=out)
    parser.add("--columns", type=values.columns, metavar="text=review,label=stars", help="what is guessed wrongly")
    parser.add("--encoding", metavar="NAME", help="of a file that isn't UTF-8, such as gb18030")
    return parser


def _all_rows(args: argparse.Namespace) -> tuple[Sequence[str], Table, list[Any]]:
    """The names of the columns, the texts and labels, and every row as it stands."""
    from llamita.data.read import read_with_rows

    table, names, rows = read_with_rows(args.file, columns=args.columns, encoding=args.encoding)
    return names, table, rows


def _new_table(out: str, flag: str = "--out") -> Path:
    path = new_file(out, flag, "new.csv")
    if path.exists():
        raise UserError(f"{flag} {out} exists already; choose another name")
    return path


def _aside_of(out: Path) -> Path:
    """Where the rows go that were set aside."""
    return out.with_name(f"{stem_of(out)}.aside{'.csv' if out.suffix.lower() == '.txt' else out.suffix}")


def _mended(args: argparse.Namespace, tables: Mapping[str, Table], findings: Sequence[Any], out: Path) -> str:
    """Write the mended copy and what was set aside; says what was done."""
    from llamita.data.mend import mend
    from llamita.data.read import rows_text
    from llamita.data.write import write_rows

    names, table, every = _all_rows(args)
    done = mend(table, findings, tables.get("test"))
    text, label = (names.index(table.columns[role]) if role in table.columns else None for role in ("text", "label"))

    def rewritten(row: int) -> tuple[int, list[Any]]:
        number, values = every[row]
        new = [done.labels.get(value, value) if i == label else value for i, value in enumerate(values)]
        if row in done.texts and text is not None:
            new[text] = done.texts[row]
        return number, new

    aside = _aside_of(out)
    if done.aside:
        more = [name + "_" * (name in names) for name in ("line", "reason")]
        held = ((every[i][0], (every[i][0], reason, *every[i][1])) for i, reason in done.aside.items())
        write_rows(aside, (*more, *names), held, args.file)
    try:
        write_rows(out, names, map(rewritten, done.kept), args.file)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    changed = sum(label in done.labels for label in table.labels or ())
    told = f"written: {out}, {rows_text(len(done.kept))}"
    told += f"; {aside}, {rows_text(len(done.aside))} set aside" if done.aside else "; nothing was set aside"
    told += f"; {rows_text(changed)} with a label written anew" if changed else ""
    read = sum(row in done.texts for row in done.kept)
    return told + (f"; {rows_text(read)} read in the right encoding" if read else "")


def _split(argv: Sequence[str]) -> int:
    from llamita.data.portion import share_of_each
    from llamita.data.read import rows_text
    from llamita.data.write import write_rows

    parser = _parser_of_rows(
        "split", "Cut test data off, the same share of each label; copies of a text stay on one side.", "a new folder"
    )
    parser.add("--test", type=values.share, default=0.1, metavar="SHARE", help="of the texts (default: 0.1)")
    parser.add("--seed", type=values.whole, default=0, metavar="N", help="another draw")
    args = parser.read(argv)
    if not 0 < args.test < 1:
        raise UserError(f"--test must be in (0, 1), got {args.test:g}; 0.1 cuts off a tenth")
    folder = new_folder(args.out)
    names, table, rows = _all_rows(args)
    order = sorted(set(table.labels or ()))
    labels = [order.index(label) for label in table.labels] if table.labels else [0] * len(table)
    cut = set(share_of_each(table.texts, labels, args.test, args.seed))
    if not cut or len(cut) == len(table):
        raise UserError(f"{args.file}: too few different texts to split ({rows_text(len(table))})")
    suffix = {".tsv": ".tsv", ".tab": ".tsv", ".csv": ".csv", ".parquet": ".csv", ".txt": ".csv"}.get(
        format_of(Path(args.file)), ".csv" if args.file == "-" else ".jsonl"
    )
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        counts = {
            name: write_rows(
                part / f"{name}{suffix}", names, [row for i, row in enumerate(rows) if (i in cut) == wanted], args.file
            )
            for name, wanted in (("train", False), ("test", True))
        }
        if folder.is_dir():
            folder.rmdir()
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    for name, count in counts.items():
        print(said(f"written: {folder / f'{name}{suffix}'}, {rows_text(count)}"))
    return 0


def _dedup(argv: Sequence[str]) -> int:
    from llamita.data.copies import kept_of, repeated_nearly, same_texts
    from llamita.data.read import rows_text
    from llamita.data.write import write_rows

    parser = _parser_of_rows(
        "dedup",
        "Keep the first row of each text, under the label most of its copies have; where two labels are as common, none.",
        "a new .csv, .tsv, .jsonl or .txt",
    )
    _add_near(parser, "texts that share so much of their character n-grams are copies too; 0: only the same words")
    args = parser.read(argv)
    out = _new_table(args.out)
    names, table, rows = _all_rows(args)
    likeness = _likeness(args, table)
    dropped, undecided = kept_of(same_texts(table.texts), table.labels)
    if likeness:
        left = [i for i in range(len(table)) if i not in dropped]
        labels = [table.labels[i] for i in left] if table.labels else None
        dropped |= {left[i] for i in repeated_nearly([table.texts[i] for i in left], labels, likeness)}
    written = write_rows(out, names, [row for i, row in enumerate(rows) if i not in dropped], args.file)
    texts = "a text" if undecided == 1 else f"{undecided:,} texts"
    what = f", all rows of {texts} with different labels among them" if undecided else ""
    print(said(f"written: {out}, {rows_text(written)}; {rows_text(len(dropped))} dropped{what}"))
    return 0


def _sample(argv: Sequence[str]) -> int:
    from llamita.data.portion import proportional
    from llamita.data.read import rows_text
    from llamita.data.write import write_rows

    parser = _parser_of_rows(
        "sample", "Draw rows, the labels in the proportions of the file.", "a new .csv, .tsv, .jsonl or .txt"
    )
    parser.add("--rows", type=values.positive, required=True, metavar="N", help="how many")
    parser.add("--balanced", action="store_true", help="as many of each label instead")
    parser.add("--seed", type=values.whole, default=0, metavar="N", help="another draw")
    args = parser.read(argv)
    out = _new_table(args.out)
    names, table, rows = _all_rows(args)
    if args.balanced and not table.labels:
        raise UserError("--balanced is about labels; name their column: --columns label=COLUMN")
    taken = proportional(table.labels or [""] * len(table), args.rows, args.seed, balanced=args.balanced)
    written = write_rows(out, names, [rows[i] for i in taken], args.file)
    print(said(f"written: {out}, {rows_text(written)}"))
    return 0
