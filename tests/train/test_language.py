"""Tokens are trained on as the stock models would, without their logits; documents in a row see themselves alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.families import FAMILIES, tiny_model
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

from llamita.core.architecture import architecture_named
from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.train.language import LanguageLoss, TokenExamples, Tokens, head_of
from llamita.train.language_loss import NO_TARGET
from llamita.train.loop import fit
from llamita.train.settings import LoopSettings

CAUSAL = tuple(family for family in FAMILIES if architecture_named(family).is_decoder_only)
MASKED = tuple(family for family in FAMILIES if family not in CAUSAL and family != "bart")


def language_model(family: str) -> Model:
    """A tiny one of random weights."""
    source = tiny_model(family)
    kind = (
        AutoModelForCausalLM
        if family in CAUSAL
        else AutoModelForSeq2SeqLM
        if family == "bart"
        else AutoModelForMaskedLM
    )
    torch.manual_seed(1)
    return Model(kind.from_config(source.module.config, dtype=torch.float32), source.tokenizer, name=family)


def rows_of(model: Model, masked: bool) -> list[Tokens]:
    ids = [
        np.asarray(ids) for ids in model.tokenizer(["a warm and funny film", "dull, far too long", "好"])["input_ids"]
    ]
    if not masked:
        return [Tokens(row, row.copy()) for row in ids]
    hidden = [np.where(np.arange(len(row)) % 2 == 1, row, NO_TARGET) for row in ids]
    return [Tokens(row, targets) for row, targets in zip(ids, hidden, strict=True)]


def source_of(rows: list[Tokens]) -> TokenExamples:
    return TokenExamples(rows=rows, lengths=[len(row.ids) for row in rows])


def loss_of(model: Model, source: TokenExamples, indices: list[int]) -> torch.Tensor:
    batch = source.batch(model, np.array(indices))
    outputs = source.outputs(model.module, batch["inputs"])
    return LanguageLoss()(outputs, batch["inputs"], batch["targets"])["loss"]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_loss_and_its_gradients_are_those_of_stock_code(family: str):
    model = language_model(family)
    rows = rows_of(model, masked=family in MASKED)
    ours = loss_of(model, source_of(rows), [0, 1, 2])
    ours.backward()
    found = {name: p.grad.clone() for name, p in model.module.named_parameters() if p.grad is not None}
    model.module.zero_grad()
    batch = source_of(rows).batch(model, np.arange(3))["inputs"]
    labels = torch.full((3, max(len(row.targets) for row in rows)), NO_TARGET)
    for place, row in enumerate(rows):
        labels[place, : len(row.targets)] = torch.as_tensor(row.targets)
    plain = model.module(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels).loss
    plain.backward()
    assert float(ours.detach()) == pytest.approx(float(plain.detach()), rel=1e-5)
    for name, parameter in model.module.named_parameters():
        if parameter.grad is not None and parameter.grad.any():
            torch.testing.assert_close(found[name], parameter.grad, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "bart"])
def test_documents_in_a_row_are_read_as_if_alone(family: str):
    model = language_model(family)
    rows = rows_of(model, masked=family in MASKED)
    alone = [loss_of(model, source_of([row]), [0]) for row in rows]
    shift = family in CAUSAL
    counts = [int((row.targets[1:] if shift else row.targets).__ne__(NO_TARGET).sum()) for row in rows]
    wanted = sum(float(loss.detach()) * count for loss, count in zip(alone, counts, strict=True)) / sum(counts)
    segments = np.repeat(np.arange(3), [len(row.ids) for row in rows])
    packed = Tokens(np.concatenate([row.ids for row in rows]), np.concatenate([row.targets for row in rows]), segments)
    other = rows[0]
    both = source_of([packed, other])
    assert float(loss_of(model, both, [0]).detach()) == pytest.approx(wanted, rel=1e-4)


def test_a_row_read_both_ways_sees_what_comes_after_and_another_in_its_batch_does_not():
    model = language_model("llama")
    ids = np.asarray(model.tokenizer("a warm and funny film that never loses its way")["input_ids"])
    other = ids.copy()
    other[-1] = ids[0]
    targets = np.where(np.arange(len(ids)) == 2, ids, NO_TARGET)

    def losses(both_ways: bool) -> list[float]:
        rows = [Tokens(one, targets, None, both_ways) for one in (ids, other)]
        plain = Tokens(other, targets)
        return [float(loss_of(model, source_of([row, plain]), [0]).detach()) for row in rows]

    seen, blind = losses(True), losses(False)
    assert seen[0] != pytest.approx(seen[1])
    assert blind[0] == pytest.approx(blind[1])
    mixed = source_of([Tokens(ids, targets, None, True), Tokens(other, targets)])
    assert float(loss_of(model, mixed, [1]).detach()) == pytest.approx(blind[1], rel=1e-5)
    together = float(loss_of(model, mixed, [0, 1]).detach())
    assert together == pytest.approx((seen[0] + blind[1]) / 2, rel=1e-5)
    with pytest.raises(UserError, match="both_ways is for decoders"):
        loss_of(language_model("bert"), source_of([Tokens(ids[:3], targets[:3], None, True)]), [0])


def test_causal_and_masked_rows_count_by_how_many_they_are_not_by_their_targets():
    """Two causal rows with every token a target, one masked row with two: two thirds of one mean, a third of the other."""
    model = language_model("llama")
    texts = ["a warm and funny film", "dull, far too long", "a film that never loses its way"]
    ids = [np.asarray(ids) for ids in model.tokenizer(texts)["input_ids"]]
    few = np.where(np.isin(np.arange(len(ids[2])), [2, 4]), ids[2], NO_TARGET)
    rows = [Tokens(ids[0], ids[0].copy()), Tokens(ids[2], few, None, True), Tokens(ids[1], ids[1].copy())]
    causal, masked = (
        float(loss_of(model, source_of(kind), [*range(len(kind))]).detach()) for kind in (rows[::2], rows[1:2])
    )
    assert causal != pytest.approx(masked, rel=1e-3)
    whole = loss_of(model, source_of(rows), [0, 1, 2])
    assert float(whole.detach()) == pytest.approx(2 / 3 * causal + 1 / 3 * masked, rel=1e-5)
    whole.backward()
    found = {name: p.grad.clone() for name, p in model.module.named_parameters()}
    model.module.zero_grad()
    (
        2 / 3 * loss_of(model, source_of(rows[::2]), [0, 1]) + 1 / 3 * loss_of(model, source_of(rows[1:2]), [0])
    ).backward()
    for name, parameter in model.module.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, atol=1e-6, rtol=1e-4)


def test_a_kind_of_row_without_a_target_counts_nothing():
    model = language_model("llama")
    ids = np.asarray(model.tokenizer("a warm and funny film")["input_ids"])
    bare = Tokens(ids, np.full_like(ids, NO_TARGET), None, True)
    plain = Tokens(ids, ids.copy())
    alone = float(loss_of(model, source_of([plain]), [0]).detach())
    assert float(loss_of(model, source_of([plain, bare]), [0, 1]).detach()) == pytest.approx(alone, rel=1e-5)
    assert float(loss_of(model, source_of([bare]), [0]).detach()) == 0


def test_a_classifier_has_no_language_head():
    with pytest.raises(UserError, match="predicts no tokens"):
        head_of(tiny_model("bert").module)


def test_training_goes_through_the_loop_and_learns(tmp_path):
    model = language_model("llama")
    source = source_of(rows_of(model, masked=False))
    before = float(loss_of(model, source, [0, 1, 2]).detach())
    settings = LoopSettings(learning_rate=0.01, dropout=False, precision="fp32")
    fit(model, source, [np.arange(3)] * 20, LanguageLoss(), settings, Run(folder=tmp_path))
    assert float(loss_of(model, source, [0, 1, 2]).detach()) < before / 2
