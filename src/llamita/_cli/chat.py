"""chat: talk to a language model in the terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from llamita._cli import parser as flags
from llamita._cli import values
from llamita._cli.harmless import harmless
from llamita._cli.language import said
from llamita._cli.models import can_chat, checked_texts
from llamita.core.decoding import Decoding
from llamita.core.errors import UserError

if TYPE_CHECKING:
    from llamita.core.engine import Engine

COMMANDS = "/reset forgets the dialogue, /exit or Ctrl-D ends, Ctrl-C stops an answer"


def chat(argv: Sequence[str]) -> int:
    """Questions in, answers out as they are written; from a pipe one question a line."""
    parser = flags.Parser("chat", f"Talk to a language model by its own chat template. {COMMANDS}.")
    flags.add_model(parser)
    parser.add("--system", metavar="TEXT", help="what the model is told before all else")
    add_decoding(parser)
    flags.add_machine(parser, seed=False)
    flags.add_precision(parser)
    args = parser.read(argv)
    how = decoding(args)
    start = [{"role": "system", "content": checked_texts([args.system])[0]}] if args.system else []
    engine = open_speaker(args.model, args)
    return Talk(engine, how, start).go_on()


def add_decoding(parser: flags.Parser) -> None:
    """How answers are chosen."""
    parser.add(
        "--max-tokens", type=values.positive, default=256, metavar="N", help="of an answer (default: %(default)s)"
    )
    parser.add(
        "--temperature",
        type=float,
        default=0.0,
        metavar="T",
        help="0: the likeliest token each time; else drawn (default: 0)",
    )
    parser.add("--top-p", type=float, default=1.0, metavar="P", help="draw among the likeliest that hold this share")
    parser.add("--seed", type=values.seed, default=0, help="of what is drawn (default: %(default)s)")


def decoding(args: argparse.Namespace) -> Decoding:
    """How answers are drawn, by the flags."""
    return Decoding(max_tokens=args.max_tokens, temperature=args.temperature, top_p=args.top_p, seed=args.seed)


def open_speaker(model: str, args: argparse.Namespace) -> Engine:
    """The engine of a MODEL argument; refused when it writes no text or has no chat template."""
    from llamita.core.opening import open_engine

    engine = open_engine(model, threads=args.threads, precision=getattr(args, "precision", "fp32"))
    if not can_chat(engine):
        lacks = "has no chat template" if "generation" in engine.capabilities else "writes no text"
        raise UserError(
            f"{model} {lacks}; chat takes a language model such as smollm2, or one from: llamita finetune MODEL --task chat"
            " --data dialogues.jsonl --out DIR"
        )
    return engine


class Talk:
    """A dialogue in the terminal."""

    def __init__(self, engine: Engine, how: Decoding, start: Sequence[dict[str, str]] = ()):
        self.engine, self.how, self.start = engine, how, list(start)
        self.messages = list(start)
        self.shows_prompt = sys.stdin.isatty()

    def go_on(self) -> int:
        """Until the input ends."""
        if self.shows_prompt:
            with suppress(ImportError):  # arrows and history, where the system has it
                import readline  # noqa: F401
            print(said(COMMANDS), file=sys.stderr)
        while True:
            try:
                asked = input("> " if self.shows_prompt else "").strip()
            except EOFError:
                return 0
            if asked in ("/exit", "/quit"):
                return 0
            if asked == "/reset":
                self.messages = list(self.start)
                print(said("forgotten"), file=sys.stderr)
            elif asked.startswith("/"):
                print(said(f"no command {asked.split()[0]!r}; {COMMANDS}"), file=sys.stderr)
            elif asked:
                self._try(asked)

    def _try(self, asked: str) -> None:
        """Answer; someone who types is told what can't be answered, and goes on with the dialogue as it was."""
        try:
            self.answer(checked_texts([asked])[0])
        except UserError as error:
            if not self.shows_prompt:
                raise
            print(said(str(error)), file=sys.stderr)

    def answer(self, asked: str) -> None:
        """Write an answer as it comes; one that is stopped is forgotten, with its question."""
        from llamita.core.chat import prompt_ids

        tokenizer: Any = self.engine.tokenizer  # type: ignore[attr-defined]
        question = [*self.messages, {"role": "user", "content": asked}]
        prompt = prompt_ids(tokenizer, question)
        shown = Shown(tokenizer, lambda text: print(harmless(text), end="", flush=True))
        try:
            (ids,) = self.engine.generate([prompt], self.how, shown.hear)
        except KeyboardInterrupt:
            if not self.shows_prompt:
                raise
            print(said(" … stopped"), flush=True)
            return
        print(harmless(shown.rest()), flush=True)
        told = tokenizer.decode(ids, skip_special_tokens=True).strip()
        self.messages = [*question, {"role": "assistant", "content": told}]


class Shown:
    """Tokens as text, piece by piece, never half a character."""

    def __init__(self, tokenizer: Any, write: Callable[[str], None]):
        self.tokenizer, self.write = tokenizer, write
        self.ids: list[int] = []
        self.text = ""

    def hear(self, token: int) -> None:
        self.ids.append(token)
        whole = self._decoded()
        if not whole.endswith("\ufffd"):
            self._add(whole)

    def rest(self) -> str:
        """What was held back."""
        return self._decoded()[len(self.text) :]

    def _decoded(self) -> str:
        return self.tokenizer.decode(self.ids, skip_special_tokens=True).lstrip()

    def _add(self, whole: str) -> None:
        self.write(whole[len(self.text) :])
        self.text = whole
