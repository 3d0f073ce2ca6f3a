"""Models learn and answer on the device a workshop names, each under an address of its own; costs and exports are the CPU's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.families import tiny_model
from tests.sentiments import sentences, write_csv
from tests.train.tiny import LABELS, tiny_task

from llamita.core import hardware
from llamita.core.context import Run
from llamita.core.model import Model
from llamita.core.recipe import Recipe
from llamita.core.registry import build
from llamita.core.report import Report
from llamita.core.store import Store
from llamita.core.task import Split
from llamita.learn.finetune import Finetune
from llamita.run import execute
from llamita.tasks.language import Language
from llamita.train.teacher import Teacher
from llamita.workshop import Workshop

GPU = "cpu:0"
"""The CPU by another name: what is said of it must have been passed on."""


def shop_on(device: str, folder: Path) -> Workshop:
    return Workshop(store=Store(folder=folder / "stages"), task=tiny_task(8), threads=1, device=device)


def test_a_recipe_trains_and_its_teacher_answers_on_the_best_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained, answered = [], []
    step, files = Finetune.apply, Teacher._files
    monkeypatch.setattr(hardware, "best_device", lambda: GPU)
    monkeypatch.setattr(Finetune, "apply", lambda self, m, run: trained.append(run.device) or step(self, m, run))
    monkeypatch.setattr(Teacher, "_files", lambda self, *a: answered.append(self.run.device) or files(self, *a))
    tiny_model("bert", labels=("a", "b", "c")).save(tmp_path / "model")
    data = write_csv(tmp_path / "train.csv", sentences(40))
    finetune, quick = build("finetune", {"epochs": 1.0}), {"epochs": 1.0}
    recipe = Recipe(
        model=str(tmp_path / "model"), task={"classify": {"train": str(data)}},
        teacher=Recipe(model=str(tmp_path / "model"), steps=(finetune,)),
        steps=(finetune, build("distill.logits", quick)), measures=(build("quality"),),
    )  # fmt: skip
    execute(recipe, tmp_path / "out", threads=1)
    assert (trained, answered) == ([GPU], [GPU])
    assert Report.load(tmp_path / "out" / "report.json").machine["device"] == GPU
    execute(recipe, tmp_path / "again", threads=1, device="cpu")
    assert trained[1:] == answered[1:] == ["cpu"]
    assert "device" not in Report.load(tmp_path / "again" / "report.json").machine


def test_stages_and_findings_of_another_device_have_another_address(tmp_path: Path) -> None:
    tiny_model("bert", labels=LABELS).save(tmp_path / "model")
    shop, other = shop_on("cpu", tmp_path), shop_on(GPU, tmp_path)
    start = shop.start(str(tmp_path / "model"))
    for address in (
        lambda shop: shop.address_of(start, Finetune(), None),
        lambda shop: shop._measure_key(build("quality"), start.key, "test", None),
        lambda shop: shop.remember(start)._key,  # type: ignore[attr-defined]
    ):
        assert address(shop) != address(other)
        assert address(shop) == address(replace(shop, store=Store(folder=tmp_path / "elsewhere")))
    cost = [one._measure_key(build("cost"), start.key, "test", None) for one in (shop, other)]
    assert cost[0] == cost[1]


def test_other_versions_make_other_stages_and_another_processor_other_timings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_model("bert", labels=LABELS).save(tmp_path / "model")
    shop = shop_on("cpu", tmp_path)
    start = shop.start(str(tmp_path / "model"))

    def addresses() -> tuple[str, ...]:
        return (
            shop.start(str(tmp_path / "model")).key,
            shop.address_of(start, Finetune(), None),
            shop._measure_key(build("quality"), start.key, "test", None),
            shop.remember(start)._key,  # type: ignore[attr-defined]
            shop._measure_key(build("cost"), start.key, "test", None),
        )

    before = addresses()
    assert addresses() == before
    monkeypatch.setattr("llamita.workshop.cpu_name", lambda: "another")
    moved = addresses()
    assert moved[:4] == before[:4]
    assert moved[4] != before[4]
    monkeypatch.setattr("llamita.workshop.version_of", lambda package: "9.9")
    assert not set(addresses()) & {*before, *moved}


def test_a_calibration_by_a_file_depends_on_the_test_texts_that_it_leaves_out(tmp_path: Path) -> None:
    tiny_model("bert", labels=LABELS).save(tmp_path / "model")
    hand = write_csv(tmp_path / "hand.csv", sentences(20))
    shop = shop_on("cpu", tmp_path)
    start = shop.start(str(tmp_path / "model"))
    other = replace(shop, task=replace(tiny_task(8), test=tiny_task(8).train))
    for step, depends in ((build("calibrate"), False), (build("calibrate", {"labelled": str(hand)}), True)):
        assert (shop.address_of(start, step, None) != other.address_of(start, step, None)) == depends


def test_exports_come_from_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_model("bert", labels=LABELS).save(tmp_path / "model")
    shop, loaded = shop_on(GPU, tmp_path), []

    class Exporter:
        def export(self, model: Model, run: Run) -> None:
            (run.folder / "model.bin").write_text("made")

    load = Model.load.__func__
    monkeypatch.setattr(Model, "load", classmethod(lambda cls, s, device: loaded.append(device) or load(cls, s)))
    monkeypatch.setattr("llamita.workshop.name_of", lambda step: "export.none")
    monkeypatch.setattr("llamita.workshop.settings_of", lambda step: {})
    shop.export(shop.start(str(tmp_path / "model")), Exporter())  # type: ignore[arg-type]
    assert loaded == ["cpu"]
    assert shop.load(replace(shop.start(str(tmp_path / "model")), name="config:bert:1m")).name == "config:bert:1m"
    assert torch.device(GPU).type == "cpu"


def test_findings_of_labels_that_are_named_otherwise_are_others(tmp_path: Path) -> None:
    shop = shop_on("cpu", tmp_path)
    other = replace(shop, task=replace(tiny_task(8), labels=tuple(name.upper() for name in tiny_task(8).labels)))
    keys = {one._measure_key(build("quality"), "0", "test", None) for one in (shop, other)}
    assert len(keys) == 2


def test_of_files_that_a_step_names_content_form_weight_and_columns_count_and_not_the_name(tmp_path: Path) -> None:
    tiny_model("llama").save(tmp_path / "model")
    for name in ("one", "copy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("a document\n", encoding="utf-8")
    (tmp_path / "renamed").mkdir()
    (tmp_path / "renamed" / "a.jsonl").write_text("a document\n", encoding="utf-8")
    shop = shop_on("cpu", tmp_path)
    start = shop.start(str(tmp_path / "model"))

    def key(corpus: str, columns: dict[str, str] | None = None) -> str:
        task = Language(train=Split(texts=("a",)), test=Split(texts=("b",)), columns=columns)
        return replace(shop, task=task).address_of(start, build("pretrain", {"corpus": corpus}), None)

    first = key(str(tmp_path / "one"))
    assert key(str(tmp_path / "copy")) == first
    others = {
        key(f"{tmp_path / 'one'}=0.5"),
        key(str(tmp_path / "renamed")),
        key(str(tmp_path / "one"), {"text": "body"}),
    }
    assert len(others | {first}) == 4


def test_a_file_at_home_is_named_as_a_recipe_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    template = tmp_path / "talk.jinja"
    template.write_text("one", encoding="utf-8")
    step = Finetune(chat_template="~/talk.jinja")
    assert step.files == (str(template),)
    hand = write_csv(tmp_path / "hand.csv", sentences(20))
    shop = shop_on("cpu", tmp_path)
    tiny_model("bert", labels=LABELS).save(tmp_path / "model")
    start = shop.start(str(tmp_path / "model"))
    keys = {shop.address_of(start, build("calibrate", {"labelled": one}), None) for one in ("~/hand.csv", str(hand))}
    assert len(keys) == 1


def test_a_folder_that_has_its_export_inside_is_measured_as_the_model_that_steps_change(tmp_path: Path) -> None:
    tiny_model("bert", labels=LABELS).save(tmp_path / "light")
    (tmp_path / "light" / "onnx").mkdir()
    (tmp_path / "light" / "onnx" / "artifact.json").write_text('{"exporter": "export.onnx"}', encoding="utf-8")
    shop = shop_on("cpu", tmp_path)
    assert isinstance(shop.open(shop.start(str(tmp_path / "light"))), Model)
