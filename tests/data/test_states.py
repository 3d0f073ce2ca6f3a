"""Mean states are those of each text alone, whatever stands beside it in the batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.families import TRAINING_TEXTS, tiny_model

from llamita.core.errors import UserError
from llamita.data.states import mean_states
from llamita.tasks.recorded import recorded


@pytest.mark.parametrize("family", ["bert", "llama", "mpnet", "bart"])
def test_states_are_the_means_over_each_texts_own_tokens(family: str) -> None:
    model = tiny_model(family)
    texts = [*TRAINING_TEXTS, ("a pair", "of texts")]
    found = mean_states(model, texts, (0.5, 1.0), tokens_per_batch=64)
    assert found.shape == (len(texts), 64)
    for row, text in enumerate(texts):
        batch = model.encoder.pad(model.encoder.encode([text]))
        with torch.inference_mode():
            said = model.module.base_model(
                **model.inputs(batch.token_ids, batch.mask, batch.type_ids), output_hidden_states=True
            )
        states = said.encoder_hidden_states if family == "bart" else said.hidden_states
        wanted = torch.cat([states[1][0].mean(0), states[2][0].mean(0)]).numpy()
        np.testing.assert_allclose(found[row], wanted, atol=1e-4)


def test_what_shows_no_states_is_refused() -> None:
    model = tiny_model("bert")
    table = recorded(model, ["a"], model.text_logits(["a"]))
    with pytest.raises(UserError, match="shows no inner states; give the folder it was exported from"):
        mean_states(table, ["a"], (1.0,))
