"""What a teacher said of texts, kept in a folder: an engine that looks its answers up and asks nobody.

So a teacher that is slow, or is paid by the answer, is asked once, and all that learns from it or is compared with it reads the
same numbers. A scale and a shift for each label can be laid over them, which calibrates the teacher without asking it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from llamita.core.encoding import TextEncoder
from llamita.core.engine import Engine
from llamita.core.errors import UserError, require
from llamita.core.exporter import ARTIFACT_FILE
from llamita.core.task import Split, Text

NUMBERS_FILE = "answers.safetensors"
KEY_BYTES = 16


class RecordedEngine(Engine):
    """A table of logits by text."""

    capabilities = frozenset({"scores"})
    is_asked = True

    def __init__(self, about: Mapping[str, Any], keys: np.ndarray, logits: np.ndarray):
        """Keys are uint8 [texts, 16], logits float32 [texts, labels] as the teacher gave them."""
        self.about = dict(about)
        self.name, self.labels = str(about["name"]), tuple(about["labels"])
        self.scale, self.shift = np.asarray(about["scale"], np.float64), np.asarray(about["shift"], np.float64)
        self.keys, self._plain = keys, logits
        self._place = {key.tobytes(): row for row, key in enumerate(keys)}

    @property
    def encoder(self) -> TextEncoder:  # pyrefly: ignore
        raise UserError("recorded answers have no tokenizer; name the model itself")

    @property
    def size_bytes(self) -> int:
        """Of the teacher's weights; 0 where they are nobody's business but its server's."""
        return int(self.about["size_bytes"])

    @property
    def num_parameters(self) -> int:
        return int(self.about["parameters"])

    def logits(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None) -> np.ndarray:
        raise UserError("recorded answers are found by text; call text_logits or scores")

    def text_logits(self, texts: Sequence[Text], tokens_per_batch: int | None = None) -> np.ndarray:
        return (self.as_given(texts) * self.scale + self.shift).astype(np.float32)

    def as_given(self, texts: Sequence[Text]) -> np.ndarray:
        """Logits without scale and shift, float32 [texts, labels].

        Raises:
            UserError: a text that the teacher was never asked about.
        """
        rows = [self._place.get(text_digest(text)) for text in texts]
        unknown = [text for text, row in zip(texts, rows, strict=True) if row is None]
        if unknown:
            raise UserError(
                f"the teacher's recorded answers lack {len(unknown):,} of {len(texts):,} texts (first:"
                f" {str(unknown[0])[:60]!r}); they hold {len(self.keys):,}, and nobody is asked anew"
            )
        return self._plain[[row for row in rows if row is not None]].reshape(len(texts), len(self.labels))

    def scaled(self, scale: np.ndarray, shift: np.ndarray) -> RecordedEngine:
        """The same answers under a scale and a shift for each label."""
        return RecordedEngine(self.about | {"scale": list(scale), "shift": list(shift)}, self.keys, self._plain)

    def save(self, folder: Path) -> None:
        """Write the folder that `open_folder` reads."""
        from safetensors.numpy import save

        folder.mkdir(parents=True, exist_ok=True)
        # safetensors writes memory as it lies, so an array that is stored by columns would come back scrambled
        numbers = {"keys": np.ascontiguousarray(self.keys), "logits": np.ascontiguousarray(self._plain)}
        (folder / NUMBERS_FILE).write_bytes(save(numbers))
        about = self.about | {"exporter": "tasks.recorded", "labels": list(self.labels)}
        (folder / ARTIFACT_FILE).write_text(json.dumps(about, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def recorded(engine: Engine, texts: Sequence[Text], logits: np.ndarray, **more: Any) -> RecordedEngine:
    """The answers of an engine as a table.

    Args:
        logits: float32 [texts, labels].
        more: Plain data to be kept beside them.
    """
    about = {
        "name": engine.name, "labels": list(engine.labels), "size_bytes": engine.size_bytes,
        "parameters": engine.num_parameters, "scale": [1.0] * len(engine.labels), "shift": [0.0] * len(engine.labels),
    }  # fmt: skip
    keys = np.frombuffer(b"".join(map(text_digest, texts)), dtype=np.uint8).reshape(len(texts), KEY_BYTES)
    return RecordedEngine(about | more, keys.copy(), np.asarray(logits, np.float32))


def text_digest(text: Text) -> bytes:
    """What a text is found by."""
    return hashlib.sha256(Split(texts=(text,)).fingerprint.encode()).digest()[:KEY_BYTES]


def open_folder(folder: Path, *, threads: int | None = None) -> RecordedEngine:
    """Open saved answers.

    Raises:
        UserError: a file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    folder = Path(folder)
    missing = [name for name in (ARTIFACT_FILE, NUMBERS_FILE) if not (folder / name).is_file()]
    require(not missing, f"{folder}: {', '.join(missing)} is missing; let the teacher answer again")
    try:
        about = json.loads((folder / ARTIFACT_FILE).read_text(encoding="utf-8"))
        numbers = load_file(folder / NUMBERS_FILE)
        if numbers["logits"].shape != (len(numbers["keys"]), len(about["labels"])):
            raise ValueError(f"answers of shape {numbers['logits'].shape} for {len(numbers['keys'])} texts")
        return RecordedEngine(about, numbers["keys"], numbers["logits"])
    except (KeyError, TypeError, ValueError, SafetensorError) as error:
        raise UserError(
            f"{folder} is damaged ({type(error).__name__}: {error}); let the teacher answer again"
        ) from None
