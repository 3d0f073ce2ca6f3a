"""An engine that keeps its scores on disk, so that measures that ask the same texts run the model once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from llamita.core.answers import Answers, read_answers
from llamita.core.delegating import Delegating
from llamita.core.engine import Engine
from llamita.core.task import Split, Text
from llamita.core.whole import save_array, write_whole


class Remembering(Delegating[Engine]):
    """Opens the real engine only when something new is asked."""

    def __init__(self, open_engine: Callable[[], Engine], folder: Path, key: str, name: str):
        self._open = open_engine
        self._folder = folder
        self._key = key
        self.name = name

    @cached_property
    def engine(self) -> Engine:  # pyrefly: ignore
        """The real engine, opened when it is first asked."""
        return self._open()

    @property
    def labels(self) -> tuple[str, ...]:  # pyrefly: ignore
        return self.engine.labels

    @cached_property
    def answers(self) -> Answers:  # pyrefly: ignore
        """Kept on disk too, so that kept logits become scores without the engine."""
        file = self._folder / f"{hashlib.sha256(self._key.encode()).hexdigest()[:24]}.json"
        if not file.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(file, json.dumps(self.engine.answers.to_dict()))
        return read_answers(json.loads(file.read_text(encoding="utf-8")))

    @property
    def is_asked(self) -> bool:  # pyrefly: ignore
        return self.engine.is_asked

    @property
    def capabilities(self):  # pyrefly: ignore
        return self.engine.capabilities

    def logits(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None) -> np.ndarray:
        return self.engine.logits(token_ids, mask, type_ids)

    def text_logits(self, texts: Sequence[Text], tokens_per_batch: int | None = None) -> np.ndarray:
        asked = Split(texts=tuple(texts)).fingerprint
        place = hashlib.sha256(f"{self._key} {asked} {tokens_per_batch}".encode()).hexdigest()[:24]
        file = self._folder / f"{place}.npy"
        if file.exists():
            return np.load(file, allow_pickle=False)
        found = self.engine.text_logits(texts, tokens_per_batch)
        save_array(file, found)
        return found
