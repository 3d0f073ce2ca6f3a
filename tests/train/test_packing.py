"""Segments in a row see themselves alone, and are counted from their own start."""

from __future__ import annotations

import pytest
import torch
from tests.families import FAMILIES, tiny_model

from llamita.train.packing import PADDING, block_mask, packed_inputs, restarted_positions

SEGMENTS = torch.tensor([[0, 0, 0, 1, PADDING], [2, 3, 3, 3, 3]])


def test_a_token_sees_its_own_segment_and_padding_sees_padding() -> None:
    seen = block_mask(SEGMENTS)[:, 0] == 0
    assert seen[0].int().tolist() == [[1, 1, 1, 0, 0]] * 3 + [[0, 0, 0, 1, 0], [0, 0, 0, 0, 1]]
    assert seen[1].int().tolist() == [[1, 0, 0, 0, 0]] + [[0, 1, 1, 1, 1]] * 4


def test_a_causal_token_sees_what_stands_before_it_in_its_window() -> None:
    causal = (block_mask(SEGMENTS, causal=True)[1, 0] == 0).int().tolist()
    assert causal == [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 1]]
    near = (block_mask(SEGMENTS, causal=True, window=2)[1, 0] == 0).int().tolist()
    assert near == [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 1, 1]]


def test_positions_start_again_with_each_segment() -> None:
    assert restarted_positions(SEGMENTS).tolist() == [[0, 1, 2, 0, 0], [0, 0, 1, 2, 3]]


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "bart"])
def test_packed_texts_have_the_states_they_have_alone(family: str) -> None:
    """Longer than the windows of the tiny models; one text is a padding token, as empty texts are."""
    model = tiny_model(family)
    pad = model.encoder.pad_id
    model.module.set_attn_implementation("eager")
    texts = ["a warm and funny film " * 6, "dull", "the plot is thin and the acting is worse than the writing " * 2]
    rows = [ids for ids, _ in model.encoder.encode(texts)]
    rows.insert(1, [pad])
    ids = torch.tensor([[i for row in rows for i in row] + [pad] * 3])
    segments = torch.tensor([[n for n, row in enumerate(rows) for _ in row] + [PADDING] * 3])
    body = model.module.base_model
    with torch.no_grad():
        packed = body(input_ids=ids, **packed_inputs(model.module, ids, segments)).last_hidden_state[0]
        start = 0
        for row in rows:
            one = torch.tensor([row])
            alone = body(input_ids=one, attention_mask=torch.ones_like(one)).last_hidden_state[0]
            torch.testing.assert_close(packed[start : start + len(row)], alone, atol=1e-5, rtol=1e-5)
            start += len(row)
