"""A model's inner states of texts, averaged over their tokens: features for a linear model on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from llamita.core.errors import UserError
from llamita.core.task import Text

if TYPE_CHECKING:
    from llamita.core.model import Model


def mean_states(
    model: Model, texts: Sequence[Text], layers: Sequence[float], tokens_per_batch: int | None = None
) -> np.ndarray:
    """Float32 [texts, layers x width]: the mean over a text's tokens of the states of these layers, side by side.

    Args:
        layers: Shares of the depth; 0 is the embeddings, 1 the last layer.

    Raises:
        UserError: an engine without inner states, as exported folders are.
    """
    import torch

    if "hidden_states" not in model.capabilities:
        raise UserError(f"{model.name or 'this model'} shows no inner states; give the folder it was exported from")
    out: np.ndarray | None = None
    for rows, batch in model.encoder.batches(texts, tokens_per_batch or model.batch_tokens):
        inputs = model.inputs(batch.token_ids, batch.mask, batch.type_ids)
        with torch.inference_mode():
            said = model.module.base_model(**inputs, output_hidden_states=True)
        states = said.encoder_hidden_states if "encoder_hidden_states" in said else said.hidden_states
        chosen = torch.stack([states[round(share * (len(states) - 1))] for share in layers], dim=1).float()
        weight = inputs["attention_mask"][:, None, :, None].to(chosen.dtype)
        mean = (chosen * weight).sum(2) / weight.sum(2)
        if out is None:
            out = np.zeros((len(texts), mean.shape[1] * mean.shape[2]), dtype=np.float32)
        out[rows] = mean.flatten(1).cpu().numpy()
    assert out is not None
    return out
