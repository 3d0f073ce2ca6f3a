"""An engine in front of another, whose tokenizer and size it has."""

from __future__ import annotations

from typing import Generic, TypeVar

from llamita.core.encoding import TextEncoder
from llamita.core.engine import Engine

Behind = TypeVar("Behind", bound=Engine)


class Delegating(Engine, Generic[Behind]):
    """Texts go to `engine`; what becomes of its answers is the subclass's matter."""

    engine: Behind

    @property
    def encoder(self) -> TextEncoder:  # pyrefly: ignore
        return self.engine.encoder

    @property
    def batch_tokens(self) -> int:  # pyrefly: ignore
        return self.engine.batch_tokens

    @property
    def size_bytes(self) -> int:
        return self.engine.size_bytes

    @property
    def num_parameters(self) -> int:
        return self.engine.num_parameters
