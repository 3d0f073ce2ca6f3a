"""What turns a model that was never taught labels into a classifier of those that a verb names."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from llamita.core.errors import UserError, require

if TYPE_CHECKING:
    from llamita.core.engine import Engine
    from llamita.core.task import Text
    from llamita.data.table import Table
    from llamita.tasks.asking import Shots

log = logging.getLogger(__name__)


def asked_engine(engine: Engine, asked: argparse.Namespace) -> Engine:
    """The engine as a classifier into the labels that were named."""
    from llamita.tasks.asking import ask
    from llamita.tasks.inference import Hypothesis, inference_places

    prompt = asked.prompt
    if getattr(asked, "multi_label", False):
        if inference_places(engine) is None:
            raise UserError("--multi-label is for models of inference; a language model chooses one of the labels")
        prompt = Hypothesis(text=prompt, multi_label=True)
    return ask(
        engine, tuple(asked.labels), words=asked.labels, prompt=prompt, examples=_shots(asked),
        calibrate=_beside_texts(asked.calibrate, asked), measured=_measured_texts(asked), prior=asked.prior,
        per_token=asked.per_token,
    )  # fmt: skip


def _shots(asked: argparse.Namespace) -> Shots | None:
    """The examples that were named."""
    from llamita.tasks.asking import Shots

    shown = _beside_texts(asked.few_shot, asked)
    number = {} if asked.shots is None else {"number": asked.shots}
    return None if shown is None else Shots(data=shown, seed=getattr(asked, "seed", 0), **number)


def endpoint(model: str, asked: argparse.Namespace) -> Engine:
    """A server as a classifier into the labels that were named."""
    from llamita.tasks.asking import calibrating_texts
    from llamita.tasks.endpoint import EndpointEngine

    require(bool(asked.labels), f"{model} is a server, which is asked for labels; name them: --labels good,bad")
    refused = ["multi-label"] if getattr(asked, "multi_label", None) else []
    for flag in refused + switches(asked):
        raise UserError(f"--{flag} is for models that are asked on this machine, and {model} is a server; leave it out")
    shots = _shots(asked)
    labels, measured = tuple(asked.labels), _measured_texts(asked)
    examples = () if shots is None else shots.drawn(labels, measured)
    engine = EndpointEngine(model, labels, words=asked.labels, prompt=asked.prompt, examples=examples)
    known = _beside_texts(asked.calibrate, asked)
    if known is not None:
        fitted = calibrating_texts(known, labels, [*measured, *(text for text, _ in examples)])
        engine.calibrate(fitted.texts, fitted.labels or ())
    return engine


def _measured_texts(asked: argparse.Namespace) -> list[Text]:
    """Texts that the model is measured on, or that its sets are drawn from."""
    if not (asked.few_shot or asked.calibrate):
        return []
    drawn = labelled_table(getattr(asked, "labelled", None), asked)
    return [text for table in (getattr(asked, "table", None), drawn) if table is not None for text in table.texts]


def _beside_texts(file: str | None, asked: argparse.Namespace) -> Table | None:
    """A file of labelled texts, single ones or pairs as those that the model is asked about."""
    from llamita.data.table import require_kind

    table, texts = labelled_table(file, asked, one_label=True), getattr(asked, "about", ())
    if table is not None and texts:
        require_kind(table, pairs=not isinstance(texts[0], str))
    return table


def require_pairs(table: Table, asked: argparse.Namespace) -> None:
    """Refuse a question about pairs where a file has single texts."""
    if "{pair}" in (asked.prompt or "") and isinstance(table.texts[0], str):
        raise UserError(
            f"{table.place(0)}: a single text, but --prompt names a {{pair}}; give pairs, or name their columns:"
            " text=COLUMN,pair=COLUMN"
        )


def labelled_table(file: str | None, args: argparse.Namespace, *, one_label: bool = False) -> Table | None:
    """A file of labelled texts beside the one that --columns is about."""
    from llamita.data.read import read_beside

    if file is None:
        return None
    encoding = encoding_of(file, [getattr(args, "file", None) or "-"], getattr(args, "encoding", None))
    return read_beside(file, columns=getattr(args, "columns", None), encoding=encoding, one_label=one_label)


def encoding_of(file: str, others: Sequence[str | None], named: str | None) -> str | None:
    """The encoding of one file, of those that --encoding is about; where it is UTF-8 all the same, that is said."""
    from llamita.data.decode import encoding_among

    found = encoding_among(file, others, named)
    if named and found is None:
        log.warning("%s is UTF-8 already and is read as that; --encoding %s is for the other files", file, named)
    return found


def switches(asked: argparse.Namespace) -> list[str]:
    """Flags that say how answers are read, as they were given: no-prior, per-token."""
    given = {name: getattr(asked, name.replace("-", "_"), None) for name in ("prior", "per-token")}
    return [name if value else f"no-{name}" for name, value in given.items() if value is not None]


def check_asked(asked: argparse.Namespace | None) -> None:
    """Refuse what is about asking where no labels are named."""
    if asked is None:
        return
    named = ("prompt", "few-shot", "calibrate", "shots", "multi-label")
    alone = [flag for flag in named if getattr(asked, flag.replace("-", "_"), None)] + switches(asked)
    if alone and not asked.labels:
        raise UserError(f"--{alone[0]} is about asking a model for labels; name them: --labels good,bad")
