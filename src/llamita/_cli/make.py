"""Verbs that make models: lighten, demo, run, export."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from llamita._cli import parser as flags
from llamita._cli import show, values
from llamita._cli.harmless import harmless
from llamita._cli.language import said
from llamita._cli.methods import taken_out
from llamita._cli.models import new_folder, run_folder, stages_beside
from llamita.core.command import quoted
from llamita.core.errors import UserError, did_you_mean
from llamita.core.registry import entries

if TYPE_CHECKING:
    from llamita.core.measure import Finding
    from llamita.core.report import Goal, Report
    from llamita.data.table import Table

KEEP_HELP = "share of the teacher's accuracy to keep (default: %(default)s)"


def lighten(argv: Sequence[str]) -> int:
    """Data and goals in, a light model and its page out."""
    parser = flags.Parser("lighten", "Make a light model of a large one on your texts, and prove it.")
    flags.add_model(parser, nargs="?")
    flags.add_unlabelled(parser)
    flags.add_data(parser, training=True)
    parser.add("--keep", type=values.number, default=0.99, metavar="0.99", help=KEEP_HELP)
    parser.add("--max-size", type=values.size, metavar="20MB", help="of the folder to deploy, tokenizer included")
    parser.add(
        "--max-latency", type=values.latency, metavar="5ms", help="p95, one text at a time, string in, label out"
    )
    parser.add("--minutes", type=values.number, default=15, metavar="15", help="about how long it may take")
    parser.add(
        "--students",
        type=values.names_or_none,
        metavar="A,B",
        help="other models that students may be cut from; none: the teacher alone",
    )
    parser.add("--out", metavar="DIR", help="the run's folder (default: light- and the name of --data)")
    parser.add("--redact", action="store_true", help="leave the texts out of the page")
    flags.add_machine(parser)
    flags.add_device(parser)
    flags.add_json(parser)
    args = parser.read(argv)
    from llamita.inputs import default_folder
    from llamita.lighten import lighten as carry_out

    out = run_folder(args.out or default_folder(args.data))
    shots = {} if args.shots is None else {"shots": args.shots}
    said_as_named = args.labels is not None and all(label == word for label, word in args.labels.items())
    report = carry_out(
        args.model, data=args.data, test=args.test, unlabelled=args.unlabelled, select=args.select,
        labels=tuple(args.labels) if said_as_named else args.labels,
        columns=args.columns, task=args.task, keep=args.keep, max_size=args.max_size, max_latency=args.max_latency,
        threads=args.threads,
        minutes=args.minutes, out=out, seed=args.seed, redact=args.redact, language=args.language,
        students=args.students, audit=_hand_labels(args, out), prompt=args.prompt,
        few_shot=args.few_shot, command=shlex.join(["llamita", "lighten", *argv]), device=args.device, prior=args.prior,
        per_token=args.per_token, **shots,
    )  # fmt: skip
    return _told(report, out, as_json=args.json, language=args.language)


def _hand_labels(args: argparse.Namespace, out: Path) -> str | Table | None:
    """The file of hand labels; or those asked for in the terminal, where that is wanted."""
    if args.audit != "ask":
        return args.audit
    from llamita._cli.hand_labels import ask_for_labels

    if not args.labels:
        raise UserError("--audit ask needs the labels to choose from: --labels good,bad")
    return ask_for_labels(args.data, args.labels, out / "audit.csv", columns=args.columns, seed=args.seed)


def demo(argv: Sequence[str]) -> int:
    """SmolLM2 and film reviews: the whole path in a quarter of an hour."""
    parser = flags.Parser("demo", "Make a light model of SmolLM2-135M for film reviews: the whole path on real parts.")
    parser.add("--minutes", type=values.number, default=15, metavar="15", help="about how long it may take")
    parser.add("--out", metavar="DIR", default="demo-light", help="default: %(default)s")
    flags.add_machine(parser)
    flags.add_device(parser)
    args = parser.read(argv)
    data = _examples()
    out = run_folder(args.out)
    from llamita.lighten import lighten as carry_out

    report = carry_out(
        "smollm2", data=str(data / "sst2_train.csv"), test=str(data / "sst2_validation.csv"), keep=0.98,
        max_size=12_000_000, minutes=args.minutes, out=out, threads=args.threads, seed=args.seed, teacher_floor=0.88,
        language=args.language, command=shlex.join(["llamita", "demo", *argv]), device=args.device,
    )  # fmt: skip
    return _told(report, out, language=args.language)


def run(argv: Sequence[str]) -> int:
    """A recipe, carried out in a folder; the same command resumes it."""
    from llamita.core.recipe import Recipe
    from llamita.core.recipe_file import read_yaml

    parser = flags.Parser("run", "Carry out a recipe. key=value changes it: seed=1, steps.0.keep=4.")
    parser.add("recipe", metavar="RECIPE.yaml")
    parser.add("overrides", nargs="*", default=[], metavar="key=value", help="what differs from the file")
    parser.add("--out", metavar="DIR", required=True, help="the run's folder")
    parser.add("--stages", metavar="DIR", help="a store of stages that runs share (default: DIR/stages)")
    flags.add_machine(parser, seed=False)
    flags.add_device(parser)
    flags.add_track(parser)
    flags.add_compile(parser)
    flags.add_json(parser)
    args = parser.read(argv, rest="overrides")
    path = Path(args.recipe).expanduser()
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a recipe (.yaml) in it")
    recipe = Recipe.from_yaml(path)
    if args.overrides:
        data = values.overridden(read_yaml(path), args.overrides)
        recipe = Recipe.from_dict(data, str(path))
    out = run_folder(args.out)
    from llamita.run import execute

    report = execute(
        recipe, out, stages=Path(args.stages).expanduser() if args.stages else None, threads=args.threads,
        command=shlex.join(["llamita", "run", *argv]), language=args.language, track=args.track, compile=args.compile,
        device=args.device,
    )  # fmt: skip
    return _told(report, out, as_json=args.json, language=args.language)


def export(argv: Sequence[str]) -> int:
    """An artifact of a model, checked against it."""
    target, rest = taken_out(argv, "--to", "onnx")
    known = [name.split(".")[1] for name, entry in entries().items() if entry.kind == "exporter"]
    if target not in known:
        raise UserError(f"--to takes {', '.join(known)}, got {target!r}.{did_you_mean(target, known)}")
    entry = entries()[f"export.{target}"]
    parser = flags.Parser("export", f"{entry.summary} Kinds: --to {' | '.join(known)}.")
    flags.add_model(parser)
    flags.add_settings(parser, entry)
    flags.add_data(parser, required=False)
    parser.add("--test", metavar="FILE", help="the test texts the model was made with, which are kept apart")
    flags.add_select(parser)
    parser.add("--out", metavar="DIR", required=True, help="a new folder for the exported model")
    flags.add_machine(parser)
    args = parser.read(rest)
    from llamita.core.exporter import folder_bytes
    from llamita.core.registry import build
    from llamita.core.store import Store
    from llamita.run import deliver
    from llamita.workshop import Workshop, open_task, set_threads

    method = build(entry.name, flags.settings_from(args, entry))
    out = new_folder(args.out)
    given = {"train": args.data, "test": args.test, "columns": args.columns, "select": args.select}
    for flag, value in ((flags.columns_flag(args), args.columns), ("--test", args.test), ("--select", args.select)):
        if value is not None and not args.data:
            raise UserError(f"{flag} goes with --data FILE")
    task = (
        open_task({args.task: {k: v for k, v in given.items() if v is not None} | {"seed": args.seed}})
        if args.data
        else None
    )
    with stages_beside(out, resumable=False) as work:
        shop = Workshop(store=Store(folder=work), task=task, threads=set_threads(args.threads), seed=args.seed)
        deliver(shop.export(shop.start(args.model), method), out)
    size = f"{_kept(out)}{show.bytes_text(folder_bytes(out))}"
    print(said(f'written: {out} ({size}). Try it: llamita predict {quoted(out)} "a text"'))
    return 0


def _kept(out: Path) -> str:
    """The precision an artifact came to, where it tells one."""
    from llamita.core.exporter import ARTIFACT_FILE

    about = json.loads((out / ARTIFACT_FILE).read_text(encoding="utf-8"))
    bits = ", weights of 4 bits" if about.get("bits") == 4 else ""
    return f"{about['precision']}{bits}, " if "precision" in about else ""


def _examples() -> Path:
    """The sample data of a checkout, which stays out of the package."""
    import llamita

    for root in (Path.cwd(), Path(llamita.__file__).resolve().parents[2]):
        if (root / "examples" / "data" / "sst2_train.csv").is_file():
            return root / "examples" / "data"
    raise UserError(
        "the demo's data (examples/data/sst2_train.csv) isn't here: call `llamita demo` in a checkout of llamita, or"
        " use your own texts: llamita lighten --data FILE"
    )


def _as_known(finding: Finding, report: Report) -> Finding:
    """A score under its right name: where nobody checked the teacher's labels it is agreement with it."""
    by = report.task.get("labelled_by")
    agreed = by is not None and not by["checked"] and finding.name == "quality.accuracy"
    return replace(finding, name="agreement with the teacher") if agreed else finding


def _told(report: Report, out: Path, *, as_json: bool = False, language: str = "en") -> int:
    """Print what came out; 1 when a goal was missed."""
    missed = [goal for goal in report.goals if not goal.met]
    if as_json:
        goals = [vars(goal) for goal in report.goals]
        show.print_json(
            {"out": str(out), "light": str(out / "light"), "report": str(out / "report.html"), "goals": goals}
        )
        return 1 if missed else 0
    roles = ("teacher", "teacher_int8", "light", "model")
    subjects = [subject for subject in report.subjects if subject.role in roles and subject.findings]
    names = (
        "quality.accuracy",
        "quality.micro_f1",
        "quality.macro_f1",
        "quality.bits_per_byte",
        "quality.perplexity",
        "cost.size_bytes",
        "cost.latency_p95_ms",
        "cost.throughput",
    )
    if subjects:
        named = [(s.name, [_as_known(f, report) for f in s.findings if f.name in names]) for s in subjects]
        show.findings_table(named, report.title)
    if report.subject("teacher") and report.subject("light"):
        from llamita.pages.report import first_line

        print(harmless(first_line(report, language)))
    for goal in report.goals:
        limit, value = _side_by_side(goal)
        word = "met" if goal.met else "missed"
        name = goal.name.replace("_", "-")
        print(said(f"goal {name} {limit}: {word}, {value}."), end="")
        print(f" {said(goal.advice.removesuffix('.') + '.')}" if goal.advice else "")
    print(said(f"model: {out / 'light'}"))
    print(said(f"page:  {out / 'report.html'}"))
    return 1 if missed else 0


def _side_by_side(goal: Goal) -> tuple[str, str]:
    """A goal's limit, and what was reached with its interval; a missed one with the digits that tell the two apart."""
    from llamita.pages.format import side_by_side

    if goal.value is None:
        return show.quantity(goal.limit, goal.unit), "not measured"
    limit, value = side_by_side(
        goal.limit, goal.value, lambda number, more=0: show.quantity(number, goal.unit, more=more), met=goal.met
    )
    bounds = ", ".join(show.quantity(bound, goal.unit, unit=False) for bound in goal.interval or ())
    return limit, f"{value} [{bounds}]" if bounds else value
