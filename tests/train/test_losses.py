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
    binary_cross_entropy,
    binary_gap,
    cross_entropy,
    mean_over_tokens,
    presence_weights,
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


def test_focal_loss_by_hand() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]))
    gold = torch.tensor([0, 2])
    by_hand = (0.5**2 * math.log(2) + 0.9**2 * math.log(10)) / 2
    assert cross_entropy(logits, gold, gamma=2.0).item() == pytest.approx(by_hand, abs=1e-6)
    weights = torch.tensor([0.5, 1.0, 2.0])
    weighted = (0.5 * 0.5**2 * math.log(2) + 2 * 0.9**2 * math.log(10)) / 2
    assert cross_entropy(logits, gold, weights, gamma=2.0).item() == pytest.approx(weighted, abs=1e-6)


@pytest.mark.parametrize("loss", [cross_entropy, binary_cross_entropy])
def test_gamma_0_is_plain_cross_entropy_and_a_larger_one_never_more(loss) -> None:
    logits = torch.randn(7, 4)
    gold = torch.randint(0, 2, (7, 4)) if loss is binary_cross_entropy else torch.randint(0, 4, (7,))
    assert loss(logits, gold, gamma=0.0).equal(loss(logits, gold))
    falling = [loss(logits, gold, gamma=gamma).item() for gamma in (0.0, 0.5, 1.0, 2.0, 5.0)]
    assert falling == sorted(falling, reverse=True)


def test_focal_loss_agrees_with_a_slow_one_and_has_its_gradient() -> None:
    logits, gold = torch.randn(6, 3, dtype=torch.float64).float().requires_grad_(), torch.tensor([0, 1, 2, 0, 1, 2])
    p = logits.softmax(dim=-1)
    slow = sum(-((1 - p[i, g]) ** 1.5) * p[i, g].log() for i, g in enumerate(gold.tolist())) / 6
    fast = cross_entropy(logits, gold, gamma=1.5)
    torch.testing.assert_close(fast, slow)
    (ours,), (theirs,) = torch.autograd.grad(fast, logits), torch.autograd.grad(slow, logits)
    torch.testing.assert_close(ours, theirs)


def test_focal_loss_of_a_sure_text_has_a_finite_gradient() -> None:
    logits = torch.tensor([[100.0, -100.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(cross_entropy(logits, torch.tensor([0]), gamma=0.5), logits)
    assert gradient.isfinite().all()


def test_binary_cross_entropy_is_torchs_and_leaves_out_what_has_no_gold() -> None:
    logits, gold = torch.randn(5, 3), torch.randint(0, 2, (5, 3))
    slow = functional.binary_cross_entropy_with_logits(logits, gold.float())
    torch.testing.assert_close(binary_cross_entropy(logits, gold), slow)
    weights = torch.tensor([1.0, 3.0, 0.5])
    slow = functional.binary_cross_entropy_with_logits(logits, gold.float(), pos_weight=weights)
    torch.testing.assert_close(binary_cross_entropy(logits, gold, weights), slow)
    unknown = torch.cat([gold, torch.full((2, 3), NO_LABEL)])
    torch.testing.assert_close(
        binary_cross_entropy(torch.cat([logits, torch.randn(2, 3)]), unknown), binary_cross_entropy(logits, gold)
    )


def test_binary_focal_loss_by_hand() -> None:
    logits = torch.log(torch.tensor([[3.0, 1 / 3]]))
    found = binary_cross_entropy(logits, torch.tensor([[1, 1]]), gamma=2.0).item()
    assert found == pytest.approx((0.25**2 * math.log(4 / 3) + 0.75**2 * math.log(4)) / 2, abs=1e-6)


def test_binary_gap_by_hand_and_zero_for_the_teacher_itself() -> None:
    student, teacher = torch.zeros(1, 2), torch.tensor([[2 * math.log(3.0), 0.0]])
    by_hand = 4 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5)) / 2
    assert binary_gap(student, teacher, 2.0).item() == pytest.approx(by_hand, abs=1e-6)
    assert binary_gap(teacher, teacher, 3.0).item() == pytest.approx(0.0, abs=1e-6)


def test_presence_weighs_as_much_as_absence() -> None:
    gold = np.array([[1, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 1]])
    assert presence_weights(gold, 3).tolist() == [3.0, 1.0, 1.0], "what all texts have is learned, too"


def test_many_easy_texts_of_a_common_label_drown_a_rare_one_less_with_a_gamma() -> None:
    def recall(gamma: float, seed: int) -> float:
        draw = torch.Generator().manual_seed(seed)
        sizes, middles = (950, 30, 20), ((-3.0, 0.0), (0.0, -1.0), (0.5, 1.0))
        parts = [
            0.5 * torch.randn(n, 2, generator=draw) + torch.tensor(at) for n, at in zip(sizes, middles, strict=True)
        ]
        points, gold = torch.cat(parts), torch.tensor([0] * 980 + [1] * 20)
        weight = torch.zeros(2, 2, requires_grad=True)
        bias = torch.zeros(2, requires_grad=True)
        for _ in range(100):
            gradients = torch.autograd.grad(cross_entropy(points @ weight + bias, gold, gamma=gamma), (weight, bias))
            with torch.no_grad():
                weight -= 0.3 * gradients[0]
                bias -= 0.3 * gradients[1]
        return float(((parts[2] @ weight + bias).argmax(dim=1) == 1).float().mean())

    focal, plain = ([recall(gamma, seed) for seed in range(5)] for gamma in (2.0, 0.0))
    assert all(ours >= theirs for ours, theirs in zip(focal, plain, strict=True))
    assert sum(focal) > sum(plain) + 0.2
