"""explain: which words spoke for the answer, coloured."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llamita._cli import parser as flags
from llamita._cli import show
from llamita._cli.gates import EXAMPLES, add_gate
from llamita._cli.harmless import harmless
from llamita._cli.judge import taken, told
from llamita._cli.language import said
from llamita._cli.methods import chosen_method, methods_of, taken_out
from llamita._cli.models import bare_task, checked_texts, new_page, open_classifier, scratch_run, warn_of_unknown
from llamita.core.errors import UserError
from llamita.core.registry import Entry, build
from llamita.explain._colours import coloured, gap_after, mixed, strengths

if TYPE_CHECKING:
    from llamita.core.task import Text


Shown = Sequence[tuple[str, Sequence[dict[str, Any]]]]
"""Models, each with what it says of the same texts."""


def explain(argv: Sequence[str]) -> int:
    """Colour the words of texts by what they did for the model's answer."""
    method, rest = taken_out(argv, "--method", "occlusion")
    entry = chosen_method([method], "explain", "--method")
    parser = _parser(entry)
    args = parser.read(rest, rest="texts")
    _check(args)
    page = new_page(args.html, "why.html") if args.html else None
    if args.data:
        return _explain_file(args, entry, page, parser.prog)
    given = checked_texts([*args.texts, *([args.pair] if args.pair is not None else [])])
    found = _explained(args, entry, [(given[0], given[1])] if args.pair is not None else given)
    if page:
        _write_page(page, found, args.language)
    if args.json:
        show.print_json([{"model": model, **row} for model, rows in found for row in rows])
    else:
        _print(found, page)
    return 0


def _parser(entry: Entry) -> flags.Parser:
    parser = flags.Parser("explain", f"{entry.summary} Methods: --method {' | '.join(methods_of('explain'))}.")
    flags.add_model(parser)
    parser.add("texts", nargs="*", default=[], metavar="TEXT", help="one text or more")
    parser.add("--data", metavar="FILE", help="in place of TEXT: some examples of a file, and how far --against agrees")
    parser.add("--pair", metavar="TEXT", help="the second text, when the model compares two")
    parser.add("--against", metavar="TEACHER", help="also why this model says what it says")
    parser.add("--html", metavar="FILE", help="write a page of coloured words")
    flags.add_settings(parser, entry)
    flags.add_data(parser, required=False)
    add_gate(parser, EXAMPLES[entry.name])
    flags.add_asking(parser)
    flags.add_machine(parser)
    flags.add_precision(parser)
    flags.add_json(parser)
    return parser


def _check(args: argparse.Namespace) -> None:
    """Refuse what goes with a file where there is none, and the other way round."""
    if args.data:
        if args.texts or args.pair is not None:
            raise UserError("give texts or --data, not both")
        return
    if not args.texts:
        raise UserError('give a text: llamita explain MODEL "a text"')
    if args.pair is not None and len(args.texts) != 1:
        raise UserError("--pair goes with one TEXT")
    named = flags.columns_flag(args)
    of_file = {
        "--examples": hasattr(args, "set_examples"),
        named: named and not (args.few_shot or args.calibrate),
        "--fail-if": args.fail_if,
        "--task": args.task != "classify",
    }
    alone = next((flag for flag, given in of_file.items() if given), None)
    if alone:
        raise UserError(f"{alone} goes with --data FILE")


def _explained(args: argparse.Namespace, entry: Entry, texts: Sequence[Text]) -> Shown:
    """What each model says of the texts, and why."""
    every = {"examples": len(texts)} if any(setting.name == "examples" for setting in entry.settings) else {}
    explainer = build(entry.name, flags.settings_from(args, entry) | every)
    args.about, found = texts, []
    for model in [args.model, *([args.against] if args.against else [])]:
        engine = open_classifier(model, args.threads, args.precision, args if model == args.model else None)
        warn_of_unknown(engine, texts)
        task = bare_task(engine, texts)
        with scratch_run(args, task) as run:
            findings = explainer.measure(engine, task, run)
        found.append((model, findings[0].rows))
    return found


def _explain_file(args: argparse.Namespace, entry: Entry, page: Path | None, program: str) -> int:
    """Some of a file's texts, and what the measure makes of all of them."""
    findings = taken(args, entry, build(entry.name, flags.settings_from(args, entry)), program)
    whose = {entry.name: args.model, entry.name.replace(".", ".reference_"): args.against}
    found = [(whose[f.name], f.rows) for f in findings if f.name in whose]
    if page:
        _write_page(page, found, args.language)
    if not args.json:
        _print(found, page)
    return told(args, args.model, findings, f"{entry.name} · {args.model} · {args.data}", with_rows=True)


def _print(found: Shown, page: Path | None) -> None:
    from rich.text import Text

    console = show.console()
    for i in range(len(found[0][1])):
        for model, rows in found:
            row = rows[i]
            line = Text()
            line.append(
                harmless(f"{model}: {row['predicted']} {100 * row['confidence']:.1f} %{_right(row)}  "), style="bold"
            )
            for word, score, strength in strengths(row["words"], row["scores"]):
                style = f"on rgb({mixed(strength)})" if console.is_terminal else ""
                word = harmless(word)
                shown = word if console.is_terminal else f"{word}[{score:+.2f}]"
                line.append(Text(shown, style=f"black {style}" if style and abs(strength) > 0.15 else ""))
                line.append(gap_after(word) if console.is_terminal else " ")
            console.print(line, soft_wrap=True)
    if console.is_terminal:
        print(said("blue spoke for the answer, orange against it"))
    else:
        print(said("+ spoke for the answer, − against it"))
    if page:
        print(said(f"page: {page}"))


def _right(row: dict[str, Any]) -> str:
    """The label that a text has, where the answer is another."""
    gold = row.get("label")
    return f" ({said('labelled')}: {gold})" if gold and gold != row["predicted"] else ""


STYLE = """body { font: 1.05rem/1.9 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
body { color: #111; background: #fff } span { border-radius: .2em; padding: .1em .15em } h2 { font-size: 1rem }"""
HEAD = """<!doctype html>
<html lang="{code}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
<h1>{title}</h1>
<p>{lead}</p>"""


def _write_page(page: Path, found: Shown, language: str) -> None:
    """A page that stands alone: no script, no font, no network."""
    from html import escape

    from llamita.core.whole import write_whole
    from llamita.pages.strings import words

    told, code = words(language), "zh-Hans" if language == "zh" else "en"
    parts = [HEAD.format(code=code, title=told["why_title"], style=STYLE, lead=told["why_lead"])]
    for i in range(len(found[0][1])):
        for model, rows in found:
            row = rows[i]
            parts.append(
                f"<h2>{escape(model)}: {escape(row['predicted'])}, {100 * row['confidence']:.1f} %{escape(_right(row))}</h2>"
            )
            parts.append(coloured(row["words"], row["scores"]))
    write_whole(page, "\n".join(parts) + "</html>\n")
