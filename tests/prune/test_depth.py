from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from tests.families import FAMILIES, TRAINING_TEXTS, tiny_model
from tests.prune.reviews import reload, reviews_run, train_briefly
from tests.talks import chat_model

from llamita.core.architecture import layer_lists
from llamita.core.errors import UserError
from llamita.prune._calibration import Calibration
from llamita.prune.depth import Depth, block_influence, influences, keep_layers, mean_loss, most_influential, skipped
from llamita.tasks._head import name_labels

TEXTS = list(TRAINING_TEXTS[:8])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_shallower_model_reloads_with_equal_logits(family, tmp_path):
    model = Depth(keep=2).apply(tiny_model(family, layers=4), reviews_run(tmp_path))
    assert [len(stack) for stack in layer_lists(model.module)] == [2] * len(layer_lists(model.module))
    again = reload(model, tmp_path / "saved")
    np.testing.assert_allclose(model.text_logits(TEXTS), again.text_logits(TEXTS), rtol=0, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_dropping_layers_equals_skipping_them(family, tmp_path):
    model = tiny_model(family, layers=4)
    stacks = layer_lists(model.module)
    with skipped([stack[i] for stack in stacks for i in (1, 2)]):
        wanted = model.text_logits(TEXTS)
    pruned = keep_layers(model, [[0, 3]] * len(stacks))
    np.testing.assert_allclose(pruned.text_logits(TEXTS), wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("family", ["llama", "bart", "gpt2", "gemma3_text"])
def test_kept_attention_is_renumbered_for_the_cache(family, tmp_path):
    model = keep_layers(tiny_model(family, layers=4), [[1, 3]] * (2 if family == "bart" else 1))
    for stack in layer_lists(model.module):
        places = [m.layer_idx for layer in stack for m in layer.modules() if hasattr(m, "layer_idx")]
        assert sorted(set(places)) == [0, 1]
        assert places == sorted(places)


def test_layer_types_follow_their_layers(tmp_path):
    model = tiny_model("gemma3_text", layers=4)
    assert model.module.config.layer_types == ["sliding_attention", "full_attention"] * 2
    pruned = keep_layers(model, [[1, 2]])
    assert pruned.module.config.layer_types == ["full_attention", "sliding_attention"]
    assert pruned.module.config.num_hidden_layers == 2


def test_keeping_every_layer_changes_nothing(tmp_path):
    model = tiny_model("bert", layers=3)
    before = model.text_logits(TEXTS)
    same = Depth(keep=3).apply(model, reviews_run(tmp_path))
    np.testing.assert_array_equal(same.text_logits(TEXTS), before)


def test_block_influence_of_a_case_by_hand():
    before = torch.tensor([[3.0, 4.0], [1.0, 0.0], [1.0, 1.0]])
    after = torch.tensor([[4.0, 3.0], [0.0, 2.0], [5.0, 5.0]])
    torch.testing.assert_close(block_influence(before, after), torch.tensor([1 - 24 / 25, 1.0, 0.0]))


def test_influences_agree_with_a_slow_version_that_sees_one_text_at_a_time():
    model = tiny_model("llama", layers=3)
    sums, count = np.zeros(3), 0
    for text in TEXTS:
        ids = torch.tensor([model.encoder.encode([text])[0][0]])
        model.module.base_model.norm = torch.nn.Identity()
        with torch.no_grad():
            states = model.module.base_model(ids, output_hidden_states=True).hidden_states
        for token in range(ids.shape[1]):
            for layer in range(3):
                x, y = states[layer][0, token].numpy(), states[layer + 1][0, token].numpy()
                sums[layer] += 1 - x @ y / np.linalg.norm(x) / np.linalg.norm(y)
            count += 1
    np.testing.assert_allclose(influences(model, TEXTS)[0], sums / count, atol=1e-5)


def test_a_layer_that_does_nothing_goes_first(tmp_path):
    model = tiny_model("llama", layers=3)
    idle = layer_lists(model.module)[0][1]
    with torch.no_grad():
        idle.self_attn.o_proj.weight.zero_()
        idle.mlp.down_proj.weight.zero_()
    before = model.text_logits(TEXTS)
    pruned = Depth(keep=2).apply(model, reviews_run(tmp_path))
    np.testing.assert_allclose(pruned.text_logits(TEXTS), before, atol=1e-5)


def test_of_equal_layers_the_earlier_stays_and_pinned_ones_always_do():
    assert most_influential([0.1, 0.5, 0.5, 0.5], 2) == [1, 2]
    assert most_influential([0.1, 0.5, 0.4, 0.5], 2, pinned=(0,)) == [0, 1]


def test_the_first_layer_of_modernbert_stays(tmp_path):
    model = tiny_model("modernbert", layers=3)
    first = layer_lists(model.module)[0][0].mlp.Wi.weight.detach().clone()
    pruned = Depth(keep=1, method="greedy").apply(model, reviews_run(tmp_path))
    assert torch.equal(layer_lists(pruned.module)[0][0].mlp.Wi.weight, first)


@pytest.mark.parametrize("family", ["bert", "bart"])
def test_greedy_drops_what_the_task_misses_least(family, tmp_path):
    run = reviews_run(tmp_path)
    model = train_briefly(tiny_model(family, layers=3), run)
    stacks = layer_lists(model.module)
    calibration = Calibration(model, run.task.train.texts)
    losses = {}
    for s, stack in enumerate(stacks):
        for i in range(3):
            with skipped([stack[i]]):
                losses[s, i] = mean_loss(calibration, run.task.train.labels)
    pruned = Depth(keep=2, method="greedy").apply(model, run)
    found = mean_loss(Calibration(pruned, run.task.train.texts), run.task.train.labels)
    if family == "bert":
        assert found == pytest.approx(min(losses.values()), abs=1e-5)
    assert found < max(losses.values())


def test_greedy_drops_the_same_layers_whatever_the_order_of_the_heads_labels(tmp_path):
    run = reviews_run(tmp_path)
    model = train_briefly(tiny_model("bert", layers=3), run)
    turned = copy.deepcopy(model)
    head = turned.module.classifier
    with torch.no_grad():
        head.weight.copy_(head.weight.flip(0))
        head.bias.copy_(head.bias.flip(0))
    name_labels(turned.module.config, ("positive", "negative"))
    step = Depth(keep=1, method="greedy")
    wanted, found = step.apply(model, run).text_logits(TEXTS), step.apply(turned, run)
    assert found.labels == ("positive", "negative")
    np.testing.assert_allclose(found.text_logits(TEXTS)[:, ::-1], wanted, atol=1e-6)


def test_greedy_takes_away_one_layer_after_another_as_a_slow_version_does(tmp_path):
    run = reviews_run(tmp_path)
    model = train_briefly(tiny_model("bert", layers=4), run)
    gold, kept = torch.tensor(run.task.train.labels), [0, 1, 2, 3]
    while len(kept) > 2:
        losses = []
        for gone in kept:
            left = keep_layers(copy.deepcopy(model), [[i for i in kept if i != gone]])
            logits = torch.as_tensor(left.text_logits(run.task.train.texts))
            losses.append(float(torch.nn.functional.cross_entropy(logits, gold)))
        kept.pop(int(np.argmin(losses)))
    wanted = keep_layers(copy.deepcopy(model), [kept]).text_logits(TEXTS)
    found = Depth(keep=2, method="greedy").apply(model, run).text_logits(TEXTS)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_layers_are_judged_without_the_head_for_tokens(tmp_path):
    model = chat_model(family="gpt2")
    model.module.lm_head.register_forward_hook(lambda *_: pytest.fail("the head for tokens was computed"))
    assert len(Depth(keep=1).apply(model, reviews_run(tmp_path)).module.transformer.h) == 1


def test_greedy_wants_a_head_for_these_labels(tmp_path):
    model = tiny_model("bert", layers=3, labels=("x", "y", "z"))
    with pytest.raises(UserError, match="fine-tune first"):
        Depth(keep=2, method="greedy").apply(model, reviews_run(tmp_path))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"keep": 0}, "at least 1 layer, got 0"),
        ({"keep": 2, "method": "greedi"}, "Did you mean 'greedy'"),
        ({"keep": 2, "sample": 0}, "at least 1 text"),
    ],
)
def test_bad_settings_are_refused_by_one_line(settings, message):
    with pytest.raises(UserError, match=message):
        Depth(**settings)


def test_more_layers_than_there_are_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"in \[1, 2\] for this model, got 3"):
        Depth(keep=3).apply(tiny_model("gpt2"), reviews_run(tmp_path))


def test_scores_need_training_texts(tmp_path):
    from llamita.core.context import Run

    with pytest.raises(UserError, match="has none"):
        Depth(keep=1).apply(tiny_model("gpt2"), Run(folder=tmp_path))
