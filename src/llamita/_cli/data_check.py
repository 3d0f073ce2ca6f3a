"""data check: what would spoil a model or its measurement; mends a copy, writes a page."""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from llamita._cli import parser as flags
from llamita._cli import show, values
from llamita._cli.asking import encoding_of
from llamita._cli.data_mend import aside_of, write_mended
from llamita._cli.harmless import harmless
from llamita._cli.language import said, spoken
from llamita._cli.models import new_page
from llamita._cli.tables import add_near, add_task, are_dialogues, likeness, new_table, require_labels_to_name
from llamita.core.errors import UserError

if TYPE_CHECKING:
    from llamita.data.faults import Faults
    from llamita.data.finding import DataFinding
    from llamita.data.table import Table

log = logging.getLogger(__name__)
SHOWN_SUSPECTS = 20
SPLITS = {"train": "train: ", "select": "select: ", "test": "test: ", "unlabelled": "unlabelled: "}
"""How the line about each file begins."""
ABOUT_ALL = ("one_class", "many_labels", "imbalance", "rare_label")
"""Findings about a label as a whole, whose single rows are sound."""


def check(argv: Sequence[str]) -> int:
    """`data check`: one line a finding, exit code 1 if there is an error."""
    args = _parser().read(argv)
    mended = _checked_paths(args)
    faults: Faults = []
    tables = _dialogues(args, faults) if are_dialogues(args) else _tables(args, faults)
    findings = _findings(args, tables, faults)
    errors = sum(f.severity == "error" for f in findings)
    if args.json:
        sizes = {name: len(table) for name, table in tables.items()}
        show.print_json({"rows": sizes, "findings": [f.to_dict() for f in findings]})
    else:
        _print(tables, findings, errors)
    sys.stdout.flush()
    if mended is not None:
        print(write_mended(args, tables, findings, mended), file=sys.stderr)
    if args.html:
        from llamita.pages.data_page import write_data_page

        write_data_page(tables, findings, Path(args.html).expanduser(), language=args.language, command=_command(argv))
        print(said(f"written: {args.html}"), file=sys.stderr)
    return 1 if errors else 0


def _parser() -> flags.Parser:
    parser = flags.Parser(
        "data check", "Find what would spoil a model or its measurement; exit code 1 if there is an error."
    )
    parser.add("file", metavar="FILE", help="labelled training texts")
    parser.add("--test", metavar="FILE", help="labelled test texts")
    parser.add("--select", metavar="FILE", help="labelled texts for choices, as a validation file is")
    parser.add("--unlabelled", metavar="FILE", help="texts without labels")
    parser.add("--columns", type=values.columns, metavar="text=review,label=stars", help="what is guessed wrongly")
    flags.add_label_form(parser)
    flags.add_label_names(parser)
    parser.add("--encoding", metavar="NAME", help="of files that aren't UTF-8, such as gb18030")
    add_task(parser)
    parser.add(
        "--label-errors", action="store_true",
        help="also look for labels that may be wrong, by models that learn from the other rows (minutes)",
    )  # fmt: skip
    parser.add(
        "--model", metavar="MODEL",
        help="count tokens as this model does; with --label-errors: what it knows of the language helps (default: minilm"
        " where it is installed)",
    )  # fmt: skip
    parser.add("--max-length", type=values.positive, metavar="N", help="tokens a text is cut to (goes with --model)")
    parser.add(
        "--allow-leakage", action="store_true", help="texts in both training and test are a warning, not an error"
    )
    add_near(parser, "near copies are looked for too: texts that share so much of their character n-grams; 0: not")
    parser.add(
        "--fix", metavar="NEW",
        help="write a mended copy here, and NEW's rows that were set aside, with reasons, beside it",
    )  # fmt: skip
    parser.add("--html", metavar="FILE", help="write the findings as a page, with examples and pictures")
    parser.add("--seed", type=values.seed, default=0, help="of --label-errors (default: %(default)s)")
    flags.add_json(parser)
    return parser


def _checked_paths(args: argparse.Namespace) -> Path | None:
    """The mended copy's place, once all that is to be written can be."""
    if args.max_length and not args.model:
        raise UserError("--max-length counts tokens; name the model that makes them: --model MODEL")
    if args.html:
        new_page(args.html, "data.html")
    if not args.fix:
        return None
    if args.label_names:
        raise UserError("--fix writes labels as they stand in the file; leave --label-names out, or --fix")
    mended = new_table(args.fix, "--fix")
    new_table(str(aside_of(mended)), "--fix")
    if args.file == "-" or not Path(args.file).expanduser().is_file():
        raise UserError(f"--fix mends one file; name it, got {args.file}")
    return mended


def _tables(args: argparse.Namespace, faults: Faults) -> dict[str, Table]:
    from llamita.data.read import read_table

    given = {"train": args.file, "select": args.select, "test": args.test, "unlabelled": args.unlabelled}
    tables = {}
    for name, file in given.items():
        if file is not None:
            labelled = False if name == "unlabelled" else None
            encoding = encoding_of(file, [other for other in given.values() if other != file], args.encoding)
            tables[name] = read_table(file, columns=args.columns, encoding=encoding, labelled=labelled, faults=faults)
    require_labels_to_name(args, *tables.values())
    return tables


def _dialogues(args: argparse.Namespace, faults: Faults) -> dict[str, Table]:
    from llamita.data.dialogues import read_dialogues

    for flag in ("unlabelled", "fix", "label_errors", "encoding"):
        if getattr(args, flag):
            raise UserError(
                f"--{flag.replace('_', '-')} is for texts with labels, and these are dialogues; leave it out"
            )
    given = {"train": args.file, "select": args.select, "test": args.test}
    return {
        name: read_dialogues(file, columns=args.columns, faults=faults)
        for name, file in given.items()
        if file is not None
    }


def _findings(args: argparse.Namespace, tables: Mapping[str, Table], faults: Faults) -> list[DataFinding]:
    from llamita.data.check import by_severity, check, faults_found

    engine = None
    if args.model:
        from llamita.workshop import open_engine

        engine = open_engine(args.model)
    found = check(
        tables["train"], tables.get("test"), tables.get("unlabelled"), max_length=args.max_length,
        encoder=engine.encoder if engine else None, allow_leakage=args.allow_leakage,
        likeness=likeness(args, *tables.values()), select=tables.get("select"),
    )  # fmt: skip
    found += faults_found(faults)
    if args.label_errors:
        from llamita.data.label_errors import label_errors, suspects_found

        models = [engine] if engine else _default_models()
        found += suspects_found(tables["train"], *label_errors(tables["train"], models, seed=args.seed))  # type: ignore[arg-type]
    return by_severity(found)


def _default_models() -> list[object]:
    """The packaged encoder, if it is on this disk."""
    from llamita.core.sources import locate

    if locate("minilm").path is None:
        log.warning(
            "label errors are sought by TF-IDF alone, which finds half as many; --model MODEL names a model that knows the"
            " language"
        )
        return []
    from llamita.workshop import open_engine

    return [open_engine("minilm")]


def _print(tables: Mapping[str, Table], findings: Sequence[DataFinding], errors: int) -> None:
    from llamita.data.cells import rows_text

    comma, semicolon, colon = ("，", "；", "：") if spoken() == "zh" else (", ", "; ", ": ")
    for name, table in tables.items():
        roles = comma.join(said(f"{role} = {column}") for role, column in table.columns.items())
        labels = f"{said('; labels: ')}{_counted(table, comma)}" if table.labels else said("; no labels")
        line = f"{said(SPLITS[name])}{table.source}{comma}{said(rows_text(len(table)))}{semicolon}{roles}{labels}"
        print(harmless(line))
    for f in findings:
        where = f.file if f.line is None else f"{f.file}:{f.line}"
        print(said(f.severity), harmless(said(f"{where}: {f.message}{_lines(f)}; {f.remedy}")), sep=colon)
        for s in f.suspects[:SHOWN_SUSPECTS]:
            percent = f"{100 * s['probability_of_likely']:.0f}"
            doubt = said(f"  {s['file']}:{s['line']}: {s['label']!r}, likely {s['likely']!r} ({percent} %)")
            print(harmless(f"{doubt}{colon}{s['text']}"))
        if len(f.suspects) > SHOWN_SUSPECTS:
            print(said(f"  and {len(f.suspects) - SHOWN_SUSPECTS:,} more; --json lists all of them"))
    others = len(findings) - errors
    counted = f"{errors} error{'s' * (errors != 1)}, {others} other finding{'s' * (others != 1)}"
    print(said(counted if findings else "nothing found"))


def _lines(finding: DataFinding) -> str:
    """All lines, where there are a few and each of them is to be mended."""
    if not 1 < finding.count == len(finding.lines) or finding.suspects or finding.kind in ABOUT_ALL:
        return ""
    return f" [lines {', '.join(map(str, finding.lines))}]"


def _counted(table: Table, comma: str) -> str:
    from llamita.data.label_sets import parts

    cells = table.labels or ()
    names = [label for cell in cells for label in parts(cell)] if table.several else cells
    counts = Counter(names).most_common()
    shown = comma.join(f"{label} {n:,}" for label, n in counts[:6])
    return shown + (said(f" and {len(counts) - 6} more") if len(counts) > 6 else "")


def _command(argv: Sequence[str]) -> str:
    import shlex

    return shlex.join(["llamita", "data", "check", *argv])
