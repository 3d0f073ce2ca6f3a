"""The same tokens are hidden for whoever has the tokenizer, and what a model sees tells where."""

from __future__ import annotations

import numpy as np
import pytest
from tests.train.test_language import language_model

from llamita.core.errors import UserError
from llamita.train.gaps import SHARES, framed, with_gaps

TEXT = "the cat sat on the mat and the dog ran after it " * 20


@pytest.mark.parametrize("family", ["bert", "bart"])
def test_hidden_tokens_are_those_that_the_model_does_not_see(family: str) -> None:
    model = language_model(family)
    kind = "masked" if family == "bert" else "denoising"
    windows = framed(model, TEXT)
    again = with_gaps(model, windows, 3)
    number = 0
    for whole, (given, hidden), (same, _) in zip(windows, with_gaps(model, windows, 3), again, strict=True):
        np.testing.assert_array_equal(given, same)
        assert not hidden[np.isin(whole, model.tokenizer.all_special_ids)].any()
        seen = given[given != model.tokenizer.mask_token_id]
        np.testing.assert_array_equal(seen, whole[~hidden])
        starts = int((hidden & ~np.r_[False, hidden[:-1]]).sum())
        masks = int((given == model.tokenizer.mask_token_id).sum())
        assert masks == (hidden.sum() if family == "bert" else starts)
        number += int(hidden.sum())
    assert number / sum(map(len, windows)) == pytest.approx(SHARES[kind], abs=0.08)
    other = with_gaps(model, windows, 4)
    assert any(len(a) != len(b) or (a != b).any() for (a, _), (b, _) in zip(again, other, strict=True))


def test_a_short_text_has_one_hidden_token_and_a_tokenizer_without_a_mask_is_refused() -> None:
    model = language_model("bert")
    for seed in range(5):
        ((_, hidden),) = with_gaps(model, framed(model, "cat")[:1], seed)
        assert hidden.sum() >= 1
    model.tokenizer.mask_token = None
    with pytest.raises(UserError, match="the tokenizer has no mask token"):
        with_gaps(model, framed(model, TEXT), 0)
