"""explain: which words spoke for the answer, coloured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llamita._cli import parser as flags
from llamita._cli import show
from llamita._cli.judge import _chosen_method, _methods, _taken_out, one_measure
from llamita._cli.language import said
from llamita._cli.models import bare_task, checked_texts, new_file, open_classifier, scratch_run, warn_of_unknown
from llamita.core.errors import UserError
from llamita.core.registry import build


def explain(argv: Sequence[str]) -> int:
    """Colour the words of texts by what they did for the model's answer."""
    method, rest = _taken_out(argv, "--method", "occlusion")
    entry = _chosen_method([method], "explain", "--method")
    parser = flags.Parser("explain", f"{entry.summary} Methods: --method {' | '.join(_methods('explain'))}.")
    if any(word.split("=")[0] == "--data" for word in rest):
        return one_measure(parser, entry, rest)
    flags.add_model(parser)
    parser.add("texts", nargs="*", default=[], metavar="TEXT", help="one text or more")
    parser.add("--data", metavar="FILE", help="in place of TEXT: some examples of a file, and how far --against agrees")
    parser.add("--pair", metavar="TEXT", help="the second text, when the model compares two")
    parser.add("--against", metavar="TEACHER", help="also why this model says what it says")
    parser.add("--html", metavar="FILE", help="write a page of coloured words")
    flags.add_settings(parser, entry, leave_out=("examples",))
    flags.add_asking(parser)
    flags.add_machine(parser)
    flags.add_json(parser)
    args = parser.read(rest, rest="texts")
    if not args.texts:
        raise UserError('give a text: llamita explain MODEL "a text"')
    if args.pair is not None and len(args.texts) != 1:
        raise UserError("--pair goes with one TEXT")
    page = new_file(args.html, "--html", "why.html") if args.html else None
    given = checked_texts([*args.texts, *([args.pair] if args.pair is not None else [])])
    texts = [(given[0], given[1])] if args.pair is not None else given
    every = {"examples": len(texts)} if any(setting.name == "examples" for setting in entry.settings) else {}
    explainer = build(entry.name, flags.settings_from(args, entry) | every)
    found: list[tuple[str, Sequence[dict[str, Any]]]] = []
    for model in [args.model, *([args.against] if args.against else [])]:
        engine = open_classifier(model, args.threads, asked=args if model == args.model else None)
        warn_of_unknown(engine, texts)
        task = bare_task(engine, texts)
        with scratch_run(args, task) as run:
            findings = explainer.measure(engine, task, run)
        found.append((model, findings[0].rows))
    if page:
        _write_page(page, found)
    if args.json:
        show.print_json([{"model": model, **row} for model, rows in found for row in rows])
    else:
        _print(found)
        print(said("blue spoke for the answer, orange against it"))
        if page:
            print(said(f"page: {page}"))
    return 0


def _print(found: Sequence[tuple[str, Sequence[dict[str, Any]]]]) -> None:
    from rich.text import Text

    console = show.console()
    for i in range(len(found[0][1])):
        for model, rows in found:
            row = rows[i]
            line = Text()
            line.append(f"{model}: {row['predicted']} {100 * row['confidence']:.1f} %  ", style="bold")
            for word, score, strength in _strengths(row):
                style = f"on rgb({_mix(strength)})" if console.is_terminal else ""
                shown = word if console.is_terminal else f"{word}[{score:+.2f}]"
                line.append(Text(shown, style=f"black {style}" if style and abs(strength) > 0.15 else ""))
                line.append("" if _is_han(word) and console.is_terminal else " ")
            console.print(line, soft_wrap=True)


def _strengths(row: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Words, scores, and scores as shares of the strongest."""
    top = max((abs(s) for s in row["scores"]), default=0.0) or 1.0
    return [(word, score, score / top) for word, score in zip(row["words"], row["scores"], strict=True)]


def _mix(strength: float) -> str:
    """Blue for what spoke for the answer, orange for what spoke against it, as on the report; paler when weaker."""
    pale = 1 - min(1.0, abs(strength))
    full = (140, 190, 255) if strength > 0 else (255, 180, 95)
    return ",".join(str(round(part + (255 - part) * pale)) for part in full)


def _is_han(word: str) -> bool:
    return bool(word) and all("\u2e80" <= c <= "\uffef" for c in word)


STYLE = """body { font: 1.05rem/1.9 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
body { color: #111; background: #fff } span { border-radius: .2em; padding: .1em .15em } h2 { font-size: 1rem }"""
HEAD = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Why the model says so</title>
<style>{STYLE}</style>
<h1>Why the model says so</h1>
<p>Blue words spoke for the answer, orange ones against it; a word's number is shown when you point at it.</p>"""


def _write_page(page: Path, found: Sequence[tuple[str, Sequence[dict[str, Any]]]]) -> None:
    """A page that stands alone: no script, no font, no network."""
    from html import escape

    from llamita.core.report import write_whole

    parts = [HEAD]
    for i in range(len(found[0][1])):
        for model, rows in found:
            row = rows[i]
            parts.append(f"<h2>{escape(model)}: {escape(row['predicted'])}, {100 * row['confidence']:.1f} %</h2><p>")
            for word, score, strength in _strengths(row):
                color = f"background:rgb({_mix(strength)})"
                gap = "" if _is_han(word) else " "
                parts.append(f'<span style="{color}" title="{score:+.3f}">{escape(word)}</span>{gap}')
            parts.append("</p>")
    write_whole(page, "\n".join(parts) + "</html>\n")
