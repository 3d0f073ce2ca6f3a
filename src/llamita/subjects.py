"""Subjects of a recipe's report: the model on its way and at its end, other ways beside it, and what is exported, each measured."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from llamita.core.errors import UserError
from llamita.core.exporter import ARTIFACT_FILE, Artifact
from llamita.core.lineage import read_lineage
from llamita.core.measure import Finding
from llamita.core.registry import name_of
from llamita.core.report import Subject
from llamita.workshop import TRAINING

if TYPE_CHECKING:
    from llamita.core.recipe import Recipe
    from llamita.core.step import Step
    from llamita.workshop import Stage, Workshop

log = logging.getLogger(__name__)
METRICS = "metrics.jsonl"
"""Losses and scores of a training, in the folder of the stage that it made."""
CALIBRATES = "learn.calibrate"


def calibrated_again(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps, and after each that changes a calibrated model the same calibration anew, unless the next one trains it."""
    found: list[Step] = []
    calibration: Step | None = None
    for step, following in zip(steps, [*map(name_of, steps), ""][1:], strict=True):
        found.append(step)
        if name_of(step) == CALIBRATES:
            calibration = step
        elif calibration is not None and not following.startswith(TRAINING):
            log.info("%s changes a calibrated model: it is calibrated anew", name_of(step))
            found.append(calibration)
    return tuple(found)


def subjects_of(shop: Workshop, recipe: Recipe, last: Stage, teacher: Stage | None) -> Sequence[Subject]:
    """The teacher, other ways, the way there where it is asked for, and the last stage, which is what is delivered."""
    ways = list(_beside(shop, recipe, teacher))
    if not recipe.measures:
        return ()
    found = []
    if teacher is not None:
        found.append(subject(teacher, "teacher", shop.measure(teacher, recipe.measures), lineage_of(teacher)))
    found += ways
    if recipe.measure_each:
        found += _on_the_way(shop, recipe, teacher)
    role = "model" if recipe.exporters or recipe.measure_each else "light"
    findings = (*shop.measure(last, recipe.measures, reference=teacher), *training_curve(last))
    name = _names_on_the_way(recipe)[-1] if recipe.measure_each and recipe.steps else ""
    return [*found, subject(last, role, findings, lineage_of(last), name)]


def _on_the_way(shop: Workshop, recipe: Recipe, teacher: Stage | None) -> Iterator[Subject]:
    """The model as it came, and after each step but the last; one that can't be measured yet says why."""
    stage = shop.start(recipe.model)
    for step, name in zip(calibrated_again(recipe.steps), _names_on_the_way(recipe), strict=False):
        try:
            findings = (*shop.measure(stage, recipe.measures, reference=teacher), *training_curve(stage))
        except UserError as error:
            findings = (Finding(name="quality.accuracy", value=None, reason=str(error)), *training_curve(stage))
        yield subject(stage, "model", findings, lineage_of(stage), name)
        stage = shop.apply(stage, step, teacher)


def _names_on_the_way(recipe: Recipe) -> list[str]:
    """What the model as it came is called, and after each step; one that is taken more than once has its number."""
    steps = [name_of(step) for step in calibrated_again(recipe.steps)]
    numbered = [f"{name} ({number})" if steps.count(name) > 1 else name for number, name in enumerate(steps, 1)]
    return ["as it came", *(f"after {name}" for name in numbered)]


def _beside(shop: Workshop, recipe: Recipe, teacher: Stage | None) -> Iterator[Subject]:
    """The end of each other way, and what it comes to when it is exported."""
    for name in recipe.beside:
        try:
            yield from _of_way(shop, recipe, teacher, name)
        except UserError as error:
            raise UserError(f"beside: {name}: {error}") from None


def _of_way(shop: Workshop, recipe: Recipe, teacher: Stage | None, name: str) -> Iterator[Subject]:
    """The rows of one other way."""
    last = shop.chain(shop.start(recipe.model), calibrated_again(recipe.beside[name]), teacher)
    if recipe.measures:
        findings = (*shop.measure(last, recipe.measures, reference=teacher), *training_curve(last))
        yield subject(last, "model", findings, lineage_of(last), name)
    yield from (made for _, _, made in exported(shop, recipe, last, teacher, "model", name) if recipe.measures)


def exported(
    shop: Workshop, recipe: Recipe, last: Stage, teacher: Stage | None, role: str, name: str
) -> Iterator[tuple[str, Stage, Subject]]:
    """Each artifact of a last stage, measured: the exporter's short name, the artifact, and its row."""
    for exporter in recipe.exporters:
        short = name_of(exporter).split(".")[1]
        artifact = shop.export(last, exporter)
        findings = shop.measure(artifact, recipe.measures, reference=teacher) if recipe.measures else ()
        yield short, artifact, subject(artifact, role, findings, exported_lineage(last, artifact), f"{name}, {short}")


def training_curve(stage: Stage) -> tuple[Finding, ...]:
    """The loss over the steps of the training that made a stage, where one did."""
    file = stage.folder / METRICS
    if not file.exists():
        return ()
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    curve = [[line["step"], round(line["loss"], 5)] for line in lines if "loss" in line]
    if not curve:
        return ()
    return (
        Finding(
            name="train.loss", value=curve[-1][1], unit="nats", better="lower", n=curve[-1][0], detail={"curve": curve}
        ),
    )


def subject(
    stage: Stage, role: str, findings: Sequence[Finding], lineage: Sequence[dict[str, Any]] = (), name: str = ""
) -> Subject:
    """A report's subject for a stage."""
    return Subject(
        name=name or stage.name, role=role, path=str(stage.folder), findings=tuple(findings), lineage=tuple(lineage)
    )


def lineage_of(stage: Stage) -> tuple[dict[str, Any], ...]:
    """The steps that made a model stage."""
    return read_lineage(stage.folder)


def exported_lineage(stage: Stage, artifact: Stage) -> tuple[dict[str, Any], ...]:
    """The steps that made an artifact: those of its model, and the export as the artifact tells it."""
    about = json.loads((artifact.folder / ARTIFACT_FILE).read_text(encoding="utf-8"))
    exported = Artifact(folder=artifact.folder, exporter=about["exporter"])
    settings = {key: about[key] for key in ("precision", "bits") if key in about}
    last = {"step": exported.exporter, "settings": settings, "size_bytes": exported.size_bytes}
    return (*lineage_of(stage), last | ({"parameters": about["parameters"]} if "parameters" in about else {}))
