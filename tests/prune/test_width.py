from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from tests.families import FAMILIES, TRAINING_TEXTS, tiny_model
from tests.prune.reviews import reload, reviews_run, train_briefly

from llamita.core.architecture import ARCHITECTURES, architecture_of, layer_lists, submodule
from llamita.core.errors import UserError
from llamita.prune.width import (
    Width,
    WidthScores,
    ffn_size,
    group_contribution,
    keep_largest,
    keep_width,
    measure_width,
    neuron_contribution,
    neurons_kept,
    sliced_attention,
)

TEXTS = list(TRAINING_TEXTS[:8])
WITH_HEADS = [family for family in FAMILIES if ARCHITECTURES[family].head_size]
WITHOUT_HEADS = [family for family in FAMILIES if not ARCHITECTURES[family].head_size]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_narrower_ffn_reloads_with_equal_logits(family, tmp_path):
    model = tiny_model(family)
    size = ffn_size(model.module, 0)
    model = Width(ffn=0.5).apply(model, reviews_run(tmp_path))
    assert ffn_size(model.module, 0) == size // 2
    again = reload(model, tmp_path / "saved")
    np.testing.assert_allclose(model.text_logits(TEXTS), again.text_logits(TEXTS), rtol=0, atol=1e-6)


@pytest.mark.parametrize("family", WITH_HEADS)
def test_fewer_heads_reload_with_equal_logits(family, tmp_path):
    model = Width(heads=1).apply(tiny_model(family), reviews_run(tmp_path))
    assert (model.module.config.num_attention_heads, model.module.config.num_key_value_heads) == (2, 1)
    again = reload(model, tmp_path / "saved")
    np.testing.assert_allclose(model.text_logits(TEXTS), again.text_logits(TEXTS), rtol=0, atol=1e-6)


@pytest.mark.parametrize("family", WITHOUT_HEADS)
def test_heads_that_a_stock_config_cannot_describe_are_refused(family, tmp_path):
    with pytest.raises(UserError, match=f"heads of {family} can't be dropped"):
        Width(heads=1).apply(tiny_model(family), reviews_run(tmp_path))


@pytest.mark.parametrize("family", FAMILIES)
def test_dropping_silent_neurons_changes_nothing(family, tmp_path):
    model = tiny_model(family)
    architecture = architecture_of(model.module)
    for stack, layers in zip(architecture.stacks, layer_lists(model.module), strict=True):
        for layer in layers:
            output = submodule(layer, stack.ffn.output)
            with torch.no_grad():
                weight = output.weight if isinstance(output, torch.nn.Linear) else output.weight.T
                weight[:, 1::2] = 0
    before = model.text_logits(TEXTS)
    pruned = Width(ffn=0.5).apply(model, reviews_run(tmp_path))
    np.testing.assert_allclose(pruned.text_logits(TEXTS), before, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", WITH_HEADS)
def test_dropping_a_silent_group_of_heads_changes_nothing(family, tmp_path):
    model = tiny_model(family)
    for i, layer in enumerate(layer_lists(model.module)[0]):
        half = layer.self_attn.o_proj.in_features // 2
        with torch.no_grad():
            layer.self_attn.o_proj.weight[:, slice(0, half) if i else slice(half, None)] = 0
    before = model.text_logits(TEXTS)
    pruned = Width(heads=1).apply(model, reviews_run(tmp_path))
    np.testing.assert_allclose(pruned.text_logits(TEXTS), before, rtol=0, atol=1e-5)


def test_keeping_everything_changes_nothing(tmp_path):
    model = tiny_model("llama")
    before = model.text_logits(TEXTS)
    same = Width(ffn=1.0, heads=2).apply(model, reviews_run(tmp_path))
    np.testing.assert_array_equal(same.text_logits(TEXTS), before)


def test_contributions_of_a_case_by_hand():
    activations = torch.tensor([[1.0, -2.0], [3.0, 0.0]])
    weight = torch.tensor([[3.0, 1.0], [4.0, 0.0]])
    torch.testing.assert_close(neuron_contribution(activations, weight), torch.tensor([4 * 5.0, 2 * 1.0]))
    torch.testing.assert_close(group_contribution(activations, weight, 1), torch.tensor([17**0.5 + 15]))
    torch.testing.assert_close(group_contribution(activations, weight, 2), torch.tensor([20.0, 2.0]))


def test_scores_leave_padding_out():
    model = tiny_model("bert")
    together = measure_width(model, TEXTS, with_heads=False)
    alone = [measure_width(model, [text], with_heads=False) for text in TEXTS]
    torch.testing.assert_close(together.neurons[0][0], sum(one.neurons[0][0] for one in alone), rtol=1e-4, atol=1e-4)


def test_group_scores_agree_with_a_slow_version():
    model = tiny_model("qwen3")
    fast = measure_width(model, TEXTS[:1], with_heads=True).groups[0][1]
    attention = layer_lists(model.module)[0][1].self_attn
    seen: list[torch.Tensor] = []
    handle = attention.o_proj.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0][0]))
    model.text_logits(TEXTS[:1])
    handle.remove()
    slow = [0.0, 0.0]
    for token in seen[0]:
        for group in range(2):
            only = torch.zeros_like(token)
            only[group * 16 : group * 16 + 16] = token[group * 16 : group * 16 + 16]
            slow[group] += float((attention.o_proj.weight.detach() @ only).norm())
    torch.testing.assert_close(fast.float(), torch.tensor(slow), rtol=1e-4, atol=1e-4)


def test_sliced_heads_hold_the_rows_of_their_group():
    model = tiny_model("qwen2")
    layer, stack = layer_lists(model.module)[0][0], architecture_of(model.module).stacks[0]
    cut = sliced_attention(layer, stack, torch.tensor([1]), 8)
    assert torch.equal(cut["self_attn.q_proj.weight"], layer.self_attn.q_proj.weight[16:32])
    assert torch.equal(cut["self_attn.k_proj.bias"], layer.self_attn.k_proj.bias[8:16])
    assert torch.equal(cut["self_attn.o_proj.weight"], layer.self_attn.o_proj.weight[:, 16:32])


def test_measured_neurons_beat_random_ones_on_a_trained_model(tmp_path):
    run = reviews_run(tmp_path)

    teacher = train_briefly(tiny_model("llama"), run)

    def trained():
        return copy.deepcopy(teacher)

    whole = trained().text_logits(run.task.train.texts)
    ours = Width(ffn=0.25).apply(trained(), run).text_logits(run.task.train.texts)
    random_errors = []
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        scores = WidthScores(neurons=[[torch.rand(64, generator=generator) for _ in range(2)]], groups=[[]])
        narrow = keep_width(trained(), scores, [16], None)
        random_errors.append(np.abs(narrow.text_logits(run.task.train.texts) - whole).mean())
    assert np.abs(ours - whole).mean() < min(random_errors)


def test_keep_largest_is_ordered_and_prefers_the_earlier_of_equals():
    assert keep_largest(torch.tensor([1.0, 3.0, 1.0, 5.0]), 3).tolist() == [0, 1, 3]


def test_shares_become_multiples_of_eight_and_numbers_stay():
    assert neurons_kept(0.3, 1536) == 464
    assert neurons_kept(0.001, 1536) == 8
    assert neurons_kept(500, 1536) == 500
    assert neurons_kept(1.0, 1531) == 1531


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"ffn": 0}, "got 0"), ({"ffn": 1.5}, "share in"), ({"ffn": -0.5}, "got -0.5"), ({"heads": 0}, "at least 1")],
)
def test_bad_settings_are_refused_by_one_line(settings, message):
    with pytest.raises(UserError, match=message):
        Width(**settings)


def test_numbers_beyond_the_model_are_refused_with_what_is_allowed(tmp_path):
    with pytest.raises(UserError, match="at most this model's 64 neurons, got 65"):
        Width(ffn=65).apply(tiny_model("llama"), reviews_run(tmp_path))
    with pytest.raises(UserError, match=r"one of 1, 2 for this model \(it has 2\), got 3"):
        Width(heads=3).apply(tiny_model("llama"), reviews_run(tmp_path))
