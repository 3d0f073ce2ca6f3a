"""Pretraining reads a corpus from disk as it reads documents in memory, and never what the task measures on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.families import tiny_model
from tests.sentiments import sentences
from tests.train.kill import apply_until_done, checkpoint_often, saved_bytes
from tests.train.tiny import accuracy, tiny_run, tiny_task

from llamita.core.architecture import head_linear
from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.store import Store
from llamita.learn.pretrain import Pretrain
from llamita.tasks.language import Language, open_task
from llamita.workshop import Stage, Workshop

TEXTS = [text for text, _ in sentences(120)]
QUICK = {"epochs": 2.0, "window": 32, "batch_size": 8, "copies": "keep", "filtered": False, "precision": "fp32"}


def shards(folder: Path, texts: list[str]) -> str:
    folder.mkdir()
    for number in range(0, len(texts), 30):
        rows = [json.dumps({"text": text}) + "\n" for text in texts[number : number + 30]]
        (folder / f"{number:03}.jsonl").write_text("".join(rows), encoding="utf-8")
    return str(folder)


def trained(step: Pretrain, task: Language, folder: Path) -> dict[str, bytes]:
    """The files of the model, but for its lineage, which tells where the documents stood."""
    folder.mkdir()
    saved = saved_bytes(step.apply(tiny_model("llama"), Run(folder=folder, task=task)), folder / "saved")
    return {name: held for name, held in saved.items() if name != "lineage.json"}


def test_documents_on_disk_teach_as_those_in_memory(tmp_path: Path) -> None:
    whole = trained(Pretrain(**QUICK), open_task(train=TEXTS[:100], test=TEXTS[100:]), tmp_path / "memory")
    step = Pretrain(corpus=shards(tmp_path / "shards", TEXTS[:100]), **QUICK)
    alone = trained(step, open_task(test=TEXTS[100:]), tmp_path / "disk")
    half = Pretrain(corpus=shards(tmp_path / "half", TEXTS[40:100]), **QUICK)
    both = trained(half, open_task(train=TEXTS[:40], test=TEXTS[100:]), tmp_path / "both")
    assert whole == alone == both
    assert [Path(file).name for file in step.files] == ["000.jsonl", "030.jsonl", "060.jsonl", "090.jsonl"]


def test_what_is_measured_on_is_left_out_of_the_corpus(tmp_path: Path) -> None:
    task = open_task(test=TEXTS[100:])
    clean = trained(Pretrain(corpus=shards(tmp_path / "a", TEXTS[:100]), **QUICK), task, tmp_path / "clean")
    leaky = trained(Pretrain(corpus=shards(tmp_path / "b", TEXTS), **QUICK), task, tmp_path / "leaky")
    assert clean == leaky


def test_another_test_split_makes_another_model(tmp_path: Path) -> None:
    step = Pretrain(corpus=shards(tmp_path / "a", TEXTS), **QUICK)
    shops = [
        Workshop(store=Store(folder=tmp_path / "stages"), task=open_task(test=held), threads=1)
        for held in (TEXTS[:5], TEXTS[5:10])
    ]
    stage = Stage(key="start", folder=tmp_path, name="model")
    assert len({shop.address_of(stage, step, None) for shop in shops}) == 2
    alone = Pretrain(**QUICK)
    assert len({shop.address_of(stage, alone, None) for shop in shops}) == 1


@pytest.mark.parametrize("packing", ["on", "off"])
def test_a_killed_training_on_a_corpus_ends_with_the_same_bytes(
    packing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint_often(monkeypatch, 5)
    step = Pretrain(corpus=f"{shards(tmp_path / 'shards', TEXTS)}=0.7", packing=packing, **QUICK)
    task = open_task(test=["a text by itself"])
    runs = [Run(folder=tmp_path / name, task=task) for name in ("once", "broken")]
    for run in runs:
        run.folder.mkdir()
    plain, steps = apply_until_done(step, lambda: tiny_model("llama"), runs[0], [], monkeypatch)
    broken, attempts = apply_until_done(step, lambda: tiny_model("llama"), runs[1], [7, 2, 0], monkeypatch)
    assert saved_bytes(plain, tmp_path / "a") == saved_bytes(broken, tmp_path / "b")
    assert steps < attempts < 2 * steps


def test_a_corpus_that_is_not_there_is_refused_in_a_line(tmp_path: Path) -> None:
    step = Pretrain(corpus="nowhere/*.txt", **QUICK)
    with pytest.raises(UserError, match="no file matches"):
        step.apply(tiny_model("llama"), Run(folder=tmp_path, task=open_task(test=["a"])))


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_a_head_for_the_tasks_labels_stands_on_the_body_again(family: str, tmp_path: Path) -> None:
    task = tiny_task(48)
    model = task.fit_head(tiny_model(family))
    kind, head = type(model.module), head_linear(model.module).weight.clone()
    before = model.module.base_model.get_input_embeddings().weight.clone()
    model = Pretrain(**QUICK | {"window": 16}).apply(model, tiny_run(tmp_path, task))
    assert type(model.module) is kind
    assert torch.equal(head_linear(model.module).weight, head)
    assert not torch.equal(model.module.base_model.get_input_embeddings().weight, before)
    assert 0 <= accuracy(model, task.test) <= 1
