"""Flags and arguments of one verb; every mistake is one line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import NoReturn

from llamita._cli import values
from llamita._cli.helping import HelpFormatter
from llamita._cli.language import said, spoken
from llamita.core.errors import UserError, did_you_mean
from llamita.core.messages import LANGUAGES
from llamita.core.registry import Entry, Setting, entries


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UserError and suggests the nearest flag."""

    def __init__(self, verb: str, description: str):
        super().__init__(
            prog=f"llamita {verb}", description=description, allow_abbrev=False,
            formatter_class=HelpFormatter,
        )  # fmt: skip
        self.add(
            "--language",
            choices=LANGUAGES,
            default=spoken(),
            help="of answers, errors, help and pages (default: %(default)s)",
        )

    def error(self, message: str) -> NoReturn:
        message = re.sub(r"^argument (-\w/)?", "", message).replace("the following arguments are required:", "give")
        message = re.sub(r"^((?:--)?[\w-]+): (must|knows)", r"\1 \2", message)
        message = message.removesuffix(".")
        if message.endswith("?"):
            raise UserError(f"{message} See `{self.prog} --help`.")
        raise UserError(f"{message}. See `{self.prog} --help`.")

    def add(self, *names: str, **settings: object) -> None:
        """Add an argument unless a flag of this name stands already (a method's own setting goes first)."""
        if not any(name in self._option_string_actions for name in names):
            self.add_argument(*names, **settings)  # type: ignore[arg-type]

    def read(self, argv: Sequence[str], rest: str | None = None) -> argparse.Namespace:
        """Parse; what is left over goes to the argument named `rest` if it isn't a flag, and is refused otherwise."""
        args, left = self.parse_known_args(self._joined(argv))
        flags = [name for name in self._option_string_actions if name.startswith("--")]
        for word in left:
            if word.startswith("-") and word != "-" and "--" not in argv:
                flag = word.split("=")[0]
                raise UserError(f"no flag {flag!r}.{did_you_mean(flag, flags)} See `{self.prog} --help`.")
        left = [word for word in left if word != "--"]
        if left and rest is None:
            raise UserError(f"too many arguments: {left[0]!r}. See `{self.prog} --help`.")
        if rest is not None:
            setattr(args, rest, [*getattr(args, rest), *left])
        _join_label_form(args)
        if getattr(args, "shots", None) and not args.few_shot:
            raise UserError("--shots says how many examples are shown; name their file: --few-shot FILE")
        return args

    def _joined(self, argv: Sequence[str]) -> list[str]:
        """A flag and a value such as -5ms as one word, so that the flag itself says what is wrong with it."""
        words: list[str] = []
        end = list(argv).index("--") if "--" in argv else len(argv)
        for i, word in enumerate(argv):
            action = self._option_string_actions.get(words[-1]) if words and i < end else None
            if action is not None and action.nargs is None and re.match(r"-\.?\d", word):
                words[-1] += f"={word}"
            else:
                words.append(word)
        return words


def _join_label_form(args: argparse.Namespace) -> None:
    from llamita.data.columns import NAMES
    from llamita.data.label_names import parsed

    more = {}
    if (task := getattr(args, "task", None)) in UNLABELLED and (flag := _label_flag(args)):
        raise UserError(f"--{flag} doesn't go with --task {task}; leave it out")
    if separator := getattr(args, "label_separator", None):
        more["separator"] = separator
    if named := getattr(args, "label_names", None):
        parsed(named)
        more[NAMES] = named
    if columns := getattr(args, "label_columns", None):
        more["labels"] = ",".join(columns)
        if len(columns) < 2:
            raise UserError(f"--label-columns must name two columns or more, got {columns[0]!r}")
    if more:
        args.columns = (args.columns or {}) | more


UNLABELLED = ("chat", "language")
"""Tasks whose texts have no labels."""


def _label_flag(args: argparse.Namespace) -> str:
    """The flag by which something was said of labels, where there is one."""
    names = ("label_names", "label_separator", "label_columns")
    return next((name.replace("_", "-") for name in names if getattr(args, name, None)), "")


def columns_flag(args: argparse.Namespace) -> str:
    """The flag by which something was said of columns or labels, all of which stands in `args.columns`."""
    flag = _label_flag(args) or ("columns" if args.columns else "")
    return f"--{flag}" if flag else ""


MODEL_HELP = "a folder, an exported folder, a .gguf file, a Hub id, or a packaged model (see `llamita doctor`)"


def add_model(parser: Parser, name: str = "model", **settings: object) -> None:
    """A MODEL argument."""
    parser.add(name, metavar=name.upper(), help=MODEL_HELP, **settings)


TEST_HELP = "labelled texts touched once, at the end (else a tenth of --data; of a step for few texts, such as contrastive, none)"


def add_data(parser: Parser, *, required: bool = True, training: bool = False) -> None:
    """--data and what goes with it; with training also the other splits."""
    what = "training texts (without labels: see --labels)" if training else "labelled texts"
    parser.add("--data", metavar="FILE", required=required, help=f"{what}: CSV, TSV, JSONL, JSON or Parquet")
    if training:
        parser.add("--test", metavar="FILE", help=TEST_HELP)
        add_select(parser)
        parser.add("--unlabelled", metavar="FILE", help="texts without labels, for a teacher to label")
        parser.add("--labels", type=values.names, metavar="A,B", help="label names in the order wanted")
    parser.add("--columns", type=values.columns, metavar="text=review,label=stars", help="what is guessed wrongly")
    add_label_form(parser)
    add_label_names(parser)
    tasks = [name.split(".")[1] for name, entry in entries().items() if entry.kind == "task"]
    parser.add("--task", default="classify", choices=tasks, help="default: %(default)s")


def add_select(parser: Parser) -> None:
    """--select."""
    parser.add(
        "--select", type=values.share_or_file, metavar="FILE|SHARE",
        help="labelled texts for choices, early stopping and temperature, or a share of --data (else a tenth of it)",
    )  # fmt: skip


def add_label_form(parser: Parser) -> None:
    """How several labels of one text stand; `Parser.read` puts it into --columns."""
    parser.add(
        "--label-separator", metavar="'|'", help="what stands between the labels of a text, where it isn't guessed"
    )
    parser.add("--label-columns", type=values.names, metavar="A,B", help="a column of 0 and 1 for each label")


def add_label_names(parser: Parser) -> None:
    """--label-names; `Parser.read` puts it into --columns."""
    parser.add(
        "--label-names",
        metavar="0=bad,1=good",
        help="what the labels are called; several may get one name (4=good,5=good)",
    )


def add_asking(parser: Parser) -> None:
    """What turns a language model, or a model of inference, into a classifier of other labels."""
    group = parser.add_argument_group(
        "a language model without a head for labels, such as smollm2, or a model of inference (entailment, contradiction)"
        " can be asked instead, and so can a server, http://HOST/v1#MODEL (key in OPENAI_API_KEY)"
    )
    group.add_argument(
        "--labels", type=values.labels, metavar="A,B", help="it chooses among these words; 1=good,0=bad says good for 1"
    )
    _add_question(
        group, "how it is asked: {text} is the text (default: Text: {text} Label:, or the same in Chinese); of a model of"
        " inference the sentence with {label} (default: This text is about {label}.)",
    )  # fmt: skip
    group.add_argument("--calibrate", metavar="FILE", help="labelled texts that its probabilities are fitted to")


def add_unlabelled(parser: Parser) -> None:
    """What goes with training texts that have no labels."""
    parser.add(
        "--labels", type=values.labels, metavar="A,B",
        help="label names in the order wanted; of texts without labels those the teacher is asked for (1=good says good for 1)",
    )  # fmt: skip
    group = parser.add_argument_group(
        "texts without labels: the teacher is asked; MODEL may also be a server, http://HOST/v1#MODEL (key in OPENAI_API_KEY)"
    )
    group.add_argument(
        "--audit",
        metavar="FILE|ask",
        help="up to 200 hand labels that calibrate the teacher and say how good it is; ask: here",
    )
    _add_question(group, "how it is asked; {text} is the text")


def _add_question(group: argparse._ArgumentGroup, prompt_help: str) -> None:
    """How a model is asked for labels, and what it is shown first."""
    group.add_argument("--prompt", type=values.prompt, metavar="TEXT", help=prompt_help)
    group.add_argument(
        "--few-shot", metavar="FILE", help="labelled texts, some of which a language model is shown first"
    )
    group.add_argument(
        "--shots", type=values.positive, metavar="N", help="how many of them, each label as often (default: 8)"
    )
    group.add_argument(
        "--prior", action=argparse.BooleanOptionalAction, default=None,
        help="take off what the model answers to an empty text (default: of language models yes, of models of inference no)",
    )  # fmt: skip
    group.add_argument(
        "--per-token", action=argparse.BooleanOptionalAction, default=None,
        help="of a language model: divide a label's log-probability by its tokens (default: yes)",
    )  # fmt: skip


def add_machine(parser: Parser, *, seed: bool = True) -> None:
    """--threads and --seed."""
    parser.add("--threads", type=values.threads, metavar="N", help="default: all cores this process may use")
    if seed:
        parser.add("--seed", type=values.seed, default=0, help="default: %(default)s")


def add_device(parser: Parser) -> None:
    """--device."""
    parser.add(
        "--device", metavar="NAME",
        help="where models learn and teachers answer: cuda, mps or cpu (default: the best there is); costs are the CPU's",
    )  # fmt: skip


def add_track(parser: Parser) -> None:
    """--track."""
    parser.add(
        "--track", metavar="NAME", default="",
        help="also send losses and scores to tensorboard, trackio or mlflow; the result doesn't change",
    )  # fmt: skip


def add_compile(parser: Parser) -> None:
    """--compile."""
    parser.add(
        "--compile", choices=("auto", "on", "off"), default="auto",
        help="let torch compile the layers for a training; auto: a long one, where it is faster on this machine (measured once)",
    )  # fmt: skip


def add_precision(parser: Parser) -> None:
    """--precision."""
    parser.add(
        "--precision", choices=("fp32", "bf16", "auto"), default="fp32",
        help="of models that run in torch; auto: bf16 where this machine is fast at it (default: %(default)s)",
    )  # fmt: skip


def add_json(parser: Parser) -> None:
    """--json."""
    parser.add("--json", action="store_true", help="print JSON")


def add_settings(parser: Parser, entry: Entry) -> None:
    """A flag for each setting of a method, with its help."""
    group = parser.add_argument_group(f"settings of {entry.name}")
    for setting in entry.settings:
        flag = f"--{setting.name.replace('_', '-')}"
        group.add_argument(flag, **_flag(setting))  # type: ignore[arg-type]


def _flag(setting: Setting) -> dict[str, object]:
    """Flag as argparse wants it; an unset one is left to the method's default."""
    shown = said(setting.help)
    if setting.default is not None and setting.default != "None":
        shown = (shown + said(f" (default: {setting.default})")).strip()
    shown = shown.replace("%", "%%")
    options: dict[str, object] = {"dest": f"set_{setting.name}", "default": argparse.SUPPRESS, "help": shown}
    options["required"] = setting.default is None
    if setting.type.removesuffix(" | None") == "bool":
        return options | {"action": argparse.BooleanOptionalAction}
    if choices := values.choices_of(setting.type):
        return options | {"choices": [str(c) for c in choices]}
    if values.sequence_of(setting.type):
        return options | {"metavar": "A,B"}
    return options | {"metavar": setting.type.replace(" | None", "").upper()}


def settings_from(args: argparse.Namespace, entry: Entry) -> dict[str, object]:
    """The settings that were given, as `registry.build` takes them."""
    found: dict[str, object] = {}
    for setting in entry.settings:
        if not hasattr(args, f"set_{setting.name}"):
            continue
        value = getattr(args, f"set_{setting.name}")
        choices = {str(c): c for c in values.choices_of(setting.type)}
        element = values.sequence_of(setting.type)
        if value in choices:
            value = choices[value]
        elif element and isinstance(value, str):
            value = [_element(entry, setting, element, part.strip()) for part in value.split(",")]
        elif isinstance(value, str) and value.lower() == "none" and "None" in setting.type:
            value = None
        found[setting.name] = value
    return found


def _element(entry: Entry, setting: Setting, kind: str, text: str) -> object:
    try:
        return {"int": int, "float": float}.get(kind, str)(text)
    except ValueError:
        raise UserError(f"{entry.name}: {setting.name} must be {kind}s with commas between, got {text!r}") from None
