"""A model learns the language of documents; killed, it goes on to the same bytes; each objective fits its families."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.families import TRAINING_TEXTS, tiny_model
from tests.sentiments import sentences
from tests.talks import chat_model, chat_task
from transformers import AutoModelForCausalLM

from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.core.registry import build
from llamita.core.task import Split
from llamita.learn.pretrain import Pretrain
from llamita.tasks._surprise import surprises
from llamita.tasks.classify import Classify
from llamita.tasks.language import open_task
from llamita.train import language
from llamita.train.keeper import Keeper
from llamita.train.language_head import with_language_head

ROWS = sentences(240)
TEXTS = [text for text, _ in ROWS]
QUICK = {"epochs": 3.0, "window": 48, "batch_size": 8, "copies": "keep", "filtered": False, "precision": "fp32"}


def task():
    return open_task(train=TEXTS[:200], test=TEXTS[200:])


def state_of(model: Model) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.module.state_dict().items()}


@pytest.mark.parametrize("objective", ["causal", "mixed"])
def test_a_decoder_foresees_unseen_documents_better_than_before(objective: str, tmp_path) -> None:
    model = with_language_head(tiny_model("llama"))
    before = surprises(model, TEXTS[200:]).nats.sum()
    own = {"tokenizer": "bpe", "pieces": 320} if objective == "mixed" else {}  # the model's has no mask token
    step = Pretrain(objective=objective, learning_rate=0.01, **own, **QUICK)
    after = surprises(step.apply(model, Run(folder=tmp_path, task=task())), TEXTS[200:]).nats.sum()
    assert after < 0.7 * before
    model.save(tmp_path / "saved")
    stock = AutoModelForCausalLM.from_pretrained(tmp_path / "saved")
    assert torch.equal(stock.lm_head.weight, model.module.lm_head.weight)


@pytest.mark.parametrize(("family", "objective"), [("bert", "masked"), ("modernbert", "masked"), ("bart", "denoising")])
def test_other_families_learn_what_they_are_made_for(family: str, objective: str, tmp_path, caplog) -> None:
    with caplog.at_level(logging.INFO, "llamita"):
        model = Pretrain(learning_rate=0.01, **QUICK).apply(tiny_model(family), Run(folder=tmp_path, task=task()))
    assert f"{objective}: " in caplog.text
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    losses = [float(line.split('"loss": ')[1].split(",")[0]) for line in lines]
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])
    assert "LM" in type(model.module).__name__ or "Conditional" in type(model.module).__name__


@pytest.mark.parametrize("own", [{}, {"packing": "off"}, {"tokenizer": "bpe"}, {"tokenizer": "unigram"}])
def test_stopped_and_begun_again_it_ends_with_the_same_bytes(own: dict, tmp_path, monkeypatch, caplog) -> None:
    step = Pretrain(learning_rate=0.01, **own, **({"pieces": 320} if "tokenizer" in own else {}), **QUICK)
    calm = state_of(step.apply(with_language_head(tiny_model("llama")), Run(folder=tmp_path / "calm", task=task())))
    whole, steps = Keeper.on_step_end, []

    def stopped(self, args, state, control, **more):
        whole(self, args, state, control, **more)
        steps.append(state.global_step)
        if len(steps) == 12:
            raise KeyboardInterrupt

    monkeypatch.setattr("llamita.train.loop.steps_between_checkpoints", lambda *_: 5)
    monkeypatch.setattr(Keeper, "on_step_end", stopped)
    with pytest.raises(KeyboardInterrupt):
        step.apply(with_language_head(tiny_model("llama")), Run(folder=tmp_path / "killed", task=task()))
    monkeypatch.setattr(Keeper, "on_step_end", whole)
    with caplog.at_level(logging.INFO, "llamita"):
        again = state_of(
            step.apply(with_language_head(tiny_model("llama")), Run(folder=tmp_path / "killed", task=task()))
        )
    assert "training goes on from step 10" in caplog.text
    assert all(torch.equal(again[name], value) for name, value in calm.items())


@pytest.mark.parametrize(
    ("family", "settings"), [("llama", {"packing": "off"}), ("bert", {"packing": "off"}), ("bart", {})]
)
def test_rows_that_grow_are_trained_on_in_that_order(family: str, settings: dict, tmp_path, monkeypatch) -> None:
    seen: list[int] = []

    def read(model: Model, source, batches, *_) -> Model:
        seen.extend(max(source.lengths[i] for i in batch) for batch in batches)
        return model

    monkeypatch.setattr("llamita.train.loop.fit", read)
    step = Pretrain(growing=True, **settings, **QUICK | {"window": 64})
    step.apply(
        with_language_head(tiny_model(family)),
        Run(folder=tmp_path, task=open_task(train=TEXTS[:200], test=TEXTS[200:])),
    )
    quarter = len(seen) // 4
    assert max(seen[:quarter]) <= 16 < max(seen[quarter : 2 * quarter]) <= 32 < max(seen)
    assert min(seen[-quarter:]) < 32, "short documents stand among the long ones"


def test_a_tokenizer_of_the_documents_replaces_the_models(tmp_path) -> None:
    step = Pretrain(learning_rate=0.01, tokenizer="bpe", pieces=320, **QUICK)
    model = step.apply(tiny_model("llama"), Run(folder=tmp_path, task=task()))
    assert model.module.get_input_embeddings().num_embeddings == len(model.tokenizer) <= 320
    assert model.module.config.eos_token_id == model.tokenizer.eos_token_id
    model.save(tmp_path / "saved")
    assert Model.load(tmp_path / "saved").tokenizer("fine")["input_ids"] == model.tokenizer("fine")["input_ids"]


def test_a_classification_tasks_own_texts_are_learned_and_never_those_set_aside(tmp_path) -> None:
    known = Classify.from_lists(TEXTS, [label for _, label in ROWS], select=0.2)
    step = Pretrain(**QUICK)
    model = step.apply(tiny_model("bert"), Run(folder=tmp_path, task=known))
    finetuned = build("finetune", {"epochs": 1.0}).apply(model, Run(folder=tmp_path / "next", task=known))
    assert finetuned.labels == known.labels


def test_dialogues_are_no_documents(tmp_path) -> None:
    with pytest.raises(UserError, match=r"learn.pretrain is for documents; dialogues are for learn.finetune"):
        Pretrain().apply(chat_model(), Run(folder=tmp_path, task=chat_task(8)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objective": "span"}, "objective must be one of"), ({"window": 4}, "window must be >= 16"),
        ({"masked": 0.9}, "masked must be in"), ({"tokenizer": "words"}, "tokenizer must be one of"),
        ({"pieces": 10}, "pieces must be >= 300"), ({"copies": "all"}, "copies must be"), ({"epochs": 0}, "epochs must be"),
        ({"packing": "maybe"}, "packing must be one of"), ({"pieces": 500}, "name the kind: tokenizer bpe or unigram"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Pretrain(**settings)


@pytest.mark.parametrize(
    ("family", "settings", "message"),
    [
        ("bart", {"packing": "on"}, "an encoder-decoder's rows hold one document each"),
        ("llama", {"masked": 0.3}, "masked is about masked tokens"),
    ],
)
def test_settings_without_effect_are_refused(family: str, settings: dict, message: str, tmp_path) -> None:
    with pytest.raises(UserError, match=message):
        Pretrain(**settings, **QUICK).apply(tiny_model(family), Run(folder=tmp_path, task=task()))


@pytest.mark.parametrize("family", ["llama", "bert", "bart"])
def test_nothing_of_an_old_vocabulary_is_left_behind_a_new_one(family: str, tmp_path) -> None:
    model = with_language_head(tiny_model(family))
    model.module.config.tie_word_embeddings = False
    out = model.module.get_output_embeddings()
    out.weight = torch.nn.Parameter(torch.full_like(out.weight, 3.25))
    if out.bias is not None:
        torch.nn.init.constant_(out.bias, 3.25)
    generation = getattr(model.module, "generation_config", None)
    if generation is not None:
        generation.eos_token_id = 77
    Pretrain(tokenizer="bpe", pieces=320)._retokenize(model, lambda: TRAINING_TEXTS, tmp_path)
    out = model.module.get_output_embeddings()
    assert not (out.weight == 3.25).any()
    assert out.bias is None or not out.bias.any()
    assert generation is None or generation.eos_token_id == model.tokenizer.eos_token_id
    table = model.module.get_input_embeddings()
    table(torch.tensor([model.tokenizer.bos_token_id, model.tokenizer.eos_token_id])).sum().backward()
    assert table.weight.grad.abs().sum(dim=1)[[0, 2]].tolist() == [table.weight.shape[1]] * 2


@pytest.mark.parametrize("family", ["llama", "bert"])
def test_in_bf16_the_heads_products_are_in_bf16_too(family: str, tmp_path, monkeypatch) -> None:
    seen: list[torch.dtype] = []
    whole = language.token_loss

    def noted(states, *given, **more):
        seen.append(states.dtype)
        return whole(states, *given, **more)

    monkeypatch.setattr(language, "token_loss", noted)
    for precision in ("bf16", "fp32"):
        step = Pretrain(**{**QUICK, "epochs": 0.2, "precision": precision})
        step.apply(tiny_model(family), Run(folder=tmp_path / precision, task=task()))
    assert set(seen[: len(seen) // 2]) == {torch.bfloat16}
    assert set(seen[len(seen) // 2 :]) == {torch.float32}


def test_a_checkpoint_of_another_objective_is_not_taken_up(tmp_path) -> None:
    keys = [
        Pretrain(objective=objective, tokenizer="bpe", pieces=320)._windows(model, documents, [1.0] * 3, 0).digest
        for model, documents in [
            (with_mask(tmp_path), [np.arange(5, 40)] * 3), (with_mask(tmp_path), [np.arange(6, 41)] * 3),
        ]
        for objective in ("causal", "mixed")
    ]  # fmt: skip
    assert len(set(keys)) == 4


def with_mask(tmp_path) -> Model:
    model = with_language_head(tiny_model("llama"))
    Pretrain(tokenizer="bpe", pieces=320)._retokenize(model, lambda: TRAINING_TEXTS, tmp_path)
    return model


@pytest.mark.parametrize("max_tokens", [None, 0])
def test_documents_without_a_token_are_refused(max_tokens: int | None, tmp_path) -> None:
    step = Pretrain(**QUICK, max_tokens=max_tokens)
    bare = replace(task(), train=Split(texts=("", "")))
    with pytest.raises(UserError, match="no document has a token to learn from"):
        step.apply(tiny_model("llama"), Run(folder=tmp_path, task=bare))


def test_a_source_of_small_weight_is_learned_from(tmp_path) -> None:
    few = replace(open_task(train=TEXTS[:3], test=TEXTS[200:]), weights=(0.01,) * 3)
    before = state_of(with_language_head(tiny_model("llama")))
    model = Pretrain(**QUICK | {"epochs": 1.0}, learning_rate=0.01).apply(
        tiny_model("llama"), Run(folder=tmp_path, task=few)
    )
    assert not all(torch.equal(before[name], value) for name, value in state_of(model).items())


def test_an_objective_of_another_family_is_refused(tmp_path) -> None:
    with pytest.raises(UserError, match="a bert model can't learn by causal; objectives for it: masked"):
        Pretrain(objective="causal", **QUICK).apply(tiny_model("bert"), Run(folder=tmp_path, task=task()))
    with pytest.raises(UserError, match="has no mask token"):
        Pretrain(objective="mixed", **QUICK).apply(tiny_model("llama"), Run(folder=tmp_path, task=task()))
    with pytest.raises(UserError, match="needs documents"):
        Pretrain().apply(tiny_model("bert"), Run(folder=tmp_path))


def test_it_is_watched_on_documents_set_aside_and_stops_at_the_best(tmp_path) -> None:
    held = open_task(train=TEXTS[:5], select=TEXTS[180:200], test=TEXTS[200:])
    step = Pretrain(
        learning_rate=0.05, early_stopping=2, evaluations=8, **QUICK | {"epochs": 80.0, "schedule": "constant"}
    )
    model = step.apply(tiny_model("llama"), Run(folder=tmp_path, task=held))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    scores = [line["score"] for line in lines if "score" in line]
    assert len(scores) < 8, "learned by heart, it foresees others worse"
    assert scores.index(max(scores)) == len(scores) - 3
    assert held.measured(model, held.select)[0].value == pytest.approx(-max(scores), rel=1e-5)
    with pytest.raises(UserError, match="early_stopping needs documents that nothing learns from"):
        step.apply(tiny_model("llama"), Run(folder=tmp_path / "none", task=task()))


def test_evaluations_without_documents_for_them_are_refused_and_not_passed_over(tmp_path: Path) -> None:
    run = Run(folder=tmp_path, task=task())
    with pytest.raises(UserError, match=r"^evaluations needs documents that nothing learns from.*select 0\.05"):
        Pretrain(**QUICK, evaluations=4).apply(tiny_model("llama"), run)


@pytest.mark.parametrize(
    ("settings", "fresh", "number", "size"),
    [({}, True, 800, 2), ({}, True, 4000, 8), ({}, True, 90_000, 16), ({}, False, 800, 16), ({"packing": "off"}, True, 800, 16),
     ({"max_tokens": 0}, True, 800, 800), ({"max_tokens": 0, "batch_size": 7}, True, 800, 7)],
)  # fmt: skip
def test_fresh_weights_take_small_batches_of_a_small_corpus(settings: dict, fresh, number: int, size: int) -> None:
    packed = settings.get("packing") != "off"
    rows = type("Rows", (), {"__len__": lambda self: number, "packed": packed})()
    assert Pretrain(**settings)._rows_at_once(rows, fresh=fresh) == size
