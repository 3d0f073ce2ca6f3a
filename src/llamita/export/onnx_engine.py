"""An exported ONNX folder as an engine: onnxruntime, tokenizers and numpy, no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.answers import OneLabel, read_answers
from llamita.core.encoding import TextEncoder
from llamita.core.engine import Engine
from llamita.core.exporter import Artifact
from llamita.core.hardware import num_cores
from llamita.export import _check as check

if TYPE_CHECKING:
    from llamita.core.task import Text


class OnnxEngine(Engine):
    """An exported folder in onnxruntime."""

    capabilities = frozenset({"scores"})

    def __init__(self, folder: Path, about: Mapping[str, Any], *, threads: int | None = None):
        self.folder = folder
        self.about = about
        self.name: str = about["name"]
        self.labels: tuple[str, ...] = tuple(about["labels"])
        self.answers = read_answers(about["answers"]) if "answers" in about else OneLabel()
        self.flops_per_token: int = about["flops_per_token"]
        self.attention_width: int = about["attention_width"]
        self.encoder = TextEncoder.from_file(
            folder / "tokenizer.json", pad_id=about["pad_id"], max_length=about["max_length"]
        )
        self.session = _session(folder / about["file"], threads)

    @property
    def size_bytes(self) -> int:
        return Artifact(folder=self.folder, exporter=self.about["exporter"]).size_bytes

    @property
    def num_parameters(self) -> int:
        return self.about["parameters"]

    def logits(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None) -> np.ndarray:
        return self._run(token_ids, mask, type_ids)[0]

    def _run(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None) -> list[np.ndarray]:
        types = np.zeros_like(token_ids) if type_ids is None else type_ids
        given = {"input_ids": token_ids, "attention_mask": mask, "token_type_ids": types}
        return self.session.run(None, {name: given[name] for name in self.about["inputs"]})

    def ranges(self, texts: Sequence[Text]) -> dict[str, tuple[float, float]]:
        """The least and largest number at each place that the graph reports, over texts read one by one."""
        names = [output.name.split(":", 1)[1] for output in self.session.get_outputs()[1::2]]
        seen = []
        for encoded in check.shortened(self.encoder, check.LONGEST).encode(texts):
            batch = self.encoder.pad([encoded])
            seen.append(self._run(batch.token_ids, batch.mask, batch.type_ids)[1:])
        bounds = np.array(seen, dtype=np.float64)
        return dict(zip(names, zip(bounds[:, ::2].min(axis=0), bounds[:, 1::2].max(axis=0), strict=True), strict=True))


def _session(file: Path, threads: int | None) -> Any:
    """An onnxruntime session whose threads wait awake within a call, a third faster for one text, and rest after it."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # on Windows it would tell its makers of each session
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or num_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
