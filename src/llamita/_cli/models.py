"""Opening what a verb names: a model that classifies, its test data, the folder a verb writes."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llamita._cli.asking import asked_engine, check_asked, endpoint
from llamita.core import processes
from llamita.core.alone import alone_in
from llamita.core.command import quoted
from llamita.core.errors import UserError
from llamita.core.logs import BEGUN

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.engine import Engine
    from llamita.core.task import Task, Text


log = logging.getLogger(__name__)


def open_classifier(
    model: str, threads: int | None, precision: str = "fp32", asked: argparse.Namespace | None = None
) -> Engine:
    """The engine of a MODEL argument; refused when it has no head for labels and can't be asked for any.

    Args:
        asked: What `flags.add_asking` read, where the verb takes it.
    """
    engine = open_any(model, threads, precision, asked)
    _require_labels(model, engine, asked)
    return engine


def open_any(
    model: str, threads: int | None, precision: str = "fp32", asked: argparse.Namespace | None = None
) -> Engine:
    """As `open_classifier`, or a language model that answers in words, where no labels are named."""
    from llamita.tasks.endpoint import is_endpoint
    from llamita.workshop import open_engine

    check_asked(asked)
    if is_endpoint(model) and asked is not None:
        return endpoint(model, asked)
    engine = open_engine(model, threads=threads, precision=precision)
    if asked is not None and asked.labels:
        return asked_engine(engine, asked)
    if not can_chat(engine):
        _require_labels(model, engine, asked)
    return engine


def can_chat(engine: Engine) -> bool:
    """Whether it writes text and has a chat template."""
    return "generation" in engine.capabilities and bool(engine.tokenizer.chat_template)  # type: ignore[attr-defined]


def answers_in_words(engine: Engine) -> bool:
    """Whether it has no labels to give."""
    from llamita.core.engine import is_headed

    return can_chat(engine) and not is_headed(engine)


def _require_labels(model: str, engine: Engine, asked: argparse.Namespace | None) -> None:
    from llamita.core.engine import is_headed

    if not is_headed(engine) and not (asked is not None and asked.labels):
        module = engine.module  # type: ignore[attr-defined]
        can_be_asked = asked is not None and module.get_output_embeddings() is not None
        ways = "ask it for some (--labels good,bad), or " if can_be_asked else ""
        raise UserError(
            f"{model} has no head for labels; {ways}give it one: llamita finetune {quoted(model)} --data train.csv --out DIR"
            " (or let `llamita lighten` do all of it)"
        )


def open_foreseeing(model: str, args: argparse.Namespace) -> Engine:
    """The engine of a MODEL argument that is to foresee documents."""
    from llamita.workshop import open_engine

    return open_engine(model, threads=args.threads, precision=args.precision)


def documents(args: argparse.Namespace) -> Task:
    """Those of `--data`, to be foreseen."""
    from llamita.core.registry import module_of

    return module_of("tasks.language").open_task(test=args.data, columns=args.columns)


def test_task(args: argparse.Namespace, engine: Engine) -> Task:
    """The task of `--data` as test data, in the labels that the engine knows."""
    from llamita.core.registry import module_of
    from llamita.data.read import read_table
    from llamita.data.table import Table

    table = getattr(args, "table", None)
    if table is None:
        table = (
            args.data if isinstance(args.data, Table) else read_table(args.data, columns=args.columns, labelled=True)
        )
    if args.task == engine.answers.task == "classify":
        return module_of("tasks.classify").open_known(table, engine.labels)
    return module_of("tasks.multilabel").open_known(table, engine.labels)


@contextmanager
def scratch_run(args: argparse.Namespace, task: Task | None = None) -> Generator[Run]:
    """A run in a temporary folder, for measures."""
    from llamita.core.context import Run

    with tempfile.TemporaryDirectory(prefix="llamita-", ignore_cleanup_errors=True) as folder:
        yield Run(folder=Path(folder), task=task, threads=args.threads, seed=getattr(args, "seed", 0), split="test")


def bare_task(engine: Engine, texts: Sequence[Text]) -> Any:
    """A task of texts without labels, for explaining and predicting."""
    from llamita.core.registry import module_of, resolve
    from llamita.core.task import Split

    name = f"tasks.{engine.answers.task}"
    made = getattr(module_of(name), resolve(name).class_name)
    return made(labels=tuple(engine.labels), test=Split(texts=tuple(texts), source="texts"))


def keeps_its_tokenizer(engine: Engine) -> bool:
    """Whether it is a server or a table of recorded answers, whose tokens nobody here knows."""
    from llamita.tasks.endpoint import EndpointEngine
    from llamita.tasks.recorded import RecordedEngine

    return isinstance(engine, EndpointEngine | RecordedEngine)


def warn_of_unknown(engine: Engine, texts: Sequence[Text]) -> bool:
    """Say so when the model doesn't know most of what it is given, as an English model that is given Chinese."""
    return not keeps_its_tokenizer(engine) and engine.encoder.warn_of_unknown(texts)


def new_folder(out: str) -> Path:
    """A folder that a verb may write as a whole: it must not hold anything yet."""
    path = Path(out).expanduser()
    if path.is_dir() and any(path.iterdir()):
        raise UserError(f"--out {out} exists already and isn't empty; choose another folder or remove it")
    return writable(path)


@contextmanager
def stages_beside(out: Path, *, resumable: bool) -> Generator[Path]:
    """A hidden folder beside a verb's result, for what is in the making; gone when the result stands.

    A stopped verb that is resumable leaves it for its next call. One whose input is refused leaves what an earlier call had
    made, checkpoints and teacher outputs, and nothing else.
    """
    new = [parent for parent in out.parents if not parent.exists()]
    work = out.parent / f".{out.name}.stages"
    begun = work.exists()
    with alone_in(work, out) if processes.is_first() else nullcontext():
        keep = resumable
        try:
            new_folder(str(out))  # another process may have filled it meanwhile
            yield work
            keep = False
        except UserError:
            keep = resumable and (begun or any(path.suffix in (".pt", ".npy") for path in work.rglob("*")))
            raise
        finally:
            if not keep and processes.is_first():
                shutil.rmtree(work, ignore_errors=True)
                for parent in new:
                    with suppress(OSError):
                        parent.rmdir()


def run_folder(out: str) -> Path:
    """The folder of a run: new, or one that an earlier call began."""
    path = Path(out).expanduser()
    known = (BEGUN, "plan.json", "stages", "report.json")
    begun = not path.is_dir() or any((path / name).exists() for name in known)
    # what is asked by hand before the run stands in audit.csv
    if not begun and any(one.name != "audit.csv" and not one.name.startswith(".") for one in path.iterdir()):
        raise UserError(f"--out {out} holds other files and no run of llamita; choose another folder")
    return writable(path)


def new_file(out: str, flag: str = "--out", example: str = "predictions.csv") -> Path:
    """A file that a verb may write: its folder exists."""
    path = Path(out).expanduser()
    if path.is_dir():
        raise UserError(f"{flag} {out} is a folder; name a file in it, such as {path / example}")
    if is_device(path):
        return path
    if not path.parent.is_dir():
        raise UserError(f"{flag} {out}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"{flag} {out}: {path.parent} is read-only; choose another folder or change its rights")
    return path


def is_device(path: Path) -> bool:
    """Whether it is no file but a pipe or a device such as /dev/null: it takes what is written, and must not be replaced."""
    listed = path.parts[:2] == ("/", "dev") and path.parts[2:3] != ("shm",)
    return listed or (path.exists() and not path.is_file() and not path.is_dir())


def new_page(html: str, example: str) -> Path:
    """A page that a verb may write: named as one, so that no data are overwritten by it."""
    path = new_file(html, "--html", example)
    if path.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--html {html}: a page's name ends with .html")
    return path


def writable(path: Path) -> Path:
    """The path, once it is known that a folder can be made there; that of what a link leads to, so that the link stays one."""
    path = path.resolve() if path.is_symlink() else path
    if path.exists() and not path.is_dir():
        raise UserError(f"--out {path} is a file; name a folder")
    above = next(parent for parent in (path, *path.parents, Path()) if parent.exists())
    if not above.is_dir():
        raise UserError(f"--out {path}: {above} is a file, not a folder; choose another place")
    if not os.access(above, os.W_OK):
        raise UserError(f"--out {path}: {above} is read-only; choose another folder or change its rights")
    return path


def checked_texts(texts: Sequence[str]) -> list[str]:
    """Texts from the command line; bytes that the terminal sent in another encoding are refused."""
    for text in texts:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise UserError(
                "the text holds bytes that are not UTF-8; set the terminal to UTF-8 (Windows: chcp 65001), or put the"
                " texts in a file and convert it: llamita data convert FILE --encoding gb18030 --out NEW"
            ) from None
        if "\0" in text:
            raise UserError("the text holds a NUL character; take it out")
    return list(texts)
