"""A batch computed in parts has the loss and the gradients of the whole one, whatever the loss is a mean over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from tests.families import tiny_model
from tests.train.tiny import reviews, tiny_task
from torch import nn

from llamita.core.model import Model
from llamita.distill._examples import logits_loss
from llamita.distill._states import HiddenLoss
from llamita.distill.hidden import Hidden
from llamita.train.accumulation import num_parts, output_tensors, outputs_in_parts
from llamita.train.examples import BatchSource, Examples, encode
from llamita.train.language import LanguageLoss, TokenExamples, Tokens
from llamita.train.language_head import with_language_head
from llamita.train.language_loss import NO_TARGET
from llamita.train.loop import Learner
from llamita.train.losses import NO_LABEL, cross_entropy
from llamita.train.packed import PackedExamples
from llamita.train.packed_tokens import PackedTokens
from llamita.train.settings import LoopSettings

Case = tuple[Model, BatchSource, Any]
TEXTS = 11
WEIGHTS = torch.tensor([0.3, 2.0])


def examples_of(model: Model, **targets: np.ndarray) -> Examples:
    task, split = tiny_task(1), reviews(TEXTS, 5)
    return Examples(
        encoded=encode(model, split.texts, task), targets={"gold": np.asarray(split.labels), **targets}
    )  # fmt: skip


def of_weights(outputs: Any, inputs: Any, targets: Any) -> dict[str, torch.Tensor]:
    return {"loss": cross_entropy(outputs.logits, targets["gold"], WEIGHTS, smoothing=0.1)}


def of_teacher(outputs: Any, inputs: Any, targets: Any) -> dict[str, torch.Tensor]:
    return logits_loss(outputs, targets, 2.0, 0.7)


def classification(family: str, *, packed: bool = False) -> Case:
    model = tiny_model(family)
    examples = examples_of(model)
    return model, PackedExamples(examples=examples) if packed else examples, of_weights


def distillation() -> Case:
    """Half of the texts have no gold label, so that the loss has two means over unlike numbers of texts."""
    model = tiny_model("bert")
    gold = np.where(np.arange(TEXTS) < 6, NO_LABEL, 1)
    return model, examples_of(model, gold=gold, teacher=drawn(TEXTS, 2)), of_teacher


def states(family: str, *, packed: bool = False) -> Case:
    model = tiny_model(family)
    examples = examples_of(model, teacher=drawn(TEXTS, 2), states=drawn(TEXTS, 1, 5))
    torch.manual_seed(3)
    loss = HiddenLoss([2], (32, 5), Hidden(layers="2:2"))
    return model, PackedExamples(examples=examples) if packed else examples, loss


def language(family: str, *, packed: bool = False) -> Case:
    """Rows of unlike length, of which few tokens or many are targets, and of one none."""
    model = with_language_head(tiny_model(family))
    random = np.random.default_rng(1)
    rows = []
    for place in range(TEXTS):
        ids = random.integers(20, 90, int(random.integers(4, 60)))
        rows.append(Tokens(ids, np.where(random.random(len(ids)) < place / 9, ids, NO_TARGET)))
    source = TokenExamples(rows=rows, lengths=[len(row.ids) for row in rows])
    return model, PackedTokens(examples=source) if packed else source, LanguageLoss(smoothing=0.1)


def drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).normal(size=shape).astype(np.float32)


CASES: dict[str, Callable[[], Case]] = {
    "classification with class weights": lambda: classification("bert"),
    "classification of packed texts": lambda: classification("llama", packed=True),
    "classification by an encoder-decoder": lambda: classification("bart"),
    "distillation": distillation,
    "hidden states": lambda: states("bert"),
    "hidden states of packed texts": lambda: states("bert", packed=True),
    "hidden states of an encoder-decoder": lambda: states("bart"),
    "a causal language": lambda: language("llama"),
    "packed dialogues": lambda: language("gpt2", packed=True),
    "a masked language": lambda: language("modernbert"),
    "a language of an encoder-decoder": lambda: language("bart"),
}


def learned(case: Case, at_once: int, *, dropout: bool = False) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    """The loss's parts of a batch, and all gradients."""
    model, source, loss = case
    settings = LoopSettings(
        learning_rate=1e-3, dropout=dropout, hidden_states=isinstance(loss, HiddenLoss), at_once=at_once
    )  # fmt: skip
    learner = Learner(model.module, source, loss, settings, bf16=False)
    learner.train()
    learner.zero_grad()
    batch = source.batch(model, np.arange(TEXTS))
    torch.manual_seed(7)
    learner(**batch)["loss"].backward()
    gradients = {name: p.grad.clone() for name, p in learner.named_parameters() if p.grad is not None}
    return learner.taken_sums(), gradients


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("at_once", [1, 80])
def test_loss_and_gradients_of_a_batch_in_parts_are_those_of_the_whole(name: str, at_once: int) -> None:
    case = CASES[name]()
    model, source, _ = case
    assert num_parts(source.batch(model, np.arange(TEXTS))["inputs"], at_once) > 1
    (whole, expected), (losses, gradients) = learned(case, 0), learned(case, at_once)
    assert losses == pytest.approx(whole, rel=1e-5)
    assert set(gradients) == set(expected)
    for part, gradient in expected.items():
        torch.testing.assert_close(gradients[part], gradient, atol=2e-5, rtol=1e-4, msg=lambda m, p=part: f"{p}: {m}")


@contextmanager
def rows_seen(module: nn.Module) -> Iterator[list[int]]:
    """Rows of each pass through the first layer, those that are computed once more among them."""
    seen: list[int] = []
    layer = module.base_model.encoder.layer[0]
    handle = layer.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    try:
        yield seen
    finally:
        handle.remove()


def test_a_part_holds_as_many_rows_as_fit_and_all_but_the_last_are_computed_once_more() -> None:
    model, source, loss = classification("bert")
    width = max(source.lengths)
    with rows_seen(model.module) as seen:
        learned((model, source, loss), 4 * width + 3)
    assert seen == [3, 4, 4, 4, 3]


def test_what_dropout_drops_of_a_part_is_the_same_when_it_is_computed_once_more() -> None:
    case = classification("bert")
    model, source, loss = case
    _, gradients = learned(case, 60, dropout=True)
    model.module.zero_grad()
    inputs, targets = source.batch(model, np.arange(TEXTS)).values()
    torch.manual_seed(7)
    number = num_parts(inputs, 60)
    found = [model.module(**source.part(inputs, place, number)[0]).logits for place in range(number)]
    of_whole = type("Found", (), {"logits": torch.cat(found)})
    loss(of_whole, inputs, targets)["loss"].backward()
    for name, p in model.module.named_parameters():
        torch.testing.assert_close(gradients[f"module.{name}"], p.grad, atol=1e-5, rtol=1e-4)


def test_there_are_as_few_parts_as_fit_and_as_many_in_each_process() -> None:
    inputs = {"input_ids": torch.zeros(6, 10), "decoder_input_ids": torch.zeros(6, 25)}
    assert [num_parts(inputs, most) for most in (0, 1, 49, 50, 149, 150)] == [1, 6, 6, 3, 2, 1]
    assert [num_parts(inputs, most, 2) for most in (0, 1, 49, 50, 74, 75)] == [1, 3, 3, 2, 2, 1]
    assert [num_parts(inputs, 1, ranks) for ranks in (4, 6, 7)] == [1, 1, 1], "no process has a part without a row"
    whole = object()
    assert outputs_in_parts(Examples(encoded=[]), lambda _: whole, inputs, 1) is whole


def test_outputs_that_are_kept_are_logits_and_the_states_that_were_asked_for() -> None:
    model, source, _ = classification("bert")
    inputs = source.batch(model, np.arange(3))["inputs"]
    assert len(output_tensors(source.outputs(model.module, inputs))) == 1
    assert len(output_tensors(source.outputs(model.module, inputs, output_hidden_states=True))) == 4
    model, source, _ = language("llama")
    (kept,) = output_tensors(source.outputs(model.module, source.batch(model, np.arange(3))["inputs"]))
    assert kept.shape[0] == 3
