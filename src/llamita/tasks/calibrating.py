"""What labelled texts make of the answers of a model that was never taught the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from llamita.core.scaling import fit_scales

if TYPE_CHECKING:
    from jaxtyping import Float, Int

FOR_A_VECTOR = 10
"""Texts of each label from which on a scale and a shift for each are fitted; one temperature where any label has fewer."""


def fit_few(
    logits: Float[np.ndarray, "n labels"], gold: Int[np.ndarray, "n"]
) -> tuple[Float[np.ndarray, "labels"], Float[np.ndarray, "labels"]]:
    """A scale and a shift for each label, as far as so many texts tell them: one scale for all and no shifts where any label has
    fewer than `FOR_A_VECTOR`."""
    rarest = np.bincount(gold, minlength=logits.shape[1]).min()
    return fit_scales("vector" if rarest >= FOR_A_VECTOR else "temperature", logits, gold)
