"""Packed examples give the logits, losses and gradients of texts in rows of their own."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.families import FAMILIES, tiny_model
from tests.train.kill import apply_until_done, checkpoint_often, saved_bytes
from tests.train.tiny import LABELS, tiny_run, tiny_task
from torch import nn

from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.learn.finetune import Finetune
from llamita.train.batches import mixed_batches
from llamita.train.examples import Examples, encode
from llamita.train.layout import lay_out
from llamita.train.losses import cross_entropy, mean_over_tokens
from llamita.train.packed import CANNOT_PACK, PackedExamples, arranged

RUN = Run(folder=Path("none"))
PACKABLE = [family for family in FAMILIES if family not in CANNOT_PACK]


def without_dropout(model: Model) -> Model:
    for part in model.module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    return model


def examples_of(model: Model, n: int = 9) -> Examples:
    task = tiny_task(n)
    texts = [*task.train.texts[:-2], "", "the film " * 20]
    return Examples(encoded=encode(model, texts, task), targets={"gold": np.asarray(task.train.labels)})


@pytest.mark.parametrize("family", PACKABLE)
def test_logits_states_and_gradients_are_those_of_unpacked_texts(family: str) -> None:
    """As the loop trains: plain attention, here without dropout."""
    model = without_dropout(tiny_model(family))
    model.module.set_attn_implementation("eager")
    examples = examples_of(model)
    indices = np.arange(9)
    seen = []
    for source in (examples, PackedExamples(examples=examples)):
        model.module.zero_grad()
        batch = source.batch(model, indices)
        outputs = source.outputs(model.module, batch["inputs"], output_hidden_states=True)
        states = mean_over_tokens(outputs.hidden_states[1], batch["inputs"]["attention_mask"])
        loss = cross_entropy(outputs.logits, batch["targets"]["gold"])
        (loss + states.square().mean()).backward()
        texts = batch["targets"]["gold"].tolist()
        gradients = {name: p.grad for name, p in model.module.named_parameters() if p.grad is not None}
        seen.append((outputs.logits, states, loss, gradients, texts))
    order = [i for row in lay_out(examples.lengths) for i in row]
    (logits, states, loss, gradients, texts), packed = seen
    torch.testing.assert_close(packed[0], logits[order], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(packed[1], states[order], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(packed[2], loss, atol=1e-5, rtol=1e-5)
    assert packed[4] == [texts[i] for i in order]
    assert set(packed[3]) == set(gradients)
    for name, gradient in gradients.items():
        torch.testing.assert_close(packed[3][name], gradient, atol=2e-5, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}")


def test_a_text_of_one_padding_token_is_read_as_it_is_alone() -> None:
    for family in ("roberta", "llama"):
        model = tiny_model(family)
        pad = model.encoder.pad_id
        examples = Examples(encoded=[([7, 8, 9], [0] * 3), ([pad], [0]), ([5, 6], [0] * 2)])
        batches = [source.batch(model, np.arange(3)) for source in (examples, PackedExamples(examples=examples))]
        with torch.no_grad():
            alone = examples.outputs(model.module, batches[0]["inputs"]).logits
            packed = PackedExamples(examples=examples).outputs(model.module, batches[1]["inputs"]).logits
        torch.testing.assert_close(packed, alone[[i for row in lay_out([3, 1, 2]) for i in row]], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("ranks", [2, 3, 5])
def test_the_parts_of_several_processes_are_the_batch(ranks: int) -> None:
    model = tiny_model("bert")
    source = PackedExamples(examples=examples_of(model))
    inputs = source.batch(model, np.arange(9))["inputs"]
    with torch.no_grad():
        whole = source.outputs(model.module, inputs).logits
        found = []
        for rank in range(ranks):
            part, texts = source.part(inputs, rank, ranks)
            found.append(source.outputs(model.module, part).logits[: texts.stop - texts.start])
    torch.testing.assert_close(torch.cat(found), whole, atol=1e-5, rtol=1e-5)


def test_mixed_batches_are_a_pure_function_of_seed_and_hold_each_text_once_an_epoch() -> None:
    lengths = np.random.default_rng(1).integers(1, 40, size=100).tolist()
    how = {"batch_size": 16, "seed": 3, "max_tokens": 200}
    once, twice = (mixed_batches(lengths, epochs=2.0, **how) for _ in range(2))
    assert [b.tolist() for b in once] == [b.tolist() for b in twice]
    assert sorted(i for b in once for i in b.tolist()) == sorted([*range(100)] * 2)
    assert all(len(b) <= 16 and sum(lengths[i] for i in b) <= 200 for b in once)
    assert sum(len(b) for b in mixed_batches(lengths, epochs=0.3, **how)) == 30


def test_auto_packs_where_padding_is_large_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    model = tiny_model("bert")
    step = SimpleNamespace(batch_size=4, epochs=1.0, max_tokens=999, packing="auto")
    even = Examples(encoded=[([5] * 8, [0] * 8)] * 16)
    uneven = Examples(encoded=[([5] * size, [0] * size) for size in (2, 40, 3, 2)])
    with caplog.at_level(logging.INFO, "llamita"):
        assert arranged(step, model, even, RUN)[0] is even
        assert isinstance(arranged(step, model, uneven, RUN)[0], PackedExamples)
    assert "0.0 % of the tokens are padding" in caplog.text
    assert "padding would be 70.6 %" in caplog.text


def test_bart_is_refused_by_name_and_left_out_by_auto() -> None:
    model = tiny_model("bart")
    examples = Examples(encoded=[([5] * size, [0] * size) for size in (2, 40, 3, 2)])
    step = SimpleNamespace(batch_size=4, epochs=1.0, max_tokens=999, packing="auto")
    assert arranged(step, model, examples, RUN)[0] is examples
    step.packing = "on"
    with pytest.raises(UserError, match="packing=on: texts of the family bart"):
        arranged(step, model, examples, RUN)


def test_a_packed_training_that_is_killed_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint_often(monkeypatch, 3)
    task = tiny_task(48)
    step = Finetune(epochs=2, batch_size=8, packing="on", learning_rate=1e-3)

    def fresh() -> Model:
        return tiny_model("bert", labels=LABELS)

    plain, _ = apply_until_done(step, fresh, tiny_run(tmp_path / "plain", task), [], monkeypatch)
    killed, steps = apply_until_done(step, fresh, tiny_run(tmp_path / "killed", task), [5, 4], monkeypatch)
    assert steps > 12
    assert saved_bytes(killed, tmp_path / "a") == saved_bytes(plain, tmp_path / "b")
    lines = [(tmp_path / name / "metrics.jsonl").read_bytes() for name in ("plain", "killed")]
    assert lines[0] == lines[1]
