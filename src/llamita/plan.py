"""The plan: settled before the start from short timings, stored in plan.json, followed whatever the clock says later."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.candidates import Body, stage_bytes
from llamita.core.architecture import architecture_of, layer_lists, submodule
from llamita.core.errors import UserError
from llamita.core.exporter import folder_bytes
from llamita.core.hardware import has_fast_bf16
from llamita.core.sources import locate
from llamita.effort import Pace, shapes_of, student_effort
from llamita.prune.vocabulary import pieces_needed
from llamita.prune.width import groups_possible

if TYPE_CHECKING:
    from llamita.core.model import Model
    from llamita.core.task import Task, Text
    from llamita.goals import Goals
    from llamita.workshop import Workshop

log = logging.getLogger(__name__)
PLAN_FILE = "plan.json"


WHOLE_STEP = 1.4
"""A step in training against its forward and backward pass on a batch of middle length: optimizer, clipping, long batches."""


def lengths_of(model: Model, texts: Sequence[Text], max_length: int | None) -> list[int]:
    """Tokens of each text as the model cuts it."""
    limit = min(model.max_length, max_length or model.max_length)
    return [min(len(ids), limit) for ids, _ in model.encoder.encode(texts)]


TIMED_TEXTS, TIMED_TOKENS, TIMED_TIMES, TIMED_SECONDS = 32, 1600, 3, 5.0
"""Most texts and tokens of a batch that is timed, how often at most, and the seconds after which it isn't again."""


def take_pace(model: Model, task: Task, max_length: int | None) -> Pace:
    """Time forward and training steps on batches of the median length; the weights are not changed."""
    import torch

    from llamita.train.mode import set_to_train

    texts = task.train.texts
    sample = [texts[i] for i in np.linspace(0, len(texts) - 1, min(len(texts), 2000)).astype(int)]
    lengths = np.array(lengths_of(model, sample, max_length))
    number = max(4, min(TIMED_TEXTS, round(TIMED_TOKENS / max(1.0, float(np.median(lengths))))))
    middle = np.argsort(np.abs(lengths - np.median(lengths)), kind="stable")[:number]
    encoder = model.encoder
    limit = int(lengths.max())
    batch = encoder.pad([(ids[:limit], types[:limit]) for ids, types in encoder.encode([sample[i] for i in middle])])
    inputs = model.inputs(batch.token_ids, batch.mask, batch.type_ids)
    labels = torch.zeros(len(batch.token_ids), dtype=torch.long, device=model.device)
    fast = has_fast_bf16(model.device.type)
    tokens = int(batch.mask.sum())

    def step(backward: bool) -> float:
        began = time.perf_counter()
        with torch.set_grad_enabled(backward), torch.autocast(model.device.type, torch.bfloat16, enabled=fast):
            loss = torch.nn.functional.cross_entropy(model.module(**inputs).logits.float(), labels)
        if backward:
            loss.backward()
            model.module.zero_grad(set_to_none=True)
        torch.get_device_module(model.device).synchronize()
        return time.perf_counter() - began

    def quickest(backward: bool) -> float:
        taken = [step(backward)]
        while len(taken) < TIMED_TIMES and sum(taken) < TIMED_SECONDS:
            taken.append(step(backward))
        return min(taken)

    with set_to_train(model.module, limit):
        step(True)
        train, score = quickest(True), quickest(False)
    total = round(float(lengths.mean()) * len(texts))
    embeddings = model.module.get_input_embeddings().weight.numel()
    return Pace(
        train=train * WHOLE_STEP / tokens,
        score=score / tokens,
        tokens=total,
        parameters=model.num_parameters - embeddings,
    )


def body_of(model: Model, student: str, task: Task) -> Body:
    """What a student's layers, neurons and pieces come to."""
    module, architecture = model.module, architecture_of(model.module)
    stack, layer_list = architecture.stacks[-1], layer_lists(module)[-1]
    layer = layer_list[-1]
    count = lambda part: sum(p.numel() for p in part.parameters())  # noqa: E731
    feed_forward = sum(count(submodule(layer, path)) for path in (*stack.ffn.inputs, stack.ffn.output))
    embedding = module.get_input_embeddings().weight
    least, whole = pieces_needed(model, task)
    layers = len(layer_list)
    neurons = submodule(layer, stack.ffn.output)
    in_features = getattr(neurons, "in_features", None) or neurons.nx
    return Body(
        student=student, layers=layers, layer=count(layer), feed_forward=feed_forward, neurons=in_features,
        hidden=embedding.shape[1], pieces=embedding.shape[0], pieces_of_texts=min(embedding.shape[0], whole), pieces_least=least,
        other=model.num_parameters - layers * count(layer) - embedding.numel(),
        piece_bytes=round(len(model.encoder.tokenizer.to_str(pretty=False).encode()) / embedding.shape[0]),
        attention=sum(count(submodule(layer, path)) for one in stack.attention for path in one.maps),
        groups=groups_possible(module),
    )  # fmt: skip


COPIES_COST, COPIES_SHARE = 0.9, 0.15
"""A changed copy's tokens against its text's, and the share of the minutes that the teacher may take to label the copies: one
beside each text is worth about a point (docs/log.md), but not a long wait for a slow teacher."""


TEACHER_TIMED = 45.0
"""Most seconds that the teacher's single calls take, and again five rounds of 256 texts: `measure.cost` bounds both."""


def save_plan(plan: dict[str, Any], folder: Path) -> None:
    """Put the plan into the folder, whole or not at all."""
    from llamita.core.whole import write_whole

    write_whole(folder / PLAN_FILE, json.dumps(plan, ensure_ascii=False, indent=1))


def stored_plan(folder: Path, asked: dict[str, Any]) -> dict[str, Any] | None:
    """The plan of an earlier, stopped run of the same command on the same data, if there is one."""
    file = folder / PLAN_FILE
    if not file.exists():
        return None
    try:
        plan = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return plan if plan.get("asked") == json.loads(json.dumps(asked)) else None


TOO_LONG = 1.3
"""A plan that is by so much longer than asked says so."""
MANY_CUT = 0.05
"""A plan that reads only the beginning of more than this share of the texts says so."""


def tell(plan: dict[str, Any], folder: Path) -> None:
    """Log what will happen, about how long it takes, and what it needs."""
    log.info("plan (%s):", folder / PLAN_FILE)
    for part in plan["estimate"]:
        log.info("  %5.1f min  %s", part["minutes"], part["what"])
    total = sum(part["minutes"] for part in plan["estimate"])
    free, stages = shutil.disk_usage(folder).free, folder / "stages"
    needed = plan["disk_bytes"] - (folder_bytes(stages) if stages.is_dir() else 0)
    log.info(
        "  %5.1f min in all · about %.1f GB of memory · %.1f GB of disk (%.0f GB free)",
        total, plan["memory_bytes"] / 1e9, plan["disk_bytes"] / 1e9, free / 1e9,
    )  # fmt: skip
    asked = plan.get("asked", {}).get("minutes", total)
    if total > TOO_LONG * asked:
        most = max(plan["estimate"], key=lambda part: part["minutes"])["what"]
        log.warning(
            "longer than the %g minutes asked for: less than this and the teacher or the student would learn too little here;"
            " most of it goes to: %s", asked, most,
        )  # fmt: skip
    if plan.get("cut_share", 0.0) > MANY_CUT:
        log.warning(
            "of each text the first %d tokens are read, and %.0f %% of the texts are longer; more minutes (--minutes) read more",
            plan["max_length"], 100 * plan["cut_share"],
        )  # fmt: skip
    if free < needed:
        raise UserError(
            f"{folder} has {free / 1e9:.1f} GB free but the run needs about {needed / 1e9:.1f} GB; "
            "make room or give --out on another disk"
        )


def settle(shop: Workshop, model: str, students: Sequence[str] | None, goals: Goals, minutes: float) -> dict[str, Any]:
    """Time the models on the user's texts and fit lengths, epochs and candidates to the minutes asked for."""
    task = shop.task
    assert task is not None
    teacher = shop.load(shop.start(model))
    trained = task.has_head(teacher)  # type: ignore[attr-defined]
    decoder = architecture_of(teacher.module).is_decoder_only
    lengths = lengths_of(teacher, task.train.texts, task.max_length)
    task.fit_head(teacher)
    whole = int(np.ceil(np.quantile(lengths, 0.98) / 8) * 8)
    schedule = _teacher_schedule(teacher, task, whole, decoder, trained, 0.42 * 60 * minutes)
    pace, max_length = schedule.pop("pace"), schedule["max_length"]
    bodies, paces = [body_of(teacher, "teacher", task)], {"teacher": pace}
    del teacher
    for body, other in students_of(shop, students, max_length):
        bodies.append(body)
        paces[body.student] = other
    looks = 1 + len(task.unlabelled) / len(task.train)
    paces = {name: replace(one, tokens=round(one.tokens * looks)) for name, one in paces.items()}
    answers = len(task.select) + 3 * len(task.test) + 500
    a_text = pace.score * float(np.mean(np.minimum(lengths, max_length)))
    fixed = 80 + pace.parameters * 4e-7 + answers * a_text + 2 * min(TEACHER_TIMED, 5 * 256 * a_text)
    outputs = pace.tokens * pace.score
    copies = int(COPIES_COST * outputs <= COPIES_SHARE * 60 * minutes)
    outputs *= looks + COPIES_COST * copies
    spent = schedule["seconds"] + outputs + fixed
    effort = student_effort(bodies, paces, goals, 60 * minutes - spent, spent)
    parts = [
        ("teacher: fine-tuning", schedule["seconds"]), ("teacher: outputs for distillation", outputs),
        (f"{len(effort['shapes'])} candidates, {effort['brief_epochs']:g} epochs each", effort.pop("brief_seconds")),
        ("the chosen one and its twin without a teacher, fully", effort.pop("full_seconds")),
        ("exports, plain int8 of the teacher, measures, pages", fixed),
    ]  # fmt: skip
    size = bodies[0].layers * bodies[0].layer + bodies[0].other + bodies[0].hidden * bodies[0].pieces
    return {
        "max_length": max_length, "cut_share": float(np.mean(np.asarray(lengths) > max_length)),
        "teacher_is_trained": trained, "teacher": schedule, "augment": copies, "looks": looks, **effort,
        "timings": {name: asdict(p) for name, p in paces.items()},
        "estimate": [{"what": what, "minutes": round(seconds / 60, 2)} for what, seconds in parts],
        "memory_bytes": int(size * 16 + 3e9), "disk_bytes": int(size * 16 + 1e9) + stage_bytes(shapes_of(effort)),
    }  # fmt: skip


def installed_students() -> tuple[str, ...]:
    """The packaged students that are on this disk; nothing is fetched that nobody named."""
    if locate("minilm").path is not None:
        return ("minilm",)
    log.info("minilm isn't installed and is left out; docs/how-to/install.md says how, or name it: --students minilm")
    return ()


def students_of(
    shop: Workshop, students: Sequence[str] | None, max_length: int | None, *, read: Task | None = None
) -> list[tuple[Body, Pace]]:
    """Size and pace of each student besides the teacher; of the packaged ones, those that know the texts' language.

    Args:
        read: the task whose texts keep their pieces, where it isn't the shop's.
    """
    task, found = shop.task, []
    assert task is not None
    for student in students if students is not None else installed_students():
        model = shop.load(shop.start(student))
        if students is None and model.encoder.unknown_share(task.train.texts[:1000]) > 0.01:
            log.info("%s doesn't know more than 1 %% of the tokens of these texts and is left out", student)
            continue
        task.fit_head(model)
        found.append((body_of(model, student, read or task), take_pace(model, task, max_length)))
    return found


ENOUGH_TEXTS, ENOUGH_LOOKS = 6000, 15000
"""A decoder, whose head starts from the labels' words, learns a task from about so many texts; an encoder, whose head starts
from nothing, needs so many looks at them. A plan never trains a teacher on fewer when there are more."""
FREEZE = 0.1
"""The embeddings and this share of the layers, from below, stay as they are in the teacher: a sixth of the time, for what a
few thousand texts hardly move. Freezing 0.4 cost a point and a half (docs/log.md)."""


def _teacher_schedule(
    teacher: Model, task: Task, whole: int, decoder: bool, trained: bool, seconds: float
) -> dict[str, Any]:
    """Length and epochs of the teacher's fine-tuning: the fullest that fits, else the cheapest.

    A teacher that learned too little costs more than minutes, so there is a floor (`ENOUGH_TEXTS`, `ENOUGH_LOOKS`).
    """
    most = 1.0 if decoder and len(task.train) > 5000 else 2.0 if decoder else 3.0
    least = min(1.0, ENOUGH_TEXTS / len(task.train)) if decoder else min(most, ENOUGH_LOOKS / len(task.train))
    least = most if most - least < 0.1 else least
    schedule: dict[str, Any] = {}
    for max_length in dict.fromkeys((whole, min(whole, 256), min(whole, 128), min(whole, 96))):
        pace = take_pace(teacher, task, max_length)
        if trained:
            return {"pace": pace, "max_length": max_length, "epochs": 0.0, "freeze": 0.0, "seconds": 0.0}
        for epochs in sorted({most, max(least, most / 2), least}, reverse=True):
            cost = pace.training_seconds(epochs, freeze=FREEZE)
            schedule = {"pace": pace, "max_length": max_length, "epochs": round(epochs, 2), "freeze": FREEZE}
            schedule["seconds"] = cost
            if cost <= seconds:
                return schedule
    return schedule
