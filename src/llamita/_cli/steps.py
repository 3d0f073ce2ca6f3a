"""Single steps: any method of prune, distill, learn … on one model."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from llamita._cli import parser as flags
from llamita._cli import show
from llamita._cli.language import said
from llamita._cli.methods import methods_help, methods_of
from llamita._cli.models import new_folder, stages_beside
from llamita.core.errors import UserError, did_you_mean, require
from llamita.core.registry import Entry, build, entries, name_of

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from llamita.tasks.chat import Chat
    from llamita.workshop import Stage, Workshop


def step(place: str, argv: Sequence[str]) -> int:
    """Carry out one step; `place` is a method such as learn.finetune, or a folder whose method is the next word."""
    if "." not in place:
        if argv and argv[0] in ("-h", "--help"):
            print(methods_help(place, f"llamita {place} METHOD MODEL … --out DIR"))
            return 0
        place, argv = _method(place, argv), argv[1:]
    entry = entries()[place]
    verb = place.removeprefix("learn.").replace(".", " ")
    args = _parser(verb, entry).read(argv)
    method = build(entry.name, flags.settings_from(args, entry))
    if args.teacher and not method.needs_teacher:
        raise UserError(f"--teacher: {entry.name} learns from no teacher; leave it out")
    out = new_folder(args.out)
    return _apply(args, method, out)


CALIBRATING = ("learn.calibrate", "distill.temperature")
"""Steps that change what a model is sure of and hardly what it answers."""
OF_LABELS = ("learn.finetune", "learn.contrastive", "learn.calibrate")
"""Steps that learn from labelled texts alone."""


def _method(room: str, argv: Sequence[str]) -> str:
    known = methods_of(room)
    if not argv or argv[0] not in known:
        if not argv:
            raise UserError(f"llamita {room} takes a method: {', '.join(known)}. See `llamita list {room}`.")
        listed, hint = ", ".join(known), did_you_mean(argv[0], known)
        raise UserError(f"llamita {room} takes a method: {listed}, got {argv[0]!r}.{hint} See `llamita list {room}`.")
    return f"{room}.{argv[0]}"


def _parser(verb: str, entry: Entry) -> flags.Parser:
    parser = flags.Parser(verb, entry.summary)
    flags.add_model(parser)
    flags.add_settings(parser, entry)
    flags.add_data(parser, required=False, training=True)
    parser.add("--teacher", metavar="MODEL", help="the model to learn from, where the method does")
    parser.add("--out", metavar="DIR", required=True, help="a new folder for the model")
    flags.add_track(parser)
    flags.add_compile(parser)
    flags.add_machine(parser)
    flags.add_device(parser)
    return parser


def _apply(args: argparse.Namespace, method: object, out: Path) -> int:
    from llamita.core.exporter import folder_bytes
    from llamita.core.hardware import chosen_device
    from llamita.core.store import Store
    from llamita.core.task import Worded
    from llamita.run import deliver
    from llamita.subjects import METRICS
    from llamita.workshop import Workshop, open_task, set_threads

    if args.track:
        from llamita.train.track import check_tracker

        check_tracker(args.track)
    given = {"train": args.data, "test": args.test, "unlabelled": args.unlabelled, "columns": args.columns}
    given |= {"labels": args.labels, "seed": args.seed, "select": args.select}
    if getattr(method, "learns_from_few", False):
        require(
            args.select is None, "a step for few texts learns from all of them and chooses nothing; leave --select out"
        )
        given |= {"test": args.test or [], "select": 0.0}
    named = ("test", "select", "unlabelled", "labels")
    alone = [f"--{flag}" for flag in named if getattr(args, flag) not in (None, "")]
    if (alone or args.columns) and not args.data:
        raise UserError(f"{[*alone, flags.columns_flag(args)][0]} goes with --data FILE")
    require(
        not args.unlabelled or name_of(method) not in OF_LABELS,  # type: ignore[arg-type]
        "a step that learns from labels reads no other texts; leave --unlabelled out",
    )
    task = open_task({args.task: {k: v for k, v in given.items() if v is not None}}) if args.data else None
    with stages_beside(out, resumable=True) as work:
        shop = Workshop(
            store=Store(folder=work),
            task=task,
            threads=set_threads(args.threads),
            seed=args.seed,
            device=chosen_device(args.device, to_train=True),
            track=args.track,
            compile=args.compile,
        )
        teacher = shop.start(args.teacher) if args.teacher else None
        before = shop.start(args.model)
        after = shop.apply(before, method, teacher)  # type: ignore[arg-type]
        after = _calibrated_again(shop, before, after, name_of(method))  # type: ignore[arg-type]
        if isinstance(task, Worded) and len(task.test):
            _tell_before_and_after(shop, task, before, after)
        elif task is not None and len(task.test):
            fitted = name_of(method) in CALIBRATING  # type: ignore[arg-type]
            _tell_scores(shop, before, after, ("quality", "calibration") if fitted else ("quality",))
        deliver(after, out, keep=(METRICS,))
    print(said(f"written: {out} ({show.bytes_text(folder_bytes(out))})"))
    return 0


def _calibrated_again(shop: Workshop, before: Stage, after: Stage, step: str) -> Stage:
    """As a recipe does: the model after a step that cuts a calibrated one, with the same calibration anew."""
    from llamita.core.task import label_order
    from llamita.subjects import CALIBRATES, lineage_of
    from llamita.workshop import TRAINING

    fitted = None
    for made in lineage_of(before):
        fitted = made if made["step"] == CALIBRATES else None if made["step"].startswith(TRAINING) else fitted
    if fitted is None or step.startswith(TRAINING):
        return after
    task, calibration = shop.task, build(CALIBRATES, fitted["settings"])
    knows = task is not None and task.labels and label_order(shop.open(before).labels, task.labels) is not None
    if task is None or not knows or not len(task.select) or calibration.labelled:  # type: ignore[attr-defined]
        log.warning("warning: %s changes a calibrated model; calibrate it again: llamita calibrate", step)
        return after
    log.info("%s changes a calibrated model: it is calibrated anew", step)
    return shop.apply(after, calibration)  # type: ignore[arg-type]


def _tell_scores(shop: Workshop, before: Stage, after: Stage, measures: Sequence[str]) -> None:
    """These measures on the test split, before the step too where the model knew these labels; nothing of what has no labels."""
    from llamita.core.registry import build
    from llamita.core.task import label_order
    from llamita.measure.quality import one_answer

    task, columns = shop.task, []
    assert task is not None
    for title, stage in (("before", before), ("after", after)):
        engine = shop.open(stage)
        knew = bool(task.labels) and label_order(engine.labels, task.labels) is not None
        if knew and engine.answers.task == task.answers.task:
            columns.append((said(title), shop.measure(stage, [build(f"measure.{name}") for name in measures])))
    if columns:
        show.findings_table(columns, said(f"texts that were not trained on: {len(task.test):,}"))
        if remark := one_answer(after.name, columns[-1][1]):
            log.warning("warning: %s", remark)


def _tell_before_and_after(shop: Workshop, task: Chat, before: Stage, after: Stage) -> None:
    """The task's scores on texts that weren't trained on; the model as it came is asked with the template it has now."""
    columns = []
    for title, stage in (("before", before), ("after", after)):
        engine = shop.open(stage, "auto")
        if title == "before" and not engine.tokenizer.chat_template:  # type: ignore[attr-defined]
            engine.tokenizer.chat_template = shop.open(after).tokenizer.chat_template  # type: ignore[attr-defined]
        columns.append((said(title), task.measured(engine, task.test)))
    show.findings_table(columns, said(f"{len(task.test)} dialogues that were not trained on"))
