"""How a language model's next tokens are chosen."""

from __future__ import annotations

import math
from dataclasses import dataclass

from llamita.core.checked import Checked
from llamita.core.errors import require


@dataclass(frozen=True, kw_only=True)
class Decoding(Checked):
    """Greedy unless a temperature says otherwise, so that the same question has the same answer."""

    max_tokens: int = 256
    """Most tokens of a reply, >= 1."""
    temperature: float = 0.0
    """0: the likeliest token each time; 1: as the model finds them likely."""
    top_p: float = 1.0
    """With a temperature: only the likeliest tokens that hold this share together, in (0, 1]."""
    seed: int = 0
    """Of what is drawn; each prompt is drawn for as if alone."""

    def __post_init__(self) -> None:
        require(self.max_tokens >= 1, f"max_tokens must be >= 1, got {self.max_tokens}")
        require(0 <= self.temperature < math.inf, f"temperature must be >= 0, got {self.temperature:g}")
        require(0 < self.top_p <= 1, f"top_p must be in (0, 1], got {self.top_p:g}")
        require(self.top_p == 1 or self.temperature > 0, "top_p goes with a temperature; without one nothing is drawn")
