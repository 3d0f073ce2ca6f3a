"""lighten: goals -> candidates -> recipes -> the front -> the choice -> the light model and its page."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from llamita.core.answers import KINDS
from llamita.core.checked import as_python, as_seed, is_number
from llamita.core.errors import require
from llamita.core.hardware import chosen_device, of_device
from llamita.core.kept import process_as_it_was
from llamita.core.messages import LANGUAGES
from llamita.core.opening import checked_threads
from llamita.core.report import Report
from llamita.core.sources import fingerprint, locate
from llamita.core.store import Store
from llamita.core.task import Task
from llamita.data.columns import named_columns
from llamita.goals import Goals
from llamita.inputs import as_recipe_holds, checked, default_folder, default_teacher
from llamita.job import Job
from llamita.plan import save_plan, settle, stored_plan, tell
from llamita.run import TEST_FILE, at_work, deliver, finish
from llamita.tasks.recipe_ask import SHOTS
from llamita.tasks.splits import listed_names
from llamita.unlabelled import Unlabelled, require_enough, unlabelled_texts
from llamita.verdict import told
from llamita.workshop import Workshop, open_task, set_threads

log = logging.getLogger(__name__)


def lighten(
    model: str | Path | None = None, *, data: Any, test: Any = None, unlabelled: Any = None,
    labels: str | Sequence[str] | Mapping[str, str] | None = None, columns: Mapping[str, str] | None = None,
    task: str = "classify", keep: float | None = 0.99, max_size: int | None = None, max_latency: float | None = None,
    threads: int | None = None, minutes: float = 15, out: str | Path | None = None, seed: int = 0, redact: bool = False,
    language: str = "en", students: Sequence[str] | None = None, teacher_floor: float | None = None, audit: Any = None,
    prompt: str | None = None, few_shot: Any = None, shots: int = SHOTS, command: str = "", device: str | None = None,
    prior: bool | None = None, per_token: bool | None = None, select: Any = None,
) -> Report:  # fmt: skip
    """Make a light model of a large one on the user's texts, and prove it.

    Args:
        model: the teacher; chosen by the language of the texts when left out. Of texts without labels also a server's
            http://HOST/v1#MODEL.
        data: training texts, a file or anything `read_table` takes. Where they have no labels, `labels` names some, and the
            teacher is asked for them.
        labels: their names in the order wanted; of texts without labels also words to say for them: {"1": "good"}.
        test: labelled texts touched once, at the end; a tenth of the training texts when left out.
        select: labelled texts for choices and temperatures, or the share of the training texts for them; a tenth when left out.
        keep: share of the teacher's accuracy to keep.
        max_size: bytes of the deployable folder.
        max_latency: milliseconds, p95, batch 1, string in, probabilities out.
        threads: what models learn and answer with; all cores when left out. Torch and random numbers are put back at the end.
        minutes: about how long the run may take; the plan is fitted to it.
        out: folder of the run; the same call in the same folder goes on where it stopped.
        students: models besides the teacher that students are cut from; packaged encoders when left out.
        teacher_floor: the teacher's accuracy on the test split, or by hand labels, under which the run fails.
        audit: hand labels of such texts, where the training texts have none: a third calibrates the teacher, the rest
            measures it and the light model; where `test` is given, that measures and all of these calibrate.
        seed: of all that is drawn, from 0 on: splits, fresh weights, the order of training.
        redact: leave the user's texts out of the report and the pages.
        language: of the report's pages and the model card: en or zh.
        task: classify for one label a text, multilabel for any number.
        columns: which column is what, such as {"text": "review", "label": "stars"}; guessed when left out.
        prompt: how a teacher is asked for labels; {text} is the text.
        few_shot: labelled texts, so many `shots` of which are shown to a teacher that is asked.
        prior: whether what a language model that is asked answers to an empty text is taken off; it is when left out.
        per_token: whether the log-probability it gives a label is divided by the label's tokens; it is when left out.
        device: where models learn and the teacher answers: cuda, mps or cpu; the best there is when left out. Latency and
            throughput are always the CPU's.

    Raises:
        UserError: for data, goals or a machine that can't do it.
    """
    _require_possible(task, minutes, seed, threads, language, teacher_floor)
    _require_kinds(model, data, labels, students)
    order = _Order(
        goals=Goals(keep=keep, max_size=max_size, max_latency=max_latency), folder=_folder(out, data), seed=int(seed),
        minutes=as_python(minutes), columns=named_columns(columns), threads=threads, device=chosen_device(device, to_train=True),
        students=None if students is None else [str(one) for one in students], teacher_floor=teacher_floor, redact=redact,
        language=language, command=command,
    )  # fmt: skip
    asking = {
        "audit": audit, "prompt": prompt, "few_shot": few_shot, "shots": shots, "columns": order.columns, "prior": prior,
        "per_token": per_token,
    }  # fmt: skip
    sources = {"train": data, "test": test, "unlabelled": unlabelled, "select": select}
    return _carried_out(order, _read(order, task, sources, labels=labels, model=model, asking=asking))


@dataclass(frozen=True, kw_only=True)
class _Order:
    """What is asked of a run besides its texts, checked."""

    goals: Goals
    folder: Path
    seed: int
    minutes: float
    columns: Mapping[str, str] | None
    threads: int | None
    device: str
    students: list[str] | None
    teacher_floor: float | None
    redact: bool
    language: str
    command: str


@dataclass(frozen=True, kw_only=True)
class _Texts:
    """What a run learns from, read and checked."""

    task: Task
    settings: dict[str, dict[str, Any]]
    """The task's name and settings, as a recipe holds them."""
    model: str
    bare: Unlabelled | None
    """Who is asked for labels, where the texts have none."""
    doubts: list[dict[str, Any]]


def _read(
    order: _Order,
    task: str,
    sources: Mapping[str, Any],
    *,
    labels: Any,
    model: str | Path | None,
    asking: dict[str, Any],
) -> _Texts:
    """The texts, and the task that they are for."""
    labels = labels if isinstance(labels, str | Mapping) else listed_names(labels)
    apart = None if is_number(sources["select"]) else sources["select"]
    tables, doubts = checked(sources["train"], sources["test"], sources["unlabelled"], order.columns, apart)
    settings = _given(**sources, columns=order.columns, labels=labels, seed=order.seed)
    model = str(model or default_teacher(tables["train"].texts))
    bare = unlabelled_texts(tables, labels, order.seed, model=model, asking=asking)
    _require_askable(bare, task, order.teacher_floor)
    require(
        bare is None or sources["select"] is None,
        "select is for texts with labels; a teacher's labels are cut into training and choices by themselves: leave it out",
    )
    require_enough(tables["train"])
    opened = open_task(bare.stand_in() if bare else {task: settings | tables})
    require(
        bare is not None or len(opened.select) > 0,
        "lighten chooses and calibrates on the select split, and there is none; give a share above 0, such as 0.1, or"
        " labelled texts",
    )
    return _Texts(task=opened, settings={task: as_recipe_holds(settings)}, model=model, bare=bare, doubts=doubts)


def _carried_out(order: _Order, texts: _Texts) -> Report:
    """Plan, candidates, choice, delivery and pages, in the order's folder, which no other run may use meanwhile."""
    folder = order.folder
    store = Store(folder=folder / "stages")
    with process_as_it_was(), at_work(folder, store.folder, redact=order.redact):
        shop = Workshop(
            store=store, task=texts.task, threads=set_threads(order.threads), seed=order.seed, columns=order.columns,
            device=order.device,
        )  # fmt: skip
        plan = planned(shop, order, texts)
        tell(plan, folder)
        report = _reported(
            Job(shop=shop, goals=order.goals, model=texts.model, plan=plan, redact=order.redact), order, texts
        )
        again = f"llamita run {folder / 'recipe.yaml'} --out AGAIN" if texts.task.train.source else ""
        report = replace(report, command=order.command or again, data_findings=tuple(texts.doubts))
        finish(report, folder, redact=order.redact, language=order.language)
    return report


def _require_possible(
    task: str, minutes: float, seed: int, threads: int | None, language: str, teacher_floor: float | None
) -> None:
    """Refuse what no run can do."""
    known = tuple(kind.task for kind in KINDS)
    require(task in known, f"lighten can do the tasks {' and '.join(known)}, got {task!r}")
    require(is_number(minutes) and minutes > 0, f"minutes must be a number more than 0, got {minutes!r}")
    require(
        teacher_floor is None or (is_number(teacher_floor) and 0 <= teacher_floor <= 1),
        f"teacher_floor must be a share from 0 to 1, got {teacher_floor!r}",
    )
    as_seed("seed", seed)
    require(language in LANGUAGES, f"language must be one of {', '.join(LANGUAGES)}, got {language!r}")
    checked_threads(threads)


def _require_kinds(model: Any, data: Any, labels: Any, students: Any) -> None:
    """Refuse from Python what the command line can't even say."""
    require(data is not None, "no data given; give training data: a file, (texts, labels), a DataFrame or a Dataset")
    listed_names(labels)
    known = isinstance(students, Sequence) and not isinstance(students, str)
    require(
        students is None or (known and all(isinstance(one, str | Path) for one in students)),
        f"students must be a list of models, such as ['minilm'], got {students!r}",
    )
    require(
        model is None or isinstance(model, str | Path),
        f"lighten takes a model's folder or name, got {type(model).__name__}; save it first: model.save('folder')",
    )


def _folder(out: str | Path | None, data: Any) -> Path:
    """Where the run goes; refused where a file stands."""
    require(out is None or isinstance(out, str | Path), f"out must be a folder, got {out!r}")
    folder = Path(out or default_folder(data)).expanduser()
    require(not folder.is_file(), f"out must be a folder; {folder} is a file")
    return folder


def _given(*, labels: Any, **settings: Any) -> dict[str, Any]:
    """The task's settings that have a value; of labels with words to say for them, the names."""
    names = labels if isinstance(labels, str) else listed_names(labels)
    return {key: one for key, one in {**settings, "labels": names}.items() if one is not None}


def _reported(job: Job, order: _Order, texts: _Texts) -> Report:
    """The run's report, whether the texts have labels or a teacher gives them."""
    if texts.bare:
        return learned_from_answers(texts.bare, job, order.folder, order.teacher_floor)
    ((name, settings),) = texts.settings.items()
    cut = {"max_length": job.plan["max_length"]}
    job.plan["task"] = {name: settings | cut}
    shop = replace(job.shop, task=replace(texts.task, **cut))
    shop = shop if order.redact else shop.with_test_file(order.folder / TEST_FILE)
    return replace(job, shop=shop).carry_out(order.folder, order.teacher_floor)


def _require_askable(bare: Unlabelled | None, task: str, teacher_floor: float | None) -> None:
    """Refuse what a run on a teacher's answers can't do."""
    if bare is None:
        return
    require(
        task == "classify",
        f"of texts without labels a teacher is asked for one label each (--task classify), got {task!r}",
    )
    require(
        teacher_floor is None or bare.checked,
        "teacher_floor needs hand labels that the teacher is measured by; give some (audit or test), or leave it out",
    )


def learned_from_answers(bare: Unlabelled, job: Job, folder: Path, teacher_floor: float | None) -> Report:
    """The teacher labels the texts; then the run is one with labels, whose teacher is what it said."""
    plan = job.plan
    labelled = bare.label(job.shop, plan["texts"], folder)
    plan["task"] = {"classify": labelled.task | {"max_length": plan["max_length"]}}
    plan["calibrating"] = labelled.calibrating
    shop = replace(job.shop, task=open_task(plan["task"]), columns=None)
    deliver(labelled.teacher, folder / "teacher")
    job = replace(job, shop=shop, model=str(folder / "teacher"), given=labelled.teacher)
    return told(job.carry_out(folder, teacher_floor), labelled, shop)


def planned(shop: Workshop, order: _Order, texts: _Texts) -> dict[str, Any]:
    """The plan that stands in the folder for the same question, or a new one, which is put there."""
    folder, goals, minutes, students, bare = order.folder, order.goals, order.minutes, order.students, texts.bare
    asked = {
        "model": texts.model, "goals": asdict(goals), "minutes": minutes, "threads": shop.threads, "seed": shop.seed,
        "students": students, "data": texts.task.training_fingerprint, "test": texts.task.test.fingerprint,
        "models": _digests([*([] if bare else [texts.model]), *(students or ())]),
        **({"unlabelled": bare.asked} if bare else {}), **of_device(shop.device),
    }  # fmt: skip
    plan = stored_plan(folder, asked)
    if plan is None:
        log.info("timing the models on your texts")
        if bare:
            new = bare.settle(shop, students, goals, minutes)
        else:
            new = settle(shop, texts.model, students, goals, minutes)
        plan = {"asked": asked, **new}
        save_plan(plan, folder)
    return plan


def _digests(models: Sequence[str]) -> list[str]:
    """What tells whether a model is still the one that a plan was made for."""
    return [fingerprint(locate(model)) for model in models]


class _CallableModule(ModuleType):
    """`llamita.lighten` is both this module and the public function."""

    def __call__(self, *args: Any, **kwargs: Any) -> Report:
        return lighten(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
