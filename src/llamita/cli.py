"""The command line: words to calls, exceptions to one line and an exit code."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from llamita import __version__
from llamita._cli.failures import explained
from llamita._cli.harmless import harmless
from llamita._cli.language import said, speaking, wanted
from llamita._cli.stopping import Stopped, stopped_by_signals
from llamita.core import processes
from llamita.core.errors import UserError, did_you_mean

VERBS = {
    "lighten": ("make", "make a light model: llamita lighten --data reviews.csv --keep 0.99 --max-size 20MB"),
    "demo": ("make", "the whole path on a real model and film reviews"),
    "run": ("make", "carry out a recipe: llamita run RECIPE.yaml --out DIR"),
    "export": ("make", "write a folder that runs without torch: llamita export MODEL --to onnx --out DIR"),
    "pretrain": (
        "pretrain",
        "learn language from documents: llamita pretrain config:llama:10m --data FOLDER --out DIR",
    ),
    "evaluate": ("judge", "the usual measures in one table: llamita evaluate MODEL --data test.csv"),
    "measure": ("judge", "one measure: llamita measure cost MODEL --data test.csv --against TEACHER"),
    "compare": ("compare", "side by side, with a page: llamita compare TEACHER LIGHT --data test.csv --out DIR"),
    "explain": ("explain", 'why the model says so: llamita explain MODEL "a text"'),
    "attack": ("judge", "accuracy when the texts are disturbed: llamita attack MODEL --data test.csv"),
    "predict": ("predict", 'labels and confidences: llamita predict MODEL "a text" | --file texts.csv'),
    "chat": ("chat", "talk to a language model: llamita chat MODEL"),
    "data": ("tables", "check, split, thin out or convert files: llamita data check train.csv --test test.csv"),
    "list": ("about", "the methods there are: llamita list [prune]"),
    "doctor": ("about", "what this machine and installation can do"),
}
"""Verb, the module behind it (which has a function of this name), and one line of help."""
ROOMS = {"prune": "one pruning step", "distill": "learn from a teacher", "quantize": "one quantising step"}
"""Folders of steps: the verb is the folder's name, the next word the method."""
TOGETHER = ("run", "pretrain")
"""Verbs that several processes may carry out, besides the single steps."""
QUIET = ("predict", "chat", "explain", "list", "doctor", "data")
"""Verbs whose answer is all they say."""
RESUMED = ("lighten", "demo", "run", "pretrain")


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    _prepare()
    if not processes.is_first():
        _silence_stdout()
    try:
        language = wanted(words, os.environ)
    except UserError as error:
        _complain(f"llamita: {error}")
        return 2
    # among several processes the one that started them ends them all, even those that wait for one another
    signals = stopped_by_signals() if processes.num_processes() == 1 else nullcontext()
    with speaking(language), signals:
        return _answered(_without_leading_language(words))


def _without_leading_language(words: list[str]) -> list[str]:
    """`llamita --language zh VERB …` is `llamita VERB …` in Chinese."""
    taken = 1 if words and words[0].startswith("--language=") else 2 if words and words[0] == "--language" else 0
    rest = words[taken:]
    end = rest.index("--") if "--" in rest else len(rest)
    return [*rest[:end], *words[:taken], *rest[end:]]


def _answered(words: list[str]) -> int:
    teller = Teller(logging.NOTSET if processes.is_first() else logging.CRITICAL)
    logging.getLogger("llamita").addHandler(teller)
    try:
        code = _carry_out(words)
        sys.stdout.flush()
        return code
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except BrokenPipeError:
        _silence_stdout()
        return 0
    except (KeyboardInterrupt, Stopped) as stop:
        goes_on = words[0] in RESUMED or _step_of(words) is not None
        _complain(said("stopped; the same command goes on where it stopped" if goes_on else "stopped"))
        return stop.code if isinstance(stop, Stopped) else 130
    except Exception as error:
        code, line = explained(error)
        _complain(f"llamita: {said(line)}")
        if isinstance(error, OSError) and error.filename is None:
            _silence_stdout()
        return code
    finally:
        logging.getLogger("llamita").removeHandler(teller)
        processes.leave()


class Teller(logging.Handler):
    """What the library logs goes to stderr, bare."""

    def emit(self, record: logging.LogRecord) -> None:
        print(harmless(said(record.getMessage())), file=sys.stderr, flush=True)


def _silence_stdout() -> None:
    """Where standard output takes no more, the interpreter must not try again as it ends."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = None


def _complain(line: str) -> None:
    """Say a line on stderr; a terminal that is gone takes none."""
    with suppress(OSError):
        print(harmless(line), file=sys.stderr, flush=True)


def _prepare() -> None:
    """Streams that are there and never fail on a character, no chatter of other libraries, to the user or to their makers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by who started us; the next file opened would stand in its place
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if hasattr(sys.stdout, "reconfigure") and not sys.stdout.isatty():
        # what another program reads is UTF-8 wherever it is written
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    os.environ.setdefault("DO_NOT_TRACK", "1")  # huggingface_hub and mlflow heed it
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # DDP warns of what it was asked for
    for name in ("TRANSFORMERS_VERBOSITY", "HF_HUB_VERBOSITY", "DATASETS_VERBOSITY"):
        os.environ.setdefault(name, "error")
    if not sys.stderr.isatty() or not processes.is_first():
        os.environ.setdefault("TQDM_DISABLE", "1")
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def _carry_out(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0 if words else 2
    if words[0] in ("-V", "--version"):
        print(f"llamita {__version__}")
        return 0
    verb, rest = words[0], words[1:]
    together = verb in TOGETHER or _step_of(words) is not None
    if together:
        processes.check_sharding()
    if processes.num_processes() > 1 and not together:
        raise UserError(
            f"llamita {verb} works in one process; start it without torchrun, which is for the steps that train, `llamita pretrain`"
            " and `llamita run`"
        )
    logging.getLogger("llamita").setLevel(logging.WARNING if verb in QUIET else logging.INFO)
    if verb in VERBS:
        return _function(VERBS[verb][0], verb)(rest)
    if (step := _step_of(words)) is not None:
        return _function("steps", "step")(*step)
    known = [*VERBS, *_rooms(), *_learning()]
    raise UserError(f"no verb {verb!r}.{did_you_mean(verb, known)} See `llamita --help`.")


def _function(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"llamita._cli.{module}"), name)


def _rooms() -> list[str]:
    from llamita.core.registry import entries

    found = {name.split(".")[0] for name, entry in entries().items() if entry.kind == "step"}
    return sorted(found - {"learn"})


def _learning() -> dict[str, str]:
    """Verbs of the folder `learn`, such as finetune, with what they do; pretrain has a verb of its own."""
    from llamita.core.registry import entries

    steps = {name.split(".")[1]: entry.summary for name, entry in entries().items() if name.startswith("learn.")}
    return {name: summary for name, summary in steps.items() if name not in VERBS}


def _step_of(words: Sequence[str]) -> tuple[str, list[str]] | None:
    """The room and method a command names, and its other words; None when it is no step."""
    if not words:
        return None
    if words[0] in _learning():
        return f"learn.{words[0]}", list(words[1:])
    if words[0] in _rooms():
        return words[0], list(words[1:])
    return None


def _help() -> str:
    lines = [
        said("usage: ") + "llamita VERB …",
        "",
        said("Turn a large language model into a light one, and prove it."),
        "",
    ]
    listed = {verb: said(text) for verb, (_, text) in VERBS.items()}
    steps = {r: said(f"{ROOMS.get(r, 'one step')}: llamita {r} METHOD MODEL … --out DIR") for r in _rooms()}
    steps |= {name: said(summary) for name, summary in _learning().items()}
    for title, group in ((said("verbs:"), listed), (said("single steps:"), steps)):
        if group:
            lines += [title, *(f"  {name:<11} {text}" for name, text in group.items()), ""]
    lines += [
        said(
            "`llamita VERB --help` shows a verb's flags. MODEL is a folder, an exported folder, a .gguf file, a Hub id,\n"
            "or a packaged model (smollm2, minilm)."
        ),
        said("`--language zh` on any verb, or LLAMITA_LANGUAGE=zh: answers, errors, help and pages in Chinese."),
        said("Exit codes: 0 done, 1 a goal or gate was missed, 2 bad input, 3 a bug of ours, 130 Ctrl-C, 143 SIGTERM."),
    ]
    return "\n".join(lines)
