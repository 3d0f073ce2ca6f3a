"""Rows of unlike length give what they give in one padded batch, and are mostly no padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.families import tiny_model

from llamita.train.groups import groups_of_like_length
from llamita.train.language import LanguageLoss, TokenExamples, Tokens
from llamita.train.language_head import with_language_head
from llamita.train.language_loss import NO_TARGET


@pytest.mark.parametrize("family", ["bert", "modernbert", "llama", "gpt2", "bart"])
def test_rows_of_unlike_length_are_computed_in_groups_to_the_same_loss_and_gradients(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = with_language_head(tiny_model(family))
    model.module.eval()
    draws = np.random.default_rng(0)
    sizes = [3, 30, 4, 5, 28, 3, 12, 2, 25, 6]
    rows = []
    for size in sizes:
        ids = draws.integers(5, 60, size)
        given = ids[: max(2, size // 2)] if family == "bart" else ids
        rows.append(Tokens(given, np.where(draws.random(size) < 0.6, ids, NO_TARGET) if family == "bert" else ids))
    source = TokenExamples(rows=rows, lengths=[len(row.ids) for row in rows])
    batch = source.batch(model, np.arange(len(rows)))

    def learned() -> tuple[float, list[torch.Tensor]]:
        model.module.zero_grad()
        loss = LanguageLoss()(source.outputs(model.module, batch["inputs"]), batch["inputs"], batch["targets"])["loss"]
        loss.backward()
        return loss.item(), [p.grad.clone() for p in model.module.parameters() if p.grad is not None]

    seen: list[int] = []
    forward = model.module.base_model.forward
    monkeypatch.setattr(
        model.module.base_model, "forward",
        lambda *a, **k: seen.append(k["input_ids"].numel()) or forward(*a, **k),
    )  # fmt: skip
    whole, of_whole = learned()
    monkeypatch.setattr("llamita.train.groups.GROUP", 40)
    grouped, of_groups = learned()
    assert len(seen) > 3
    assert sum(seen[1:]) < 0.8 * seen[0]
    assert grouped == pytest.approx(whole, rel=1e-5)
    for one, other in zip(of_whole, of_groups, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_groups_by_hand() -> None:
    def found(*lengths: list[int]) -> list[list[int]]:
        return [
            rows.tolist() for rows in groups_of_like_length({str(i): torch.tensor(x) for i, x in enumerate(lengths)})
        ]

    assert found([512, 10, 512, 10]) == [[0, 2], [1, 3]]
    assert found([10, 9, 8]) == [], "too few tokens"
    assert found([512, 500, 512, 490]) == [], "next to no padding"
    assert found([600, 10, 20, 600, 900, 5]) == [[4, 0], [3, 2], [1, 5]]
    assert found([5, 5, 5], [700, 2, 3]) == [[0, 1], [2]], "the longer side counts"
