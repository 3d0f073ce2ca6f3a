"""pretrain: documents in, a language model out, with its loss curve, samples, and bits per byte on text it never saw."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llamita._cli import parser as flags
from llamita._cli import show, values
from llamita._cli.harmless import harmless
from llamita._cli.language import said
from llamita._cli.models import run_folder
from llamita.core import processes
from llamita.core.errors import UserError, require
from llamita.core.registry import Entry, build, entries

if TYPE_CHECKING:
    from llamita.core.report import Report


def pretrain(argv: Sequence[str]) -> int:
    """The same command goes on where it stopped."""
    entry = entries()["learn.pretrain"]
    args = _parser(entry).read(argv)
    from llamita.core.recipe import Recipe
    from llamita.run import execute

    settings = flags.settings_from(args, entry)
    model = sized(args.model, settings)
    out, step = run_folder(args.out), build(entry.name, settings)
    task = {
        "train": weighted(args.data),
        "test": args.test,
        "select": args.select,
        "columns": args.columns,
        "seed": args.seed,
    }
    recipe = Recipe(
        model=model, task={"language": {key: value for key, value in task.items() if value is not None}},
        steps=(step,), measures=(build("measure.quality"), build("measure.samples")),
        measure_each=not args.model.startswith("config:"), seed=args.seed,
    )  # fmt: skip
    report = execute(
        recipe, out, threads=args.threads, device=args.device, command=shlex.join(["llamita", "pretrain", *argv]),
        language=args.language, track=args.track, compile=args.compile,
    )  # fmt: skip
    if not processes.is_first():
        return 0
    _show(report, args, out)
    return 0


def _parser(entry: Entry) -> flags.Parser:
    parser = flags.Parser(
        "pretrain", f"{entry.summary} MODEL: a folder, or config:FAMILY:SIZE[:PIECES] for fresh weights."
    )
    flags.add_model(parser)
    flags.add_settings(parser, entry)
    parser.add(
        "--data", metavar="FILE", nargs="+", required=True,
        help="files, folders or patterns; FILE=0.5 reads half of its documents in an epoch",
    )  # fmt: skip
    parser.add("--test", metavar="FILE", help="documents touched once, at the end (else a twentieth of --data)")
    parser.add(
        "--select", type=values.share_or_file, metavar="FILE|SHARE",
        help="documents to watch the training and to stop it early by, or a share of --data (else none)",
    )  # fmt: skip
    parser.add("--columns", type=values.columns, metavar="text=review", help="what is guessed wrongly in tables")
    parser.add("--out", metavar="DIR", required=True, help="the run's folder")
    flags.add_machine(parser)
    flags.add_device(parser)
    flags.add_track(parser)
    flags.add_compile(parser)
    flags.add_json(parser)
    return parser


def _show(report: Report, args: argparse.Namespace, out: Path) -> None:
    """What was found and written, and where the page stands."""
    found = [f for f in report.subjects[-1].findings if f.name in ("samples.distinct", "samples.filled")]
    samples = [{key: row[key] for key in ("given", "text") if key in row} for f in found for row in f.rows]
    if args.json:
        found = [f.to_dict() | {"rows": []} for s in report.subjects for f in s.findings]
        texts = [sample["text"] for sample in samples]
        show.print_json({"findings": found, "samples": texts, "folder": str(out)})
        return
    show.findings_table([(s.name, s.findings) for s in report.subjects], ", ".join(args.data))
    for sample in samples:
        print("\n" + "\n→ ".join(map(harmless, sample.values())))
    print(said(f"page: {out / 'report.html'}"))


def sized(model: str, settings: dict[str, Any]) -> str:
    """Fresh weights are sized for the vocabulary that they are going to get: `pieces`, trained on the documents or not.

    Where no tokenizer is trained, `pieces` is taken out of the settings: it is the fresh model's.
    """
    from llamita.learn.pretrain import PIECES

    if not (model.startswith("config:") and model.count(":") == 2):
        return model
    trained = settings.get("tokenizer", "keep") != "keep"
    pieces = settings.get("pieces") if trained else settings.pop("pieces", None)
    pieces = pieces or (PIECES if trained else None)
    return f"{model}:{pieces}" if pieces else model


def weighted(named: Sequence[str]) -> Any:
    """Sources with their weights, where some have one."""
    found: dict[str, float] = {}
    for word in named:
        name, sign, weight = word.rpartition("=")
        if not sign or Path(word).expanduser().exists():
            name, weight = word, "1"
        require(name not in found, f"--data names {name} twice; give it a weight: {name}=2")
        try:
            found[name] = float(weight)
        except ValueError:
            raise UserError(
                f"--data {word}: what follows = is how often it is read in an epoch, got {weight!r}"
            ) from None
    return next(iter(found)) if len(found) == 1 and set(found.values()) == {1.0} else found
