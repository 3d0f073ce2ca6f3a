"""predict: labels and confidences, or a language model's answers, for texts, a file of any size, or a stream."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from llamita._cli import parser as flags
from llamita._cli import values
from llamita._cli.asking import labelled_table
from llamita._cli.given_texts import chunks_of
from llamita._cli.harmless import harmless
from llamita._cli.language import said
from llamita._cli.models import (
    answers_in_words,
    is_device,
    keeps_its_tokenizer,
    new_file,
    open_any,
    warn_of_unknown,
)
from llamita._cli.predictions import WRITERS, Teller, beside, cell
from llamita.core.errors import RefusedText, UserError

if TYPE_CHECKING:
    from llamita.core.engine import Engine
    from llamita.core.task import Text

log = logging.getLogger(__name__)
ANSWERED = 16
"""Texts a language model answers at a time."""
LONGEST = 256
"""Tokens of an answer, where --max-tokens doesn't say."""


def predict(argv: Sequence[str]) -> int:
    """Texts in, labels, confidences and probabilities out."""
    args = _parser().read(argv, rest="texts")
    args.out = None if args.out in ("-", "/dev/stdout") else args.out
    _check(args)
    form = args.format or _form_of(args)
    if args.keep and form == "table":
        raise UserError("--keep is for answers as CSV or JSON lines; add --out answers.csv, or --format csv")
    chunks = chunks_of(args)
    # what stands beside the texts must be of their kind, which is told before a model is opened
    first = list(islice(chunks, 1)) if args.labelled or args.labels else []
    args.about = first[0][0] if first else ()
    engine = open_any(args.model, args.threads, asked=args)
    if not args.labels and answers_in_words(engine):
        _answer_all(args, engine, form)
        return 0
    if args.max_tokens is not None:
        raise UserError(f"--max-tokens is about answers in words, and {args.model} gives labels here; leave it out")
    with _output(args.out) as stream:
        write = WRITERS[form](stream, Teller(engine, _threshold(args, engine, args.about)))
        warned, cut = False, 0
        for texts, kept, place in chain(first, chunks):
            warned = warned or warn_of_unknown(engine, texts)
            with _by_row(place):
                scores = engine.scores(list(texts))
            write(texts, scores, kept)
            cut += 0 if keeps_its_tokenizer(engine) else engine.num_cut(texts)
    if cut:
        log.warning(
            "warning: the model reads %d tokens, and texts that are longer were cut at their end: %d",
            engine.encoder.max_length, cut,
        )  # fmt: skip
    if args.out:
        print(said(f"written: {args.out}"), file=sys.stderr)
    return 0


def _parser() -> flags.Parser:
    parser = flags.Parser(
        "predict", "Label texts. Without texts and without --file, one text a line is read from stdin."
    )
    flags.add_model(parser)
    parser.add("texts", nargs="*", default=[], metavar="TEXT", help='texts; "-" reads one text a line from stdin')
    parser.add("--pair", metavar="TEXT", help="the second text, when the model compares two")
    parser.add("--file", metavar="FILE", help="CSV, TSV, JSONL, JSON, Parquet, or .txt with one text a line")
    parser.add(
        "--columns", type=values.columns, metavar="text=review,label=stars",
        help="what is guessed wrongly in --file, and in the labelled files that have such columns",
    )  # fmt: skip
    flags.add_label_names(parser)
    parser.add(
        "--keep", type=values.names, metavar="ID,DATE",
        help="columns of --file that stand beside the answers, too; all: every one (a name that ours has gets _given behind it)",
    )  # fmt: skip
    parser.add("--encoding", metavar="NAME", help="of files or stdin that aren't UTF-8, such as gb18030")
    parser.add(
        "--format",
        choices=("table", "csv", "jsonl"),
        help="default: by --out's ending; a table on a terminal; else CSV",
    )
    parser.add("--out", metavar="FILE", help="write here instead of printing; whole or not at all (-: print)")
    parser.add(
        "--coverage", type=values.share, metavar="SHARE",
        help="also the set of labels that holds the right one this often, such as 0.9; of several this share",
    )  # fmt: skip
    parser.add(
        "--labelled", metavar="FILE",
        help="for --coverage: some hundreds of labelled texts that the model didn't learn from, in place of those that it was"
        " calibrated on",
    )  # fmt: skip
    flags.add_asking(parser)
    parser.add(
        "--multi-label", action="store_true",
        help="with --labels and a model of inference: a text may have several labels or none, each judged by itself",
    )  # fmt: skip
    flags.add_machine(parser, seed=False)
    parser.add(
        "--max-tokens", type=values.positive, metavar="N",
        help=f"of a language model's answer, where no labels are named (default: {LONGEST})",
    )  # fmt: skip
    return parser


def _answer_all(args: argparse.Namespace, engine: Engine, form: str) -> None:
    """What a language model answers to each text, asked by itself."""
    from llamita.core.decoding import Decoding
    from llamita.data.write import row_writer

    if args.pair is not None or args.coverage is not None:
        raise UserError(f"{args.model} answers in words; --pair, --coverage and --labelled are for models with labels")
    how = Decoding(max_tokens=args.max_tokens or LONGEST)
    with _output(args.out) as stream:
        write_row = row_writer(stream)
        headed, before = False, 0
        for texts, kept, place in chunks_of(args):
            plain = [" ".join(text) if isinstance(text, tuple) else text for text in texts]
            for start in range(0, len(plain), ANSWERED):
                some = plain[start : start + ANSWERED]
                with _by_row(place, start):
                    _check_room(engine, some, before)
                before += len(some)
                answers = engine.chat_all([[{"role": "user", "content": text}] for text in some], how)
                for at, (text, answer) in enumerate(zip(some, answers, strict=True), start):
                    record = beside(kept[at] if kept else {}) | {"text": text, "answer": answer}
                    if form == "csv":
                        if not headed:
                            write_row(list(record))
                        headed = True
                        write_row(list(map(cell, record.values())))
                    elif form == "jsonl":
                        stream.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
                    else:
                        stream.write(harmless(answer) + "\n")
                stream.flush()
    if args.out:
        print(said(f"written: {args.out}"), file=sys.stderr)


def _check_room(engine: Engine, texts: Sequence[str], before: int) -> None:
    """Refuse a text that leaves no room for an answer by its number among all; one by itself needs none."""
    from llamita.core.chat import prompt_ids

    held: Any = engine
    for number, text in enumerate(texts, before + 1) if before or len(texts) > 1 else ():
        taken, most = len(prompt_ids(held.tokenizer, [{"role": "user", "content": text}])), held.max_length
        if taken >= most:
            raise RefusedText(
                f"prompt {number} takes {taken} of the model's {most} tokens; shorten it", number - before - 1
            )


@contextmanager
def _by_row(place: Callable[[int], str] | None, start: int = 0) -> Generator[None]:
    """What is said of one of the texts, from the row `start` on, begins with its file and line, where they come from a file."""
    try:
        yield
    except RefusedText as refused:
        if place is None:
            raise
        raise UserError(f"{place(start + refused.index)}: {refused}") from None


def _check(args: argparse.Namespace) -> None:
    if args.file and args.texts:
        raise UserError("give texts or --file, not both")
    if not args.file and not args.texts and sys.stdin.isatty():
        raise UserError('give a text, --file FILE, or pipe texts in. For example: llamita predict MODEL "a text"')
    if args.pair is not None and (len(args.texts) != 1 or args.texts == ["-"]):
        raise UserError("--pair goes with one TEXT; put many pairs in a file with two columns")
    if args.keep and not args.file:
        raise UserError("--keep names columns of --file")
    labelled = args.labelled or args.few_shot or args.calibrate
    if args.label_names and not labelled:
        raise UserError("--label-names is about labelled texts: --labelled, --few-shot or --calibrate; leave it out")
    if args.columns and not (args.file or labelled):
        raise UserError("--columns names columns of --file")
    if args.encoding and args.texts and args.texts != ["-"]:
        raise UserError("--encoding is for --file and stdin")
    if args.labelled and args.coverage is None:
        raise UserError("--labelled is what --coverage draws sets of labels from; add --coverage 0.9, or leave it out")
    if args.labels and args.coverage is not None and not args.labelled:
        raise UserError(
            "--coverage of a model that is asked for labels needs some hundreds of labelled texts: --labelled FILE"
        )
    if args.out:
        new_file(args.out)
        if Path(args.out).expanduser().resolve() in _read_files(args):
            raise UserError("--out names a file that is read; choose another")


def _read_files(args: argparse.Namespace) -> set[Path]:
    """All files that the command reads."""
    from llamita.data.files import Labelled, files_of

    found: set[Path] = set()
    for named in (args.file, args.labelled, args.few_shot, args.calibrate):
        if named:
            files = files_of(named)
            paths = [path for path, _ in files.files] if isinstance(files, Labelled) else files
            found |= {path.expanduser().resolve() for path in paths}
    return found


def _threshold(args: argparse.Namespace, engine: Engine, texts: Sequence[Text]) -> float | None:
    """The least probability of a label in a set for texts like these; None where no sets are asked for."""
    if args.coverage is None:
        return None
    from llamita.core.conformal import threshold_of

    return threshold_of(engine, labelled_table(args.labelled, args), args.coverage, texts)


def _form_of(args: argparse.Namespace) -> str:
    if args.out:
        suffix = Path(args.out).suffix.lower()
        if suffix in (".jsonl", ".ndjson"):
            return "jsonl"
        if suffix not in (".csv", ""):
            raise UserError(f"--out {args.out}: predictions are written as .csv or .jsonl; name one, or give --format")
        return "csv"
    return "table" if sys.stdout.isatty() else "csv"


@contextmanager
def _output(out: str | None) -> Generator[IO[str]]:
    """Standard output, or a file that gets its name when everything is in it."""
    if out is None:
        yield sys.stdout
        return
    path = Path(out).expanduser()
    if is_device(path):
        with path.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        return
    from llamita.core.whole import whole_file

    path = path.resolve()
    with whole_file(path, shared=True) as part, part.open("w", encoding="utf-8", newline="") as stream:
        yield stream
