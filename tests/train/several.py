"""Steps that a test carries out in one process, and this file in several: `python -m tests.train.several FOLDER`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.families import tiny_model
from tests.talks import chat_model, uneven_task
from tests.train.kill import apply_until_done, checkpoint_often
from tests.train.tiny import LABELS, several_task, tiny_run, tiny_task

from llamita.core import processes
from llamita.core.model import Model
from llamita.core.step import Step
from llamita.distill.hidden import Hidden
from llamita.learn.finetune import Finetune
from llamita.learn.pretrain import Pretrain

QUICK = {"epochs": 1.5, "batch_size": 7, "learning_rate": 2e-3, "dropout": False, "precision": "fp32"}
OWN = {**QUICK, "pieces": 320, "window": 40, "copies": "keep", "filtered": False, "batch_size": 3}
"""Of a pretraining with a tokenizer of the documents."""
STEPS: dict[str, tuple[str, Step]] = {
    "plain": ("bert", Finetune(class_weights="balanced", early_stopping=2, evaluations=3, **QUICK)),
    "packed": ("bert", Finetune(packing="on", **QUICK)),
    "decoder": ("llama", Finetune(packing="on", label_smoothing=0.1, **QUICK)),
    "dialogues": ("llama", Finetune(packing="on", label_smoothing=0.1, **QUICK)),
    "lora": ("roberta", Finetune(lora_rank=2, freeze=0.5, **QUICK)),
    "several": ("distilbert", Finetune(**QUICK)),
    "language": ("llama", Pretrain(window=40, copies="keep", filtered=False, **{**QUICK, "batch_size": 3})),
    "apart": ("llama", Pretrain(window=40, packing="off", copies="keep", **{**QUICK, "batch_size": 3})),
    "masked": ("bert", Pretrain(window=40, copies="keep", filtered=False, **{**QUICK, "batch_size": 3})),
    "bpe": ("bert", Pretrain(tokenizer="bpe", **OWN)),
    "unigram": ("llama", Pretrain(tokenizer="unigram", **OWN)),
    "mixed": ("llama", Pretrain(objective="mixed", tokenizer="bpe", **OWN)),
    "hidden": ("bert", Hidden(packing="on", layers="2:2", **{**QUICK, "batch_size": 5})),
}
"""More texts than batches divide by, so that parts are uneven, and a last batch that is smaller than the others."""
KILLED: dict[str, tuple[str, Step]] = {
    "killed": ("bert", Finetune(early_stopping=2, evaluations=3, max_tokens=0, **QUICK | {"dropout": True})),
    "killed language": (
        "llama",
        Pretrain(window=40, growing=True, copies="keep", filtered=False, **QUICK | {"dropout": True}),
    ),
    "killed unigram": ("llama", Pretrain(tokenizer="unigram", **OWN | {"dropout": True})),
}
"""What is killed and resumed in several processes, with dropout, which each draws for itself."""


def carried_out(name: str, folder: Path, kills: Sequence[int] = ()) -> Model:
    """The model after a step, killed before these training steps and carried out again; the folder holds its metrics."""
    torch.set_num_threads(1)
    family, step = (STEPS | KILLED)[name]
    tasks = {"several": lambda: several_task(36), "dialogues": lambda: uneven_task(29)}
    task = tasks[name]() if name in tasks else tiny_task(29, unlabelled=7)
    run = tiny_run(folder, task)
    labels = task.labels if name == "several" else LABELS
    if step.needs_teacher:
        teacher = folder.parent / "teacher"
        if processes.is_first() and not teacher.exists():
            tiny_model("bert", labels=LABELS, seed=1).save(teacher)
        processes.wait()
        run = replace(run, teacher=teacher)
    with pytest.MonkeyPatch.context() as patch:
        if name in KILLED:
            checkpoint_often(patch, 2)
        make = chat_model if name == "dialogues" else lambda: tiny_model(family, labels=labels)
        return apply_until_done(step, make, run, [*kills], patch)[0]


if __name__ == "__main__":
    for name in STEPS:
        folder = Path(sys.argv[1]) / name
        model = carried_out(name, folder)
        torch.save(model.module.state_dict(), folder / f"weights-{processes.process_rank()}.pt")
    for name in KILLED:
        for kills in ([], [3, 1]):
            folder = Path(sys.argv[1]) / name / ("resumed" if kills else "calm")
            model = carried_out(name, folder, kills)
            torch.save(model.module.state_dict(), folder / f"weights-{processes.process_rank()}.pt")
    processes.leave()
