"""Training the rows in use ends where training the whole table ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.families import FAMILIES, tiny_model
from tests.train.tiny import tiny_run, tiny_task
from torch import nn

from llamita.core.model import Model
from llamita.train import rows as rows_file
from llamita.train.batches import training_batches
from llamita.train.examples import Examples, encode
from llamita.train.loop import fit
from llamita.train.losses import cross_entropy
from llamita.train.rows import UsedRows, rows_in_use
from llamita.train.settings import LoopSettings


def examples_of(model: Model) -> Examples:
    task = tiny_task(24)
    return Examples(encoded=encode(model, task.train.texts, task), targets={"gold": np.asarray(task.train.labels)})


def loss(outputs, inputs, targets):  # type: ignore[no-untyped-def]
    return {"loss": cross_entropy(outputs.logits, targets["gold"])}


@pytest.mark.parametrize("early", [False, True])
def test_the_whole_table_ends_the_same(early: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With strong decay, a text of padding, scores of texts with other words on the way, and a return to the best."""
    ends, scores = [], []
    for most in (rows_file.MOST_USED, -1.0):
        monkeypatch.setattr(rows_file, "MOST_USED", most)
        model = tiny_model("bert")
        examples = examples_of(model)
        examples.encoded.append(([model.encoder.pad_id], [0]))  # type: ignore[attr-defined]
        examples = Examples(encoded=examples.encoded, targets={"gold": np.append(examples.targets["gold"], 1)})
        batches = training_batches(examples.lengths, batch_size=5, epochs=2, seed=0)
        seen: list[float] = []

        def judge(model: Model = model, seen: list[float] = seen) -> float:
            seen.append(float(model.scores(["the plot is long and 酒店 is lifeless, gladly"])[0, 0]))
            return [0.1, 0.3, 0.2][len(seen) - 1]

        settings = LoopSettings(
            learning_rate=3e-3, weight_decay=5.0, dropout=False, precision="fp32", evaluations=3 if early else 0,
            patience=3 if early else 0,
        )  # fmt: skip
        run = tiny_run(tmp_path / f"{most}{early}", tiny_task(8))
        fit(model, examples, batches, loss, settings, run, judge if early else None)
        ends.append({name: value.clone() for name, value in model.module.state_dict().items()})
        scores.append(seen)
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    assert list(ends[0]) == list(ends[1])
    table = "bert.embeddings.word_embeddings.weight"
    before = tiny_model("bert").module.state_dict()[table]
    assert (ends[1][table] - before).abs().amax() > 0.01
    for name, value in ends[1].items():
        if not name.endswith("key.bias"):
            torch.testing.assert_close(ends[0][name], value, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_table_that_is_shared_or_of_its_own_kind_stays_whole(family: str) -> None:
    model = tiny_model(family)
    table = model.module.get_input_embeddings()
    with rows_in_use(model.module, examples_of(model), model.encoder.pad_id) as rows:
        assert (rows is None) == (family in ("gemma3_text", "bart"))
        assert isinstance(model.module.get_input_embeddings(), UsedRows) == (rows is not None)
    assert model.module.get_input_embeddings() is table
    assert table.weight.requires_grad
    table.weight.requires_grad = False
    with rows_in_use(model.module, examples_of(model), model.encoder.pad_id) as rows:
        assert rows is None


def test_a_table_mostly_in_use_or_of_unknown_texts_stays_whole() -> None:
    model = tiny_model("llama")
    everything = Examples(encoded=[(list(range(model.module.config.vocab_size)), [])])
    for source in (everything, object()):
        with rows_in_use(model.module, source, 0) as rows:
            assert rows is None


def test_gradients_are_those_of_the_rows() -> None:
    table = nn.Embedding(6, 3, padding_idx=0)
    rows = UsedRows(table, torch.tensor([0, 2, 5]))
    rows(torch.tensor([[5, 2, 0]])).sum().backward()
    assert rows.weight.grad is not None
    assert rows.weight.grad.tolist() == [[0.0] * 3, [1.0] * 3, [1.0] * 3]
    rows.plan([0.1, 0.2], 0.5)
    rows.decay_to(2)
    with torch.no_grad():
        rows.weight.add_(1.0)
        found = rows(torch.tensor([1, 2]))
    torch.testing.assert_close(found, torch.stack([table.weight[1] * 0.95 * 0.9, table.weight[2] + 1]))
