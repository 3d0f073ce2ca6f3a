"""Verbs that measure one model: evaluate, measure, attack."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llamita._cli import parser as flags
from llamita._cli import show
from llamita._cli.asking import require_pairs, switches
from llamita._cli.gates import EXAMPLES, add_gate, check_gates
from llamita._cli.harmless import harmless
from llamita._cli.language import said
from llamita._cli.measured import measured, sizes
from llamita._cli.methods import chosen_method, methods_help, methods_of, taken_out
from llamita._cli.models import documents, open_classifier, open_foreseeing, test_task
from llamita.core.errors import UserError, require
from llamita.core.registry import Entry, build

if TYPE_CHECKING:
    from llamita.core.engine import Engine
    from llamita.core.measure import Finding
    from llamita.core.task import Task

log = logging.getLogger(__name__)


def evaluate(argv: Sequence[str]) -> int:
    """Quality, calibration and size, and timings with --cost, in one table."""
    parser = flags.Parser("evaluate", "Measure a model or an exported folder on labelled texts.")
    flags.add_model(parser)
    flags.add_data(parser)
    parser.add("--cost", action="store_true", help="also latency, throughput and memory; takes a minute")
    parser.add("--against", metavar="TEACHER", help="also the paired difference to this model, and how far both agree")
    add_gate(parser, "accuracy<0.9")
    flags.add_asking(parser)
    flags.add_machine(parser)
    flags.add_precision(parser)
    flags.add_json(parser)
    args = parser.read(argv)
    if args.task == "chat":
        return _evaluate_answers(args)
    given = ["quality", *(["calibration"] if args.task != "language" else [])]
    given += ["agreement"] if args.against and args.task != "language" else []
    given += ["cost"] if args.cost else []
    check_gates(args, given, "evaluate")
    _require_here(args, args.cost)
    engine, teacher, task = _opened(args)
    check_gates(args, given, "evaluate", _kind(args, task))
    wanted = ["measure.quality", *(["measure.calibration"] if task.labels else [])]
    wanted += ["measure.agreement"] if teacher and task.labels else []
    require(bool(task.labels) or not args.cost, "--cost times a classifier; leave it out with --task language")
    wanted += ["measure.cost"] if args.cost else []
    engines = [engine, *([teacher] if teacher else [])]
    findings = measured(args, engines, _named(args), task, [build(name) for name in wanted])
    if not args.cost:
        findings += sizes(args, engine, args.model)
    return told(args, args.model, findings, title=f"{args.model} · {args.data}")


def _evaluate_answers(args: argparse.Namespace) -> int:
    """How likely a language model finds the answers of dialogues."""
    for flag in ("cost", "labels", "few_shot", "calibrate"):
        if getattr(args, flag):
            raise UserError(f"--{flag.replace('_', '-')} is about labels, and dialogues have none; leave it out")
    check_gates(args, ["quality"], "evaluate")
    engine, teacher, task = _opened(args)
    engines = [engine, *([teacher] if teacher else [])]
    findings = measured(args, engines, _named(args), task, [build("measure.quality")])
    findings += sizes(args, engine, args.model)
    return told(args, args.model, findings, title=f"{args.model} · {args.data}")


def measure(argv: Sequence[str]) -> int:
    """One measure with its settings."""
    if argv and argv[0] in ("-h", "--help"):
        print(methods_help("measure", "llamita measure METHOD MODEL --data FILE"))
        return 0
    entry = chosen_method(argv, "measure", "llamita measure")
    short = entry.name.split(".")[1]
    parser = flags.Parser(f"measure {short}", entry.summary)
    return one_measure(parser, entry, argv[1:])


def attack(argv: Sequence[str]) -> int:
    """Accuracy when the texts are disturbed."""
    method, rest = taken_out(argv, "--method", "noise")
    entry = chosen_method([method], "attack", "--method")
    parser = flags.Parser("attack", f"{entry.summary} Methods: --method {' | '.join(methods_of('attack'))}.")
    return one_measure(parser, entry, rest)


def one_measure(parser: flags.Parser, entry: Entry, argv: Sequence[str]) -> int:
    """`llamita measure NAME`, `attack` and the like: one measure of one model, printed."""
    flags.add_model(parser)
    flags.add_settings(parser, entry)
    flags.add_data(parser)
    parser.add("--against", metavar="TEACHER", help="a model to hold this one against")
    add_gate(parser, EXAMPLES.get(entry.name, "accuracy<0.9"))
    flags.add_asking(parser)
    flags.add_machine(parser)
    flags.add_precision(parser)
    flags.add_json(parser)
    args = parser.read(argv)
    method = build(entry.name, flags.settings_from(args, entry))
    findings = _unfolded(taken(args, entry, method, parser.prog))
    written = entry.name == "measure.samples"
    code = told(args, args.model, findings, title=f"{entry.name} · {args.model} · {args.data}", with_rows=written)
    for row in findings[0].rows if written and not args.json else ():
        print(f"\n{harmless(str(row['text']))}")
    return code


def taken(args: argparse.Namespace, entry: Entry, method: Any, program: str) -> list[Finding]:
    """The findings of one measure, once it is known that it fits what was asked for."""
    rooms, verb = [entry.name.removeprefix("measure.").split(".")[0]], program.removeprefix("llamita ")
    check_gates(args, rooms, verb)
    if args.task == "chat" and entry.name != "measure.quality":
        raise UserError("dialogues have no labels; measure them with: llamita evaluate MODEL --task chat --data FILE")
    if entry.name == "measure.agreement" and not args.against:
        raise UserError("agreement with whom? Name the teacher: --against TEACHER")
    require(
        not args.against or method.compares,
        f"{program} is about one model; leave --against out",
    )
    require(
        args.task != "language" or entry.name in ("measure.quality", "measure.samples"),
        f"{program} is for labels; of --task language there are: llamita measure quality, llamita measure samples",
    )
    _require_here(args, entry.name == "measure.cost")
    engine, teacher, task = _opened(args)
    check_gates(args, rooms, verb, _kind(args, task))
    return measured(args, [engine, *([teacher] if teacher else [])], _named(args), task, [method])


def _require_here(args: argparse.Namespace, timed: bool) -> None:
    """Refuse to time or weigh a server: what it takes says nothing of this machine."""
    from llamita.tasks.endpoint import is_endpoint

    require(
        not (timed and is_endpoint(args.model)),
        f"cost is about a model on this machine, and {args.model} is a server; its quality and calibration can be measured",
    )


def _kind(args: argparse.Namespace, task: Task) -> str:
    """The task whose scores there will be: a model of several labels has those of multilabel."""
    return args.task if args.task in ("chat", "language") else task.answers.task


def _named(args: argparse.Namespace) -> list[str]:
    """What the command line calls the models."""
    return [args.model, *([args.against] if args.against else [])]


def _opened(args: argparse.Namespace) -> tuple[Engine, Engine | None, Task]:
    if args.task in ("chat", "language"):
        given = [name for name in ("labels", "prompt", "few_shot", "shots", "calibrate") if getattr(args, name, None)]
        for flag in (*(name.replace("_", "-") for name in given), *switches(args)):
            raise UserError(f"--{flag} doesn't go with --task {args.task}; leave it out")
    if args.task == "chat":
        from llamita._cli.chat import open_speaker

        engine, teacher = (open_speaker(model, args) if model else None for model in (args.model, args.against))
        assert engine is not None
        return engine, teacher, dialogues(args)
    if args.task == "language":
        engine, teacher = (open_foreseeing(model, args) if model else None for model in (args.model, args.against))
        assert engine is not None
        return engine, teacher, documents(args)
    if args.labels and (args.few_shot or args.calibrate or "{pair}" in (args.prompt or "")):
        from llamita.data.read import read_table

        args.table = read_table(args.data, columns=args.columns, labelled=True, one_label=True)
        args.about = args.table.texts
        require_pairs(args.table, args)
    engine = open_classifier(args.model, args.threads, args.precision, args)
    task = test_task(args, engine)
    _warn_of_little(task)
    return engine, open_classifier(args.against, args.threads, args.precision) if args.against else None, task


def dialogues(args: argparse.Namespace) -> Task:
    """Those of --data, to be measured on."""
    from llamita.tasks.chat import open_task

    task = open_task(test=args.data, columns=args.columns)
    if len(task.test) < FEW:
        log.warning("warning: %d dialogues are few; the intervals say how little they tell", len(task.test))
    return task


FEW = 100
"""Texts, below which a figure's interval spans twenty points and more at 70 %."""


def _warn_of_little(task: Task) -> None:
    """Say so when the texts can hardly tell one model from another."""
    present = {task.told_gold(task.test, i) for i in range(len(task.test))}
    if len(task.test) < FEW:
        log.warning("warning: few texts (%d); the intervals say how little they tell", len(task.test))
    if len(present) == 1:
        log.warning("warning: every text is labelled %r; how the others are told apart isn't seen", *present)


def told(
    args: argparse.Namespace, model: str, findings: Sequence[Finding], title: str, *, with_rows: bool = False
) -> int:
    """Print the findings, as JSON with the rows of the texts where they are wanted, then judge the gates."""
    found = {f.name: f.value for f in findings}
    reasons = {f.name.split(".")[-1]: f" (not measured: {f.reason})" for f in findings if f.value is None}
    failed = [
        f"{gate.text}{reasons.get(gate.name.split('.')[-1], '')}" for gate in args.fail_if if gate.holds_for(found)
    ]
    if args.json:
        shown = [f.to_dict() if with_rows else plain(f) for f in findings]
        show.print_json({"model": model, "data": args.data, "findings": shown, "failed": failed})
    else:
        show.findings_table([(model, findings), *_their_column(args, findings)], title)
        for text in failed:
            print(said(f"missed: {text}"))
    return 1 if failed else 0


def _unfolded(findings: Sequence[Finding]) -> list[Finding]:
    """With the accuracy on the texts as they are and the fall, which an attack's finding holds in its detail."""
    from llamita.core.measure import Finding

    found: list[Finding] = []
    for one in findings:
        if one.name.startswith("attack.") and "fall" in one.detail:
            place, n = one.name.rpartition(".")[0] + (".reference_" if ".reference_" in one.name else "."), one.n
            clean, fall, interval = (one.detail[key] for key in ("clean", "fall", "fall_interval"))
            shared: dict[str, Any] = {"unit": one.unit, "n": n, "command": one.command}
            found.append(Finding(name=f"{place}clean", value=clean, better="higher", **shared))
            found.append(one)
            found.append(Finding(name=f"{place}fall", value=fall, interval=interval, better="lower", **shared))
        else:
            found.append(one)
    return found


def _their_column(args: argparse.Namespace, findings: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    """The other model's own values of an attack."""
    theirs = [
        replace(f, name=f.name.replace(".reference_", ".")) for f in findings if f.name.startswith("attack.reference_")
    ]
    return [(args.against, theirs)] if theirs else []


def plain(finding: Finding) -> dict[str, Any]:
    """A finding without its rows, which hold the user's texts."""
    return {key: value for key, value in finding.to_dict().items() if key != "rows"}
