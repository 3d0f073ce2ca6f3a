"""Texts without labels: a teacher that is asked labels them, once; from there on the run is like any other.

The teacher is a language model (label likelihood), a classifier that has these labels, or an OpenAI-compatible server. Hand labels,
if there are any, are cut in two: a third calibrates the teacher, the rest measures it and the student, and trains neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.candidates import stage_bytes
from llamita.core.errors import UserError, require
from llamita.core.store import address
from llamita.core.task import Split, parts_of
from llamita.data.columns import NAMES
from llamita.data.label_names import nothing_to_name
from llamita.data.table import Table, refuse_bare_list
from llamita.data.text import reading_key
from llamita.data.write import write_rows, write_split
from llamita.effort import shapes_of, student_effort
from llamita.hand_labels import read_hand_labels, read_labelled
from llamita.labeller import answers, calibrated, seconds_a_text
from llamita.plan import installed_students, lengths_of, students_of
from llamita.tasks.asked import Asking
from llamita.tasks.endpoint import is_endpoint
from llamita.tasks.recipe_ask import SEEN, examples_of
from llamita.tasks.recorded import RecordedEngine, open_folder
from llamita.tasks.splits import without
from llamita.tasks.wording import asks_in_chinese
from llamita.workshop import Stage, Workshop, open_task

if TYPE_CHECKING:
    from llamita.core.task import Text
    from llamita.goals import Goals

FEWEST = 40
"""Texts without which there is nothing to learn from."""
LABELLING, LEAST = 0.6, 500
"""Share of the minutes that labelling may take, and how many texts are labelled whatever it takes."""


def require_enough(table: Table) -> None:
    """Refuse so few texts that a student would learn nothing."""
    require(len(table) >= FEWEST, f"{table.source} has {len(table)} texts; a student needs {FEWEST} or more")


def unlabelled_texts(
    tables: Mapping[str, Table], labels: Any, seed: int, *, model: str, asking: Mapping[str, Any]
) -> Unlabelled | None:
    """What to ask about, where the training texts have no labels; None where they have.

    Args:
        asking: audit, prompt, few_shot, shots, columns, prior and per_token as `lighten` takes them.

    Raises:
        UserError: no labels are named, or what is for asking is given beside labelled texts.
    """
    table = tables["train"]
    words = {str(k): str(v) for k, v in labels.items()} if isinstance(labels, Mapping) else {}
    if table.labels is not None:
        _refuse_asking(table, words, model, asking)
        return None
    _require_labels(tables, labels)
    names = _names_in(labels)
    require_enough(table)
    columns, pairs = asking["columns"] or {}, not isinstance(table.texts[0], str)
    if NAMES in columns and asking["audit"] is asking["few_shot"] is tables.get("test") is None:
        raise nothing_to_name(table.source)
    hand = read_hand_labels(asking["audit"], tables.get("test"), names, columns, seed, pairs=pairs)
    examples: tuple[Any, ...] = ()
    if asking["few_shot"] is not None:
        shown = read_labelled(asking["few_shot"], columns, pairs=pairs)
        examples = examples_of(shown, names, asking["shots"], [*hand[0].texts, *hand[1].texts], seed)
    how = Asking(
        model=model, labels=names, words=words, prompt=asking["prompt"], examples=examples, seed=seed,
        chinese=asks_in_chinese((), table.texts[:SEEN]) or None, prior=asking.get("prior"), per_token=asking.get("per_token"),
    )  # fmt: skip
    bare = Unlabelled(table=table, labels=names, asking=how, calibrating=hand[0], measuring=hand[1], seed=seed)
    left = len(without(Split(texts=tuple(table.texts[i] for i in bare.rows(len(table)))), hand[1])[0])
    require(
        left >= FEWEST,
        f"{table.source} has {left} texts without hand labels to learn from; a student needs {FEWEST} or more: give more texts",
    )
    return bare


def _require_labels(tables: Mapping[str, Table], labels: Any) -> None:
    """Refuse texts without labels where nobody says which there are, or beside further such texts."""
    table = tables["train"]
    if not labels:
        refuse_bare_list(table)
    require(
        bool(labels),
        f"{table.source} has no labels; name their column (--columns label=COLUMN), or the labels that a teacher shall give:"
        " --labels good,bad",
    )
    require(
        "unlabelled" not in tables,
        f"--unlabelled goes with labelled texts, but {table.source} has none; put all texts in one file",
    )


def _names_in(labels: Any) -> tuple[str, ...]:
    """The labels that a teacher shall give."""
    names = tuple(part.strip() for part in labels.split(",")) if isinstance(labels, str) else tuple(map(str, labels))
    require(
        len(set(names)) == len(names) >= 2 and all(names), f"labels must be two different names or more, got {labels!r}"
    )
    return names


def _refuse_asking(table: Table, words: Mapping[str, str], model: str, asking: Mapping[str, Any]) -> None:
    """Refuse what is for asking beside texts that have labels."""
    used = [name for name in ("audit", "prompt", "few_shot") if asking[name] is not None]
    used += [name for name in ("prior", "per_token") if asking.get(name) is not None]
    used += ["labels LABEL=WORD"] if any(label != word for label, word in words.items()) else []
    used += [model] if is_endpoint(model) else []
    flag = used[0].replace("_", "-") if used else ""
    require(
        not used,
        f"{flag} is for texts without labels, but {table.source} has a label column ({table.label_column!r}); leave"
        " one out, or say that it holds none: --columns label=none",
    )


@dataclass(frozen=True, kw_only=True)
class Unlabelled:
    """What is known before the teacher is asked."""

    table: Table
    """The texts."""
    labels: tuple[str, ...]
    asking: Asking
    calibrating: Split
    """Hand labels that calibrate the teacher."""
    measuring: Split
    """Hand labels that measure; empty where nobody checked."""
    seed: int

    @property
    def checked(self) -> bool:
        """Whether there are hand labels to measure by."""
        return bool(len(self.measuring))

    @property
    def asked(self) -> dict[str, Any]:
        """What a stored plan must have been made for."""
        hand = [self.calibrating.fingerprint, self.measuring.fingerprint]
        asking = self.asking.told
        if asking["examples"]:  # plan.json holds none of the users' texts
            asking = asking | {"examples": address({"examples": asking["examples"]})}
        return {"labels": list(self.labels), "asking": asking, "hand": hand}

    def stand_in(self, rows: Sequence[int] | None = None) -> dict[str, Any]:
        """Settings of a task of the texts with labels dealt in turn, for plans, which look at texts alone."""
        texts = [self.table.texts[i] for i in (rows if rows is not None else range(len(self.table)))]
        dealt = [self.labels[i % len(self.labels)] for i in range(len(texts))]
        given: dict[str, Any] = {"train": (texts, dealt), "labels": self.labels, "seed": self.seed}
        if self.checked:
            given["test"] = (self.measuring.texts, [self.labels[i] for i in self.measuring.labels])
        return {"classify": given}

    def settle(self, shop: Workshop, students: Sequence[str] | None, goals: Goals, minutes: float) -> dict[str, Any]:
        """Time teacher and students, and fit the number of texts and all else to the minutes."""
        require(
            students is None or bool(students),
            "texts without labels need a student besides the teacher: --students minilm",
        )
        seconds = seconds_a_text(self.asking, self.table.texts, shop)
        hand = len(self.calibrating) + len(self.measuring)
        rows = self.rows(max(LEAST, int(LABELLING * 60 * minutes / seconds) - hand))
        number = len(rows)
        task = open_task(self.stand_in(rows))
        whole = open_task({"classify": self.stand_in(rows)["classify"] | {"test": []}})
        first = students or installed_students()
        require(
            bool(first), "a student is needed; install minilm (docs/how-to/install.md) or name one: --students MODEL"
        )
        model = shop.load(shop.start(first[0]))
        max_length = int(np.ceil(np.quantile(lengths_of(model, task.train.texts, None), 0.98) / 8) * 8)
        del model
        found = students_of(replace(shop, task=task), students, max_length, read=whole)
        require(
            bool(found), "no packaged student that is installed knows these texts' language; name one: --students MODEL"
        )
        bodies, paces = [body for body, _ in found], {body.student: pace for body, pace in found}
        labelling, fixed = seconds * (number + hand), 90.0
        spent = labelling + fixed
        effort = student_effort(bodies, paces, goals, 60 * minutes - spent, spent)
        parts = [
            (f"the teacher labels {number + hand:,} texts", labelling),
            (f"{len(effort['shapes'])} candidates, {effort['brief_epochs']:g} epochs each", effort.pop("brief_seconds")),
            ("the chosen one and its twin taught by answers alone, fully", effort.pop("full_seconds")),
            ("exports, measures, pages", fixed),
        ]  # fmt: skip
        size = max(body.layers * body.layer + body.other + body.hidden * body.pieces for body in bodies)
        return {
            "max_length": max_length, "teacher_is_trained": True, "augment": 0, "texts": number, **effort,
            "timings": {name: asdict(pace) for name, pace in paces.items()}, "seconds_a_text": seconds,
            "estimate": [{"what": what, "minutes": round(took / 60, 2)} for what, took in parts],
            "memory_bytes": int(size * 16 + 2e9), "disk_bytes": int(size * 16 + 5e8) + stage_bytes(shapes_of(effort)),
        }  # fmt: skip

    def rows(self, number: int) -> list[int]:
        """Which texts are labelled to learn from: all, or so many drawn at random, but none that calibrates."""
        known = {reading_key(text) for text in self.calibrating.texts}
        drawn = np.random.default_rng(self.seed).permutation(len(self.table))
        free = [int(i) for i in drawn if reading_key(self.table.texts[i]) not in known]
        return sorted(free[:number])

    def label(self, shop: Workshop, number: int, folder: Path) -> Labelled:
        """Ask the teacher, calibrate it, and write its labels down where the user finds them."""
        texts = [self.table.texts[i] for i in self.rows(number)]
        plain = answers(self.asking, [*self.calibrating.texts, *self.measuring.texts, *texts], shop)
        stage = calibrated(plain, self.calibrating, self.labels, shop) if len(self.calibrating) else plain
        teacher = open_folder(stage.folder)
        scores = teacher.scores(texts)
        given, sure = scores.argmax(axis=1), scores.max(axis=1)
        if len(set(given.tolist())) < 2:
            raise UserError(
                f"{teacher.name} calls every text {self.labels[given[0]]!r}; ask it otherwise (--prompt, --few-shot, words as in"
                " --labels 1=good,0=bad), or ask a larger model"
            )
        names = (
            ("text", "label", "confidence") if isinstance(texts[0], str) else ("text", "pair", "label", "confidence")
        )
        rows = [
            (i, [*parts_of(text), self.labels[place], round(float(share), 4)])
            for i, (text, place, share) in enumerate(zip(texts, given, sure, strict=True), 1)
        ]
        write_rows(folder / "labelled.csv", names, rows, "the teacher's labels")
        task: dict[str, Any] = {"train": str(folder / "labelled.csv"), "labels": list(self.labels), "seed": self.seed}
        if self.checked:
            task["test"] = self._written(self.measuring, folder / "measuring.csv")
        fitted_to = None
        if len(self.calibrating):
            fitted_to = self._written(self.calibrating, folder / f"calibrating-{self.calibrating.fingerprint[:8]}.csv")
        told = self._told(teacher, texts, scores)
        return Labelled(task=task, teacher=stage, plain=plain, told=told, calibrating=fitted_to)

    def _written(self, split: Split, file: Path) -> str:
        """The hand labels of a split as a file, and its name."""
        write_split(file, split, self.labels)
        return str(file)

    def _told(self, teacher: RecordedEngine, texts: Sequence[Text], scores: np.ndarray) -> dict[str, Any]:
        counts = np.bincount(scores.argmax(axis=1), minlength=len(self.labels))
        return {
            "teacher": teacher.name, "way": teacher.about["way"], "undecided": teacher.about["undecided"],
            "texts": len(texts), "of": len(self.table), "checked": self.checked,
            "mean_confidence": float(scores.max(axis=1).mean()),
            "label_shares": {label: float(n / len(texts)) for label, n in zip(self.labels, counts, strict=True)},
            "calibrating": len(self.calibrating), "measuring": len(self.measuring), "scale": list(map(float, teacher.scale)),
            "shift": list(map(float, teacher.shift)),
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """What came of asking."""

    task: dict[str, Any]
    """Settings of the task that learns from the teacher's labels."""
    teacher: Stage
    """Its answers, calibrated where there were hand labels for it."""
    plain: Stage
    """Its answers as they came."""
    told: dict[str, Any]
    """For the report."""
    calibrating: str | None
    """A file of the hand labels that calibrate the students too."""
