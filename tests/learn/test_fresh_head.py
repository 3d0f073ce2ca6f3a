"""A new head for language learns alone before its body does; killed in either part, the whole ends with the same bytes."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from tests.families import tiny_model
from tests.learn.test_pretrain import QUICK, state_of, task

from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.learn._fresh_head import parameters_above
from llamita.learn._parts import frozen
from llamita.learn.pretrain import Pretrain
from llamita.train import loop
from llamita.train.keeper import Keeper
from llamita.train.language_head import with_language_head


@pytest.mark.parametrize(("family", "number"), [("bert", 5), ("modernbert", 3), ("llama", 1), ("gpt2", 0), ("bart", 0)])
def test_what_stands_above_a_body_is_what_isnt_tied_to_it(family: str, number: int) -> None:
    """A dense map, a norm and a bias for each piece; a decoder's head is one map, or its embeddings."""
    assert len(parameters_above(with_language_head(tiny_model(family)).module)) == number


def test_a_frozen_body_learns_again_afterwards_but_for_what_was_frozen_before() -> None:
    module = tiny_model("bert").module
    embeddings = module.get_input_embeddings().weight
    embeddings.requires_grad = False
    with frozen(module.base_model.parameters()):
        assert not any(p.requires_grad for p in module.base_model.parameters())
    assert not embeddings.requires_grad
    assert all(p.requires_grad for p in module.base_model.parameters() if p is not embeddings)


def parts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool, dict[str, torch.Tensor]]]:
    """Of each training that follows its steps, whether the body learns, and the weights before it."""
    seen: list[tuple[int, bool, dict[str, torch.Tensor]]] = []
    whole = loop.fit

    def watched(model: Model, examples, batches, *rest):
        body = any(p.requires_grad for p in model.module.base_model.parameters())
        seen.append((len(batches), body, state_of(model)))
        return whole(model, examples, batches, *rest)

    monkeypatch.setattr(loop, "fit", watched)
    return seen


def test_the_head_learns_alone_for_a_fifth_as_many_steps_and_then_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen = parts(monkeypatch)
    with caplog.at_level(logging.INFO, "llamita"):
        model = Pretrain(learning_rate=0.003, **QUICK).apply(tiny_model("bert"), Run(folder=tmp_path, task=task()))
    (few, body, before), (many, both, between) = seen
    assert (few, body, both) == (round(0.2 * many), False, True)
    assert f"learns alone for the first {few} steps" in caplog.text
    moved = {name for name, value in before.items() if not torch.equal(value, between[name])}
    assert moved
    assert all(name.startswith("cls.") for name in moved)
    after = state_of(model)
    assert any(not torch.equal(value, after[name]) for name, value in between.items() if name.startswith("bert."))


def test_a_model_that_foresees_tokens_already_and_one_of_fresh_weights_have_no_head_to_wait_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = parts(monkeypatch)
    for name, model in {"has": with_language_head(tiny_model("bert")), "tied": tiny_model("gpt2")}.items():
        Pretrain(**QUICK).apply(model, Run(folder=tmp_path / name, task=task()))
    Pretrain(tokenizer="bpe", pieces=320, **QUICK).apply(tiny_model("bert"), Run(folder=tmp_path / "f", task=task()))
    Pretrain(head_first=0.0, **QUICK).apply(tiny_model("bert"), Run(folder=tmp_path / "both", task=task()))
    assert [body for _, body, _ in seen] == [True] * 4
    with pytest.raises(UserError, match=r"head_first is about a new head for language .* leave it out"):
        Pretrain(head_first=0.5, **QUICK).apply(tiny_model("gpt2"), Run(folder=tmp_path / "no", task=task()))
    with pytest.raises(UserError, match=r"head_first must be in \[0, 1\], got 2"):
        Pretrain(head_first=2)


@pytest.mark.parametrize("at", [3, 11])
def test_killed_in_either_part_it_ends_with_the_same_bytes(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Pretrain(learning_rate=0.003, **QUICK)
    calm = state_of(step.apply(tiny_model("bert"), Run(folder=tmp_path / "calm", task=task())))
    whole, steps = Keeper.on_step_end, []

    def stopped(self, args, state, control, **more):
        whole(self, args, state, control, **more)
        steps.append(state.global_step)
        if len(steps) == at:
            raise KeyboardInterrupt

    monkeypatch.setattr("llamita.train.loop.steps_between_checkpoints", lambda *_: 2)
    monkeypatch.setattr(Keeper, "on_step_end", stopped)
    with pytest.raises(KeyboardInterrupt):
        step.apply(tiny_model("bert"), Run(folder=tmp_path / "killed", task=task()))
    monkeypatch.setattr(Keeper, "on_step_end", whole)
    again = state_of(step.apply(tiny_model("bert"), Run(folder=tmp_path / "killed", task=task())))
    assert all(torch.equal(again[name], value) for name, value in calm.items())
