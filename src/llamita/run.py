"""What happens in a run, top to bottom: open the task, build the teacher, apply the steps, export, measure, report."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from llamita.core import processes
from llamita.core.alone import alone_in
from llamita.core.errors import require
from llamita.core.hardware import chosen_device, machine, of_device, versions
from llamita.core.kept import process_as_it_was
from llamita.core.logs import BEGUN, logged
from llamita.core.messages import LANGUAGES
from llamita.core.recipe import Recipe
from llamita.core.registry import name_of
from llamita.core.report import Report, Subject
from llamita.core.store import Store
from llamita.core.whole import write_whole
from llamita.data.columns import named_columns
from llamita.subjects import METRICS, calibrated_again, exported, subjects_of
from llamita.train.track import check_tracker
from llamita.workshop import Stage, Workshop, open_engine, open_task, set_threads

if TYPE_CHECKING:
    from llamita.core.engine import Engine

log = logging.getLogger(__name__)
TEST_FILE = "test.csv"
"""The test split, where it was cut off or came from no file."""


def load(
    model: str | Path, *, threads: int | None = None, device: str | None = None, precision: str = "fp32"
) -> Engine:
    """Open a model or an artifact for prediction; an artifact needs no torch.

    A run's folder opens as its result: the exported artifact when there is one, else the Hugging Face folder.

    Args:
        model: a folder, a .gguf file, a Hub id, `config:FAMILY:SIZE`, or the short name of a packaged model.
        threads: what it computes with; those of torch hold for the whole process. Left out, an artifact takes all cores, and
            torch what it was told before, or all cores where it is imported by this call.
        device: cuda, mps or cpu; the best there is when left out. An artifact is the CPU's.
        precision: what torch computes in: fp32, bf16, or auto for bf16 where the machine is fast at it. An artifact has
            its own and takes no notice.

    Raises:
        UserError: no such model, or a machine that can't do it.
    """
    torch: Any = sys.modules.get("torch") if threads is None else None
    before = torch and torch.get_num_threads()
    opened = open_engine(model, threads=threads, device=device, precision=precision)
    if before:
        torch.set_num_threads(before)
    return opened


@contextmanager
def new_folder(folder: Path, stages: Path, *, redact: bool = False) -> Generator[None]:
    """A run's folder and its log; one that was made for what failed before any stage was made goes again."""
    made, before = not folder.exists(), set(stages.glob("*"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        (folder / BEGUN).touch()
        with logged(folder, redact=redact):
            yield
    except Exception:
        if made and set(stages.glob("*")) <= before:
            shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def at_work(folder: Path, stages: Path, *, redact: bool = False) -> Generator[None]:
    """A run's folder and log, while no other process makes the same stages."""
    with new_folder(folder, stages, redact=redact), alone_in(stages, folder if stages.parent == folder else stages):
        yield


def execute(
    recipe: Recipe,
    folder: str | Path,
    *,
    stages: str | Path | None = None,
    threads: int | None = None,
    device: str | None = None,
    command: str = "",
    language: str = "en",
    track: str = "",
    compile: Literal["auto", "on", "off"] = "auto",
) -> Report:
    """Run a recipe in a folder; the same call resumes it, and what is already there is not done again.

    Args:
        stages: a folder that several runs share, so that what they begin with is made once; in the run's own when left out.
        threads: what models learn and answer with; all cores when left out. What torch was set to before is put back at the
            end, and so is the state of random numbers.
        device: where models learn and the teacher answers: cuda, mps or cpu; the best there is when left out.
        command: what the report says that it was made by; the command that repeats the recipe when left out.
        language: of the pages and the model card: en or zh.
        track: where the losses go as they come: tensorboard, trackio or mlflow.
        compile: whether torch compiles the layers for a training; auto: a long one, where it was measured to be faster here.

    Raises:
        UserError: for a recipe, file or machine that can't do it.
    """
    _require_possible(recipe, folder, language)
    folder, device = Path(folder).expanduser(), chosen_device(device, to_train=True)
    processes.wait()  # all have found the folder fit for a run
    stages = Path(stages or folder / "stages").expanduser()
    with process_as_it_was(), at_work(folder, stages) if processes.is_first() else nullcontext():
        if processes.is_first():
            _keep_recipe(recipe, folder / "recipe.yaml")
        shop = Workshop(
            store=Store(folder=stages), threads=set_threads(threads), seed=recipe.seed, device=device,
            track=check_tracker(track) if track else "", compile=compile, task=open_task(recipe.task) if recipe.task else None,
            columns=named_columns(next(iter(recipe.task.values())).get("columns")) if recipe.task else None,
        )  # fmt: skip
        shop = shop.with_test_file(folder / TEST_FILE) if recipe.measures else shop
        last, teacher = build_stages(shop, recipe)
        deliver(last, folder / "light")
        rows = []
        for short, artifact, made in exported(shop, recipe, last, teacher, "light", last.name):
            deliver(artifact, folder / "light" / short)
            rows.append(made)
        subjects = [*subjects_of(shop, recipe, last, teacher), *rows]
        report = _reported(
            shop, recipe, f"{last.name}: {', '.join(map(name_of, recipe.steps)) or 'as it came'}", subjects
        )
        report = replace(report, command=command or f"llamita run {folder / 'recipe.yaml'} --out {folder}")
        if processes.is_first():
            finish(report, folder, language=language)
    return report


def _require_possible(recipe: object, folder: object, language: str) -> None:
    """Refuse from Python what no run can do."""
    require(
        isinstance(recipe, Recipe),
        f"execute takes a Recipe, got {type(recipe).__name__}; Recipe.from_dict makes one of plain data",
    )
    require(isinstance(folder, str | Path), f"out must be a folder, got {folder!r}")
    require(language in LANGUAGES, f"language must be one of {', '.join(LANGUAGES)}, got {language!r}")
    require(not Path(str(folder)).expanduser().is_file(), f"out must be a folder; {folder} is a file")


def _reported(shop: Workshop, recipe: Recipe, title: str, subjects: Sequence[Subject]) -> Report:
    return Report(
        title=title, task=shop.task.describe() if shop.task else {}, subjects=tuple(subjects),
        machine=machine() | {"threads": shop.threads} | of_device(shop.device), versions=versions(), seed=recipe.seed,
    )  # fmt: skip


def _keep_recipe(recipe: Recipe, file: Path) -> None:
    """Write the recipe into the run's folder, and say so if another one stood there."""
    if file.exists() and file.read_text(encoding="utf-8") != recipe.to_yaml():
        log.info("%s was made with other settings: what they change is made anew, the rest is kept", file.parent)
    write_whole(file, recipe.to_yaml())


def build_stages(shop: Workshop, recipe: Recipe) -> tuple[Stage, Stage | None]:
    """The last stages of a recipe's model and of its teacher."""
    if recipe.ask is not None:
        return shop.ask(recipe.model, recipe.ask, next(iter(recipe.task.values()), {}).get("columns")), None
    teacher = None
    if isinstance(recipe.teacher, Recipe):
        teacher, _ = build_stages(shop, recipe.teacher)
    elif recipe.teacher:
        teacher = shop.start(recipe.teacher)
    return shop.chain(shop.start(recipe.model), calibrated_again(recipe.steps), teacher), teacher


def deliver(stage: Stage, folder: Path, keep: Sequence[str] = ()) -> None:
    """Copy a stage to where the user finds it, whole or not at all; what stood there before is replaced.

    Args:
        keep: names of what a stage otherwise keeps for itself.
    """
    if not processes.is_first():
        return
    part = folder.with_name(f".{folder.name}.part")
    old = folder.with_name(f".{folder.name}.old")
    for left in (part, old):
        shutil.rmtree(left, ignore_errors=True)
    unwanted = {METRICS, "seconds.txt", "vocabulary.json", "room.json", "tokenizer-*.json"} - set(keep)
    shutil.copytree(stage.folder, part, ignore=shutil.ignore_patterns(*unwanted))
    if folder.exists():
        os.replace(folder, old)
    os.replace(part, folder)
    shutil.rmtree(old, ignore_errors=True)


def write_report(report: Report, folder: Path, *, redact: bool = False, language: str = "en") -> None:
    """Write report.json and the pages."""
    from llamita.pages.report import write_pages

    (report.redacted() if redact else report).save(folder / "report.json")
    write_pages(report, folder, redact=redact, language=language)


def finish(report: Report, folder: Path, *, redact: bool = False, language: str = "en") -> None:
    """Write report.json, the pages and the model card."""
    from llamita.pages.model_card import write_card

    write_report(report, folder, redact=redact, language=language)
    if any((folder / "light" / file).exists() for file in ("config.json", "terms.json")):
        write_card(report, folder / "light", language)
