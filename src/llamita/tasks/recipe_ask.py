"""What a recipe's `ask` means for a task: how a model is asked, the examples it is shown, the hand labels that calibrate it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llamita.core.errors import UserError, did_you_mean, require
from llamita.core.task import Split
from llamita.data.read import read_beside
from llamita.data.table import require_kind
from llamita.tasks.asked import Asking
from llamita.tasks.asking import mixed
from llamita.tasks.splits import label_names, rows_apart, without
from llamita.tasks.wording import asks_in_chinese

if TYPE_CHECKING:
    from llamita.core.task import Task, Text
    from llamita.data.table import Table

SHOTS = 8
"""Examples shown, where there are so many."""
SEEN = 500
"""Texts that show which language they are in."""
HOW = ("words", "prompt", "few_shot", "shots", "calibrate", "prior", "per_token")
"""What a recipe's `ask` may say."""


def examples_of(table: Table, labels: Sequence[str], shots: int, hidden: Sequence[Text], seed: int) -> tuple[Any, ...]:
    """So many examples, each label as often, none of which is among the hidden texts that measure.

    Raises:
        UserError: a label that isn't asked for, or nothing left to show.
    """
    assert table.labels is not None
    strange = next((i for i, label in enumerate(table.labels) if label not in labels), None)
    if strange is not None:
        known = ", ".join(labels)
        raise UserError(f"{table.place(strange)}: label {table.labels[strange]!r} is not among --labels ({known})")
    rest = rows_apart(table.texts, hidden)
    require(
        bool(rest), f"{table.source}: all its texts are hand labels too (--audit, --test); show others with --few-shot"
    )
    return tuple(mixed(table.take(rest), shots, seed))


def asking_for(
    task: Task, model: str, how: Mapping[str, Any], seed: int, columns: Mapping[str, str] | None = None
) -> tuple[Asking, Split | None]:
    """What a recipe's `ask` means for a task, and the hand labels that calibrate; none of both stands in the test split.

    Args:
        how: words: what is said for a label; prompt: the question; few_shot: a file of labelled texts, so many `shots` of which
            are shown; calibrate: a file of hand labels; prior, per_token: how the answers are read, true or false.

    Raises:
        UserError: an unknown key, labels that differ from the task's, or nothing left to show.
    """
    _check(how)
    examples: tuple[Any, ...] = ()
    if how.get("few_shot"):
        table = _beside(how["few_shot"], columns, task)
        examples = examples_of(table, task.labels, how.get("shots", SHOTS), task.test.texts, seed)
    words = {str(label): str(word) for label, word in (how.get("words") or {}).items()}
    chinese = asks_in_chinese((), task.train.texts[:SEEN] or task.test.texts[:SEEN])
    asking = Asking(
        model=model, labels=task.labels, words=words, prompt=how.get("prompt"), examples=examples, seed=seed,
        chinese=chinese or None, prior=how.get("prior"), per_token=how.get("per_token"),
    )  # fmt: skip
    if not how.get("calibrate"):
        return asking, None
    table = _beside(how["calibrate"], columns, task)
    label_names({"train": table}, task.labels)
    assert table.labels is not None
    given = Split(texts=tuple(table.texts), labels=tuple(task.labels.index(label) for label in table.labels))
    shown = Split(texts=tuple(text for text, _ in examples))
    calibrating = without(without(given, task.test)[0], shown)[0]
    require(
        bool(len(calibrating)),
        f"{table.source}: all its texts are shown or stand in the test split; calibrate with others",
    )
    return asking, calibrating


def _beside(given: Any, columns: Mapping[str, str] | None, task: Task) -> Table:
    """Texts with one label each, pairs or single ones as the task's, in the columns that are named for its data."""
    table = read_beside(given, columns=columns, one_label=True)
    known = next((split.texts[0] for split in (task.test, task.train, task.select) if split.texts), None)
    if known is not None:
        require_kind(table, pairs=not isinstance(known, str))
    return table


def _check(how: Mapping[str, Any]) -> None:
    """Refuse an unknown key, and a value that is not of its kind."""
    for key in how:
        require(key in HOW, f"ask: unknown key {key!r}.{did_you_mean(str(key), HOW)} Keys: {', '.join(HOW)}.")
    shots, words, prompt = how.get("shots", SHOTS), how.get("words"), how.get("prompt")
    counts = isinstance(shots, int) and not isinstance(shots, bool) and shots >= 1
    require(counts, f"ask: shots must be a whole number from 1 on, got {shots!r}")
    require(
        isinstance(words, Mapping | None),
        f"ask: words must say a word for each label, such as {{1: good}}, got {words!r}",
    )
    told = [part for pair in (words or {}).items() for part in pair]
    require(
        all(isinstance(part, str | int | float) and not isinstance(part, bool) for part in told),
        f"ask: words must be text, in quotes where they are yes, no, true or false, got {words!r}",
    )
    require(isinstance(prompt, str | None), f"ask: prompt must be text with {{text}} in it, got {prompt!r}")
    for name in ("prior", "per_token"):
        require(isinstance(how.get(name), bool | None), f"ask: {name} must be true or false, got {how.get(name)!r}")
    require(
        "shots" not in how or "few_shot" in how,
        "ask: shots says how many examples are shown; name their file: few_shot",
    )
