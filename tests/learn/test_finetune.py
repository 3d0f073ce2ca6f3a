"""Fine-tuning: what it learns, what it leaves alone, and that a kill changes nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.families import FAMILIES, tiny_model
from tests.train.kill import Killed, apply_until_done, checkpoint_often, kill_while_saving, saved_bytes
from tests.train.tiny import accuracy, several_task, tiny_run, tiny_task

from llamita.core.architecture import layer_lists
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.core.registry import build
from llamita.core.task import Split
from llamita.learn._parts import add_lora, frozen_below, lower_parameters, merge_lora
from llamita.learn.finetune import Finetune

FAST = {"epochs": 6.0, "learning_rate": 5e-3, "batch_size": 8}
KINDS = {
    "full": {},
    "lora": {"lora_rank": 4},
    "dora": {"lora_rank": 4, "dora": True},
    "upper layers": {"freeze": 0.5},
    "early stopping": {"early_stopping": 3, "evaluations": 12},
}


@pytest.mark.parametrize(("family", "kind"), [("llama", "full"), *(("bert", kind) for kind in KINDS)])
def test_it_learns(family: str, kind: str, tmp_path: Path) -> None:
    task, settings = tiny_task(400), KINDS[kind]
    model = Finetune(**{**FAST, "epochs": 8.0, **settings}).apply(tiny_model(family), tiny_run(tmp_path, task))
    assert accuracy(model, task.test) > 0.7
    assert all(p.requires_grad for p in model.module.parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_trains_in_full_and_by_lora_and_stays_stock(family: str, tmp_path: Path) -> None:
    task = tiny_task(16)
    for name, settings in (("full", {"freeze": 0.5}), ("lora", {"lora_rank": 2})):
        model = tiny_model(family)
        kind, before = type(model.module), model.text_logits(task.test.texts[:4])
        model = Finetune(epochs=1, batch_size=4, **settings).apply(model, tiny_run(tmp_path / name, task))
        model.save(tmp_path / name / "saved")
        after = model.text_logits(task.test.texts[:4])
        again = Model.load(tmp_path / name / "saved")
        assert type(model.module) is type(again.module) is kind
        assert np.abs(after - before).max() > 1e-4
        np.testing.assert_allclose(again.text_logits(task.test.texts[:4]), after, atol=1e-5)


@pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)
def test_a_killed_training_ends_with_the_bytes_of_an_undisturbed_one(
    settings: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint_often(monkeypatch, 5)
    task, step = tiny_task(40), Finetune(**{**FAST, **settings})
    whole, once, broken = tmp_path / "whole", tmp_path / "once", tmp_path / "broken"
    plain, steps = apply_until_done(step, lambda: tiny_model("bert"), tiny_run(once, task), [], monkeypatch)
    model, attempts = apply_until_done(
        step, lambda: tiny_model("bert"), tiny_run(broken, task), [3, 7, 0, 12], monkeypatch
    )
    assert saved_bytes(model, whole / "a") == saved_bytes(plain, whole / "b")
    assert (broken / "metrics.jsonl").read_bytes() == (once / "metrics.jsonl").read_bytes()
    assert attempts < steps + 3 + 5 + 5, "it began anew instead of going on"


def test_a_checkpoint_half_written_by_a_kill_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint_often(monkeypatch, 4)
    task, step = tiny_task(40), Finetune(**FAST)
    plain = step.apply(tiny_model("bert"), tiny_run(tmp_path / "once", task))
    for save in (0, 1):
        with monkeypatch.context() as patch:
            kill_while_saving(patch, save)
            with pytest.raises(Killed):
                step.apply(tiny_model("bert"), tiny_run(tmp_path / "broken", task))
    model = step.apply(tiny_model("bert"), tiny_run(tmp_path / "broken", task))
    assert saved_bytes(model, tmp_path / "a") == saved_bytes(plain, tmp_path / "b")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_sigkill_in_another_process_changes_nothing(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        import torch
        torch.set_num_threads(1)
        import llamita.train.loop as loop
        from llamita.learn.finetune import Finetune
        from tests.families import tiny_model
        from tests.train.tiny import tiny_run, tiny_task
        loop.steps_between_checkpoints = lambda *_: 2
        plain, steps = loop.Loop.training_step, []
        def train(folder, kill_at):
            def training_step(self, *given, **named):
                if len(steps) == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
                steps.append(1)
                return plain(self, *given, **named)
            loop.Loop.training_step = training_step
            step = Finetune(epochs=2, learning_rate=5e-3, batch_size=8, early_stopping=4, evaluations=5)
            step.apply(tiny_model("llama"), tiny_run(folder, tiny_task(32))).save(folder / "model")
            print(len(steps), flush=True)
        for name, kill_at in (("broken", 3), ("broken", -1), ("whole", -1)):
            child = os.fork()
            if not child:
                try:
                    train(Path(sys.argv[1]) / name, kill_at)
                finally:
                    os._exit(0)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    """)
    root = Path(__file__).parents[2]
    paths = os.pathsep.join([str(root / "src"), str(root), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(tmp_path)], env={**os.environ, "PYTHONPATH": paths}, cwd=root,
        capture_output=True, text=True,
    )  # fmt: skip
    assert ran.stdout.split() == [str(-signal.SIGKILL), "6", "0", "8", "0"], ran.stderr
    for path in sorted((tmp_path / "whole" / "model").iterdir()):
        assert path.read_bytes() == (tmp_path / "broken" / "model" / path.name).read_bytes(), path.name


def test_other_settings_do_not_take_up_a_stale_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint_often(monkeypatch, 5)
    task = tiny_task(40)
    with monkeypatch.context() as patch:
        kill_while_saving(patch, 2)
        with pytest.raises(Killed):
            Finetune(**FAST).apply(tiny_model("bert"), tiny_run(tmp_path / "a", task))
    assert list((tmp_path / "a" / "checkpoints").glob("step-*.pt"))
    other = Finetune(**{**FAST, "learning_rate": 1e-3})
    model = other.apply(tiny_model("bert"), tiny_run(tmp_path / "a", task))
    fresh = other.apply(tiny_model("bert"), tiny_run(tmp_path / "b", task))
    assert saved_bytes(model, tmp_path / "c") == saved_bytes(fresh, tmp_path / "d")


def test_evaluations_without_early_stopping_are_scores_and_nothing_else(tmp_path: Path) -> None:
    task, ends = tiny_task(32), []
    for name, asked in (("judged", {"evaluations": 3}), ("plain", {})):
        model = Finetune(**FAST, **asked).apply(tiny_model("bert"), tiny_run(tmp_path / name, task))
        ends.append(saved_bytes(model, tmp_path / f"{name}-saved")["model.safetensors"])
    lines = [json.loads(line) for line in (tmp_path / "judged" / "metrics.jsonl").read_text().splitlines()]
    assert sum("score" in line for line in lines) == 3
    assert ends[0] == ends[1]


def test_early_stopping_returns_to_the_best_weights(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "llamita")
    task = tiny_task(64, noise=0.3)
    step = Finetune(epochs=20, learning_rate=8e-3, batch_size=8, early_stopping=3, evaluations=20)
    model = step.apply(tiny_model("bert"), tiny_run(tmp_path, task))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    scores = [line["score"] for line in lines if "score" in line]
    assert len(scores) < 20
    assert scores.index(max(scores)) == len(scores) - 4
    best = next(line["step"] for line in lines if line.get("score") == max(scores))
    assert f"the weights are those of step {best} of 160, the best on select" in caplog.text
    model.precision = "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"
    assert accuracy(model, task.select) == pytest.approx(max(scores))


def test_frozen_layers_keep_every_bit(tmp_path: Path) -> None:
    model = tiny_model("llama", layers=4)
    before = {name: p.clone() for name, p in model.module.named_parameters()}
    model = Finetune(**{**FAST, "epochs": 1.0, "freeze": 0.5}).apply(model, tiny_run(tmp_path, tiny_task(32)))
    same = {name for name, p in model.module.named_parameters() if torch.equal(p, before[name])}
    frozen = {name for name in before if name.startswith(("model.embed_tokens", "model.layers.0.", "model.layers.1."))}
    assert same == frozen


def test_the_top_layers_alone_are_trained_by_number(tmp_path: Path) -> None:
    model = tiny_model("llama", layers=4)
    before = {name: p.clone() for name, p in model.module.named_parameters()}
    Finetune(**{**FAST, "epochs": 1.0, "top_layers": 1}).apply(model, tiny_run(tmp_path, tiny_task(32)))
    moved = {name for name, p in model.module.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {name for name in before if name.startswith(("model.layers.3.", "model.norm.", "score."))}
    with pytest.raises(UserError, match="top_layers must be at most 4, as many as the model has, got 5"):
        Finetune(top_layers=5).apply(tiny_model("llama", layers=4), tiny_run(tmp_path / "b", tiny_task(32)))


def test_frozen_layers_keep_no_graph_and_draw_no_dropout(tmp_path: Path) -> None:
    model = tiny_model("bert", layers=3)
    seen: list[torch.Tensor] = []
    layers = layer_lists(model.module)[0]
    for layer in layers[:2]:
        layer.register_forward_hook(lambda part, given, out: seen.append(out[0] if isinstance(out, tuple) else out))
    task = dataclasses.replace(tiny_task(8), train=tiny_task(8).train.take([0] * 8))
    Finetune(epochs=3, batch_size=8, top_layers=1, packing="off").apply(model, tiny_run(tmp_path, task))
    assert len(seen) == 6
    assert not any(state.requires_grad for state in seen)
    for first, later in ((0, 2), (2, 4), (1, 3)):
        torch.testing.assert_close(seen[first], seen[later], atol=0, rtol=0)


def test_dora_by_hand() -> None:
    """m (W + s BA) / |W + s BA| with the norms of rows: W = [3 4; 0 2], so m = [5, 2]; s BA adds [5 8] to the first row."""
    from peft import LoraConfig, get_peft_model

    plain = torch.nn.Sequential(torch.nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        plain[0].weight.copy_(torch.tensor([[3.0, 4.0], [0.0, 2.0]]))
    adapted = get_peft_model(plain, LoraConfig(r=1, lora_alpha=2, target_modules=["0"], use_dora=True))
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_A" in name:
                parameter.copy_(torch.tensor([[2.5, 4.0]]))
            if "lora_B" in name:
                parameter.copy_(torch.tensor([[1.0], [0.0]]))
            if "magnitude" in name:
                assert parameter.flatten().tolist() == [5.0, 2.0]
                parameter.copy_(torch.tensor([4.0, 3.0]).reshape(parameter.shape))
    length = (8.0**2 + 12.0**2) ** 0.5
    wanted = torch.tensor([[4 * 8 / length, 4 * 12 / length], [0.0, 3.0]])
    torch.testing.assert_close(merge_lora(adapted)[0].weight, wanted)


def test_a_frozen_part_has_no_optimizer_state_in_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint_often(monkeypatch, 2)
    model = tiny_model("bert")
    Finetune(epochs=1, batch_size=8, freeze=1.0).apply(model, tiny_run(tmp_path, tiny_task(32)))
    (path,) = (tmp_path / "checkpoints").glob("step-*.pt")
    state = torch.load(path, weights_only=True)
    assert set(state["parameters"]) == {
        "module.bert.pooler.dense.weight", "module.bert.pooler.dense.bias", "module.classifier.weight",
        "module.classifier.bias",
    }  # fmt: skip
    assert len(state["optimizer"]["state"]) == 4


@pytest.mark.parametrize("family", FAMILIES)
def test_everything_below_the_first_trained_layer_is_frozen(family: str) -> None:
    model = tiny_model(family)
    stacks = layer_lists(model.module)
    frozen = {id(p) for p in lower_parameters(model.module, 0.5)}
    layers = [layer for stack in stacks for layer in stack]
    half = len(layers) // 2
    assert all(id(p) in frozen for layer in layers[:half] for p in layer.parameters())
    assert not any(id(p) in frozen for layer in layers[half:] for p in layer.parameters())
    assert id(model.module.get_input_embeddings().weight) in frozen


@pytest.mark.parametrize("family", FAMILIES)
def test_below_the_first_trained_layer_nothing_wants_a_gradient(family: str) -> None:
    model = tiny_model(family)
    stacks = [list(stack) for stack in layer_lists(model.module)]
    seen: list[torch.Tensor] = []
    for layer in [layer for stack in stacks for layer in stack]:
        layer.register_forward_hook(lambda part, given, out: seen.append(out[0] if isinstance(out, tuple) else out))
    batch = model.encoder.pad(model.encoder.encode(["a warm and funny film"]))
    with frozen_below(model.module, 1.0):
        trained = {name for name, p in model.module.base_model.named_parameters() if p.requires_grad}
        logits = model.module(**model.inputs(batch.token_ids, batch.mask)).logits
    assert len(seen) == sum(map(len, stacks))
    assert not any(state.requires_grad for state in seen)
    assert logits.requires_grad
    assert {name.split(".")[0] for name in trained} <= {"pooler", "norm", "ln_f", "final_norm"}


def test_lora_without_a_layer_to_work_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lora_rank has no layer to work on"):
        Finetune(epochs=1, lora_rank=2, top_layers=0).apply(tiny_model("bert"), tiny_run(tmp_path, tiny_task(8)))


@pytest.mark.parametrize("dora", [False, True])
@pytest.mark.parametrize("family", ["bert", "llama", "gpt2", "bart"])
def test_merged_lora_gives_the_logits_of_the_adapter(family: str, dora: bool) -> None:
    model = tiny_model(family)
    texts = tiny_task().test.texts[:8]
    plain = model.text_logits(texts)
    adapted = add_lora(model.module, 4, dora=dora)
    for name, parameter in model.module.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
        if "magnitude" in name:
            parameter.data *= 1.3
    model.module.eval()
    beside = model.text_logits(texts)
    model.module = merge_lora(adapted)
    np.testing.assert_allclose(model.text_logits(texts), beside, atol=1e-4)
    assert np.abs(beside - plain).max() > 1e-2


def test_balanced_and_given_weights_find_a_rare_label(tmp_path: Path) -> None:
    task = tiny_task(600)
    rare = [i for i, label in enumerate(task.train.labels) if label == 1][:24]
    common = [i for i, label in enumerate(task.train.labels) if label == 0]
    task = dataclasses.replace(task, train=task.train.take([*common, *rare]))
    truth, recall = np.asarray(task.test.labels), {}
    weighted = {"class_weights": "balanced"}, {"class_weights": "positive=20", "focal_gamma": 0.5}
    for name, settings in zip(("plain", "balanced", "given"), ({}, *weighted), strict=True):
        step = Finetune(epochs=6, learning_rate=5e-3, batch_size=16, **settings)
        model = step.apply(tiny_model("bert"), tiny_run(tmp_path / name, task))
        recall[name] = float((model.scores(task.test.texts).argmax(axis=1)[truth == 1] == 1).mean())
    assert recall["balanced"] > recall["plain"]
    assert recall["given"] > recall["plain"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": -1}, "epochs must be > 0, got -1"),
        ({"freeze": 1.5}, r"freeze must be in \[0, 1\], got 1.5"),
        ({"class_weights": "some"}, "class_weights must be none, balanced, or such as rare=3,common=1, got .some."),
        (
            {"class_weights": "rare=-1"},
            "class_weights must be none, balanced, or such as rare=3,common=1, got 'rare=-1'",
        ),
        ({"focal_gamma": -1}, "focal_gamma must be >= 0, got -1"),
        ({"focal_gamma": 2, "label_smoothing": 0.1}, "focal_gamma and label_smoothing pull against each other"),
        ({"label_smoothing": 1.0}, "label_smoothing must be in"),
        ({"lora_rank": -2}, "lora_rank must be >= 0, got -2"),
        ({"dora": True}, "dora needs a rank, such as lora_rank=8"),
        ({"top_layers": -1}, "top_layers must be >= 0, got -1"),
        ({"top_layers": 1, "freeze": 0.5}, "freeze and top_layers both say which layers stay as they are"),
    ],
)
def test_impossible_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build("finetune", settings)


def test_a_diverging_training_says_what_to_do(tmp_path: Path) -> None:
    model = tiny_model("bert")
    with torch.no_grad():
        model.module.classifier.weight.fill_(float("nan"))
    with pytest.raises(UserError, match=r"training diverged at step 1 of .*use a learning_rate below 0.005"):
        Finetune(**FAST).apply(model, tiny_run(tmp_path, tiny_task(32)))


def test_no_training_texts_and_no_select_split_are_refused(tmp_path: Path) -> None:
    empty = dataclasses.replace(tiny_task(8), train=Split(texts=()))
    with pytest.raises(UserError, match=r"learn.finetune needs labelled training texts"):
        Finetune().apply(tiny_model("bert"), tiny_run(tmp_path, empty))
    blind = dataclasses.replace(tiny_task(8), select=Split(texts=()))
    with pytest.raises(UserError, match="early stopping need a select split"):
        Finetune(early_stopping=1).apply(tiny_model("bert"), tiny_run(tmp_path, blind))


def test_texts_with_any_labels_are_learned_and_stay_stock(tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    task = several_task(400)
    model = tiny_model("bert")
    model = Finetune(**{**FAST, "epochs": 8.0}).apply(model, tiny_run(tmp_path, task))
    assert task.score(model.scores(task.test.texts), task.test)[0].value > 0.75
    model.save(tmp_path / "saved")
    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    assert stock.config.problem_type == "multi_label_classification"
    again = Model.load(tmp_path / "saved")
    assert again.answers == task.answers
    np.testing.assert_array_equal(again.scores(task.test.texts[:8]), model.scores(task.test.texts[:8]))


def test_a_head_for_one_label_is_no_head_for_any(tmp_path: Path) -> None:
    one, several = tiny_model("bert", labels=("funny", "long")), several_task(8)
    assert not several.has_head(one)
    assert several.has_head(several.fit_head(one))
