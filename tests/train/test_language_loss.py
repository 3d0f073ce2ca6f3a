"""The loss in chunks is the plain cross-entropy, in value and in gradient, and no more than a chunk of logits ever stands."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from llamita.train import language_loss
from llamita.train.language_loss import NO_TARGET, chunk_size, token_loss

TOKENS, WIDTH, VOCABULARY = 23, 8, 50


def drawn(bias: bool = True):
    draws = torch.Generator().manual_seed(0)
    states = torch.randn(TOKENS, WIDTH, generator=draws).requires_grad_()
    weight = torch.randn(VOCABULARY, WIDTH, generator=draws).requires_grad_()
    shift = torch.randn(VOCABULARY, generator=draws).requires_grad_() if bias else None
    targets = torch.randint(0, VOCABULARY, (TOKENS,), generator=draws)
    targets[::3] = NO_TARGET
    return states, weight, shift, targets


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(language_loss, "chunk_size", lambda vocabulary: 4)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("cap", [None, 3.0])
def test_value_and_gradients_are_those_of_the_plain_loss(bias, smoothing, cap, small_chunks):
    states, weight, shift, targets = drawn(bias)
    given = [part for part in (states, weight, shift) if part is not None]
    logits = functional.linear(states, weight, shift)
    logits = cap * torch.tanh(logits / cap) if cap else logits
    plain = functional.cross_entropy(logits, targets, ignore_index=NO_TARGET, label_smoothing=smoothing)
    wanted = torch.autograd.grad(2.5 * plain, given)
    ours = token_loss(states, weight, targets, bias=shift, smoothing=smoothing, cap=cap)
    found = torch.autograd.grad(2.5 * ours, given)
    assert float(ours.detach()) == pytest.approx(float(plain.detach()), rel=1e-5)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_two_tokens_by_hand():
    states, weight = torch.eye(2), torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]])
    # logits (log 3, 0) and (0, 0): probabilities 3/4 and 1/2 of the first token
    loss = token_loss(states, weight, torch.tensor([0, 1]))
    assert float(loss) == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)


def test_no_more_than_a_chunk_of_logits_stands(monkeypatch, small_chunks):
    seen = []
    whole = language_loss._of_chunk
    monkeypatch.setattr(
        language_loss, "_of_chunk", lambda logits, *rest: (seen.append(len(logits)), whole(logits, *rest))[1]
    )
    states, weight, shift, targets = drawn()
    token_loss(states, weight, targets, bias=shift)
    assert max(seen) == 4
    assert sum(seen) == int((targets != NO_TARGET).sum()), "tokens without a target are left out"


def test_a_chunk_is_bounded_in_bytes():
    assert chunk_size(49_152) * 49_152 * 4 <= language_loss.CHUNK_BYTES
    assert chunk_size(10**9) == 16


@pytest.mark.parametrize("bias", [True, False])
def test_nothing_to_predict_is_a_loss_of_nothing_with_a_gradient_for_states_and_head(bias):
    *parts, _ = drawn(bias)
    states, weight, shift = parts
    loss = token_loss(states, weight, torch.full((TOKENS,), NO_TARGET), bias=shift)
    loss.backward()
    assert float(loss.detach()) == 0
    assert all(part.grad is not None and not part.grad.any() for part in parts if part is not None)


def test_only_what_is_asked_for_gets_a_gradient():
    states, weight, _, targets = drawn()
    token_loss(states, weight.detach(), targets).backward()
    assert states.grad is not None
    states, weight, _, targets = drawn()
    token_loss(states.detach(), weight, targets).backward()
    assert weight.grad is not None


def test_half_precision_states_are_read_in_their_precision_and_summed_in_full():
    states, weight, _, targets = drawn(bias=False)
    full = torch.autograd.grad(token_loss(states, weight, targets), weight)[0]
    half = torch.autograd.grad(token_loss(states.bfloat16(), weight, targets), weight)[0]
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, full, atol=0.02, rtol=0.05)
