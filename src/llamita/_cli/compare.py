"""compare: a teacher and light models side by side, with a page."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from llamita._cli import parser as flags
from llamita._cli import show
from llamita._cli.judge import dialogues, plain
from llamita._cli.language import said
from llamita._cli.measured import measured, rest, sizes
from llamita._cli.models import documents, open_classifier, open_foreseeing, test_task, writable
from llamita.core.command import command_of
from llamita.core.errors import UserError, require
from llamita.core.opening import located
from llamita.core.registry import build

if TYPE_CHECKING:
    from llamita.core.report import Report, Subject
    from llamita.core.task import Task

COMMAND = ("llamita", "compare")


def compare(argv: Sequence[str]) -> int:
    """A teacher and light models side by side, with a page."""
    parser = _compare_parser()
    args = parser.read(argv, rest="light")
    require(
        not args.cost or args.task not in ("chat", "language"),
        f"--cost times a classifier; leave it out with --task {args.task}",
    )
    if not args.light:
        raise UserError("give a TEACHER and at least one LIGHT model. See `llamita compare --help`.")
    for model in (args.teacher, *args.light):
        located(model)  # a wrong name is told before anything is measured
    folder = _page_folder(args.out) if args.out else None
    report = _compared(args, shlex.join([*COMMAND, *argv]))
    if folder is not None:
        from llamita.run import write_report

        folder.mkdir(parents=True, exist_ok=True)
        write_report(report, folder, redact=args.redact, language=args.language)
    if args.json:
        show.print_json([{"model": s.name, "findings": [plain(f) for f in s.findings]} for s in report.subjects])
    else:
        show.findings_table([(s.name, s.findings) for s in report.subjects], args.data)
        print(said(f"page: {folder / 'report.html'}" if folder else "with --out DIR there is a page too"))
    return 0


def _page_folder(out: str) -> Path:
    """A folder for the page: new, or one that an earlier comparison wrote; never a run's, whose report would be lost."""
    path = Path(out).expanduser()
    if path.is_dir() and any(path.iterdir()) and not _holds_a_comparison(path):
        raise UserError(f"--out {out} holds other files and no earlier comparison; choose another folder")
    return writable(path)


def _holds_a_comparison(folder: Path) -> bool:
    try:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        return str(report["command"]).startswith(" ".join(COMMAND))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _compare_parser() -> flags.Parser:
    parser = flags.Parser("compare", "Measure models side by side on the same texts and write a page.")
    flags.add_model(parser, "teacher")
    parser.add(
        "light", nargs="*", default=[], metavar="LIGHT", help="models or exported folders to hold against the teacher"
    )
    flags.add_data(parser)
    parser.add("--out", metavar="DIR", help="where report.html, report.md and report.json go")
    parser.add("--cost", action="store_true", help="also latency, throughput and memory; takes a minute a model")
    parser.add("--redact", action="store_true", help="leave the texts out of the page")
    flags.add_machine(parser)
    flags.add_precision(parser)
    flags.add_json(parser)
    return parser


def _compared(args: argparse.Namespace, command: str) -> Report:
    from llamita.core.hardware import machine, num_cores, versions
    from llamita.core.report import Report

    task, subjects = (_foreseen if args.task in ("chat", "language") else _classified)(args)
    return Report(
        title=f"{', '.join(args.light)} against {args.teacher}", task=task.describe(), subjects=tuple(subjects),
        machine=machine() | {"threads": args.threads or num_cores()}, versions=versions(), seed=args.seed,
        command=command,
    )  # fmt: skip


def _classified(args: argparse.Namespace) -> tuple[Task, list[Subject]]:
    from llamita.core.report import Subject

    teacher = open_classifier(args.teacher, args.threads, args.precision)
    task = test_task(args, teacher)
    names = ["measure.quality", "measure.calibration", "measure.agreement", *(["measure.cost"] if args.cost else [])]
    subjects = []
    for i, model in enumerate([args.teacher, *args.light]):
        engine = teacher if i == 0 else open_classifier(model, args.threads, args.precision)
        measures = [build(name) for name in names if i or name != "measure.agreement"]
        engines, models = ([engine, teacher], [model, args.teacher]) if i else ([engine], [model])
        found = measured(args, engines, models, task, measures)
        found += [] if args.cost else sizes(args, engine, model)
        subjects.append(Subject(name=model, role="light" if i else "teacher", path=model, findings=tuple(found)))
    return task, subjects


def _foreseen(args: argparse.Namespace) -> tuple[Task, list[Subject]]:
    """Language models, each asked once for documents or the answers of dialogues, and held against the first."""
    from llamita._cli.chat import open_speaker
    from llamita.core.report import Subject
    from llamita.measure.quality import bits_lost

    task = dialogues(args) if args.task == "chat" else documents(args)
    quality, subjects = build("measure.quality"), []
    for i, model in enumerate([args.teacher, *args.light]):
        engine = (open_speaker if args.task == "chat" else open_foreseeing)(model, args)
        found = measured(args, [engine], [model], task, [quality])
        if i:
            command = command_of(quality, [model, args.teacher], args.data, args.columns, rest(args))
            lost = bits_lost(found, subjects[0].findings)
            found.append(replace(lost, command=command if args.data != "-" else ""))
        found += sizes(args, engine, model)
        subjects.append(Subject(name=model, role="light" if i else "teacher", path=model, findings=tuple(found)))
    return task, subjects
