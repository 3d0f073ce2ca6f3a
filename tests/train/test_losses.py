"""Losses against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from llamita.train.losses import (
    NO_LABEL,
    balanced_weights,
    cross_entropy,
    mean_over_tokens,
    soft_cross_entropy_gap,
    state_distance,
)


def test_kl_by_hand() -> None:
    student = torch.tensor([[0.0, 0.0]])
    teacher = torch.tensor([[2 * math.log(3.0), 0.0]])
    expected = 4 * (0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5))
    assert soft_cross_entropy_gap(student, teacher, 2.0).item() == pytest.approx(expected, abs=1e-6)


def test_kl_is_zero_for_the_teacher_itself_whatever_is_added_to_its_logits() -> None:
    teacher = torch.randn(5, 3)
    assert soft_cross_entropy_gap(teacher + 7.0, teacher, 3.0).item() == pytest.approx(0.0, abs=1e-6)


def test_kl_agrees_with_torch() -> None:
    student, teacher, t = torch.randn(6, 4), torch.randn(6, 4), 2.5
    slow = functional.kl_div(
        functional.log_softmax(student / t, -1), functional.softmax(teacher / t, -1), reduction="batchmean"
    )
    torch.testing.assert_close(soft_cross_entropy_gap(student, teacher, t), slow * t * t)


def test_at_a_high_temperature_the_gradient_is_that_of_matched_centred_logits() -> None:
    student = torch.tensor([[1.0, -2.0, 4.0]], requires_grad=True)
    teacher = torch.tensor([[0.5, 2.5, 0.0]])
    (gradient,) = torch.autograd.grad(soft_cross_entropy_gap(student, teacher, 1000.0), student)
    centred = (student - student.mean()) - (teacher - teacher.mean())
    torch.testing.assert_close(gradient, centred.detach() / 3, rtol=1e-2, atol=1e-2)


def test_cross_entropy_by_hand_with_weights_and_smoothing() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]))
    gold = torch.tensor([0, 2])
    assert cross_entropy(logits, gold).item() == pytest.approx((math.log(2) + math.log(10)) / 2, abs=1e-6)
    weights = torch.tensor([0.5, 1.0, 2.0])
    assert cross_entropy(logits, gold, weights).item() == pytest.approx(
        (0.5 * math.log(2) + 2 * math.log(10)) / 2, abs=1e-6
    )
    first = 0.9 * math.log(2) + 0.1 * (math.log(2) + 2 * math.log(4)) / 3
    assert cross_entropy(logits[:1], gold[:1], None, 0.1).item() == pytest.approx(first, abs=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_agrees_with_torch(smoothing: float) -> None:
    logits, gold = torch.randn(9, 5), torch.randint(5, (9,))
    torch.testing.assert_close(
        cross_entropy(logits, gold, None, smoothing), functional.cross_entropy(logits, gold, label_smoothing=smoothing)
    )


def test_examples_without_a_gold_label_do_not_count() -> None:
    logits = torch.randn(4, 2, requires_grad=True)
    gold = torch.tensor([0, NO_LABEL, 1, NO_LABEL])
    loss = cross_entropy(logits, gold)
    torch.testing.assert_close(loss, cross_entropy(logits[[0, 2]], gold[[0, 2]]))
    loss.backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad[[1, 3]], torch.zeros(2, 2))
    assert cross_entropy(logits, torch.full((4,), NO_LABEL)).item() == 0.0


def test_balanced_weights_by_hand() -> None:
    np.testing.assert_allclose(balanced_weights([0, 0, 0, 1], 2), [4 / 6, 2.0])
    np.testing.assert_allclose(balanced_weights([0, 0, 0, 2], 3), [4 / 6, 0.0, 2.0])


def test_balanced_weights_have_a_mean_of_one_over_the_examples() -> None:
    labels = [0] * 7 + [1] * 2 + [2]
    assert np.mean(balanced_weights(labels, 3)[labels]) == pytest.approx(1.0)


def test_mean_over_tokens_leaves_padding_out() -> None:
    states = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [100.0, 100.0]]])
    torch.testing.assert_close(mean_over_tokens(states, torch.tensor([[1, 1, 0]])), torch.tensor([[2.0, 4.0]]))


def test_state_distances_by_hand() -> None:
    ours, theirs = torch.tensor([[1.0, 0.0], [2.0, 2.0]]), torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    assert state_distance(ours, theirs).item() == pytest.approx(1.0)
    assert state_distance(ours, theirs, kind="cosine").item() == pytest.approx(0.5)
    assert state_distance(ours, theirs, torch.tensor([0, 1]), "cosine").item() == pytest.approx(0.0, abs=1e-6)
