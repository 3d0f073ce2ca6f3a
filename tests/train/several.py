"""Steps that a test carries out in one process, and this file in several: `python -m tests.train.several FOLDER`."""

from __future__ import annotations

import gc
import json
import os
import re
import subprocess
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
from llamita.train.examples import BatchSource
from llamita.train.keeper import Keeper

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
    "language": (
        "llama",
        Pretrain(window=40, copies="keep", filtered=False, head_first=0.0, **{**QUICK, "batch_size": 3}),
    ),
    "apart": ("llama", Pretrain(window=40, packing="off", copies="keep", **{**QUICK, "batch_size": 3})),
    "masked": ("bert", Pretrain(window=40, copies="keep", filtered=False, **{**QUICK, "batch_size": 3})),
    "bpe": ("bert", Pretrain(tokenizer="bpe", **OWN)),
    "unigram": ("llama", Pretrain(tokenizer="unigram", **OWN)),
    "denoising": ("bart", Pretrain(window=40, copies="keep", filtered=False, **{**QUICK, "batch_size": 3})),
    "mixed": ("llama", Pretrain(objective="mixed", tokenizer="bpe", **OWN)),
    "in parts": ("bert", Finetune(class_weights="balanced", max_tokens=0, packing="off", **QUICK)),
    "language in parts": ("llama", Pretrain(window=40, copies="keep", max_tokens=0, **{**QUICK, "batch_size": 5})),
    "hidden": ("bert", Hidden(packing="on", layers="2:2", **{**QUICK, "batch_size": 5})),
}
"""More texts than batches divide by, so that parts are uneven, and a last batch that is smaller than the others."""
KILLED: dict[str, tuple[str, Step]] = {
    "killed": ("bert", Finetune(early_stopping=2, evaluations=3, max_tokens=0, **QUICK | {"dropout": True})),
    "killed language": (
        "llama",
        Pretrain(window=40, growing=True, copies="keep", filtered=False, **QUICK | {"dropout": True}),
    ),
    "killed in parts": ("bert", Finetune(max_tokens=0, packing="on", **QUICK | {"dropout": True})),
    "killed unigram": ("llama", Pretrain(tokenizer="unigram", **OWN | {"dropout": True})),
}
"""What is killed and resumed in several processes, with dropout, which each draws for itself."""

SHORT_OF_MEMORY = ("in parts", "language in parts", "killed in parts")
"""Of these a process computes two rows of its batch at once, or two of them packed."""
WEIGHED = ("language",)
"""Of these it is written down what they hold in memory."""
NO_GRADIENT = re.compile(r"(key|k_lin|k_proj)\.bias")
"""A bias of keys changes no softmax: its gradient is rounding alone, which AdamW makes large."""


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
        if name == "apart":  # so that rows of unlike length are computed in groups
            patch.setattr("llamita.train.groups.GROUP", 1)
        if name in SHORT_OF_MEMORY:
            leave_room_for(patch, 2)
        if name in WEIGHED:
            note_held_bytes(patch, folder)
        make = chat_model if name == "dialogues" else lambda: tiny_model(family, labels=labels)
        return apply_until_done(step, make, run, [*kills], patch)[0]


TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2")
ACCELERATE = (
    "accelerate.commands.launch", "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no",
    "--dynamo_backend", "no", "--main_process_port", "0",
)  # fmt: skip
"""`accelerate launch`; with `--cpu` it starts one process, with `--multi_gpu` or `--use_fsdp` two, also where there is no GPU."""


def by_two_processes(
    folder: Path, names: Sequence[str], launcher: Sequence[str] = TORCHRUN, **environment: str
) -> Path:
    """What two processes leave of these steps."""
    done = subprocess.run(
        [sys.executable, "-m", *launcher, "-m", "tests.train.several", str(folder), *names],
        env={**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"} | environment, capture_output=True, text=True,
        cwd=Path(__file__).parents[2], timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def assert_like_one_process(name: str, by_two: Path, folder: Path) -> Model:
    """That one process has the losses, scores and weights of two, to rounding; the model it ends with."""
    model = carried_out(name, folder / name)
    ours, theirs = (
        [json.loads(line) for line in (one / name / "metrics.jsonl").read_text().splitlines()]
        for one in (folder, by_two)
    )
    assert [set(line) for line in ours] == [set(line) for line in theirs]
    for one, two in zip(ours, theirs, strict=True):
        assert one == pytest.approx(two, rel=2e-5, abs=2e-6)
    weights = [torch.load(by_two / name / f"weights-{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert list(weights[0]) == list(model.module.state_dict())
    for part, value in model.module.state_dict().items():
        assert torch.equal(weights[0][part], weights[1][part])
        if not NO_GRADIENT.search(part):
            torch.testing.assert_close(
                weights[0][part], value, atol=1e-4, rtol=1e-4, msg=lambda m, part=part: f"{part}: {m}"
            )
    return model


def assert_resumed_to_the_bytes(name: str, by_two: Path) -> None:
    """That two processes, killed and resumed, end with the bytes of undisturbed ones."""
    calm, resumed = (by_two / name / how for how in ("calm", "resumed"))
    assert (calm / "metrics.jsonl").read_bytes() == (resumed / "metrics.jsonl").read_bytes()
    for rank in (0, 1):
        ours, theirs = (torch.load(one / f"weights-{rank}.pt", weights_only=True) for one in (calm, resumed))
        assert all(torch.equal(theirs[part], value) for part, value in ours.items())


def leave_room_for(patch: pytest.MonkeyPatch, rows: int) -> None:
    """Let a process compute so many of the longest rows at once."""

    def few(model: Model, examples: BatchSource, *given: object, **named: object) -> int:
        return rows * max(examples.lengths) * processes.num_processes()

    for module in ("packed", "room"):
        patch.setattr(f"llamita.train.{module}.tokens_that_fit", few)


def note_held_bytes(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Write down what all tensors hold after each step, but for those that were there before."""
    gc.collect()
    before, held, plain = held_bytes(), [], Keeper.on_step_end

    def on_step_end(self: Keeper, *given: object, **named: object) -> None:
        held.append(held_bytes() - before)
        plain(self, *given, **named)
        (folder / f"held-{processes.process_rank()}.json").write_text(json.dumps(held))

    patch.setattr(Keeper, "on_step_end", on_step_end)


def held_bytes() -> int:
    tensors = (one for one in gc.get_objects() if type(one) in (torch.Tensor, torch.nn.Parameter))
    parts = {part.data_ptr(): part.nbytes() for tensor in tensors for part in [tensor.untyped_storage()]}
    return sum(parts.values())


if __name__ == "__main__":
    rank = processes.process_rank()
    for name in sys.argv[2:]:
        for kills in ([], [3, 1]) if name in KILLED else ([],):
            folder = Path(sys.argv[1]) / name / (("resumed" if kills else "calm") if name in KILLED else "")
            model = carried_out(name, folder, kills)
            torch.save(model.module.state_dict(), folder / f"weights-{rank}.pt")
            if processes.is_first():
                model.save(folder / "saved")
    processes.leave()
