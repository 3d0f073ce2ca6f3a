"""What a teacher says of texts, computed once: chunks of texts in content-addressed files that any later training reads.

A chunk's file is named by the teacher's bytes, the texts, and what was asked of it; it is written whole, so that a kill
loses a chunk at most. The teacher is loaded when a chunk is missing, and not before.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core import processes
from llamita.core.encoding import Batch, TextEncoder, batches_of_like_length
from llamita.core.errors import UserError
from llamita.core.exporter import ARTIFACT_FILE, Artifact
from llamita.core.hardware import of_device, version_of
from llamita.core.sources import fingerprint, locate
from llamita.core.task import Split, Task, label_order
from llamita.core.whole import save_array
from llamita.train.examples import encode
from llamita.train.progress import progress_bar

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.engine import Engine
    from llamita.core.model import Model
    from llamita.core.task import Text

log = logging.getLogger(__name__)

CHUNK = 512
"""Texts in a file."""
ROWS = 4096
"""States that are taken into memory at once as float64."""


def teacher_logits(run: Run, split: Split, *, max_length: int | None = None) -> np.ndarray:
    """The teacher's logits for a split, float32 [texts, labels], columns in the order of the task's labels."""
    return Teacher(run=run, max_length=max_length).logits(split)


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """The teacher of a run behind its cache."""

    run: Run
    max_length: int | None = None
    """Tokens a text is cut to, besides the task's and the teacher's own limits."""

    @property
    def folder(self) -> Path:
        if self.run.teacher is None:
            raise UserError("distillation needs a teacher; name one with --teacher or 'teacher:' in the recipe")
        return self.run.teacher

    @property
    def task(self) -> Task:
        if self.run.task is None:
            raise UserError("distillation needs data; name it with --data or 'task:' in the recipe")
        return self.run.task

    @cached_property
    def model(self) -> Model:
        from llamita.core.model import Model

        log.info("loading the teacher from %s", self.folder)
        model = Model.load(self.folder, device=self.run.device)
        model.precision = self.precision
        return model

    @property
    def is_artifact(self) -> bool:
        """Whether it is an exported folder or one of recorded answers: it gives logits of whole texts, and no states."""
        return (self.folder / ARTIFACT_FILE).exists()

    @cached_property
    def has_curves(self) -> bool:
        """Whether curves follow its logits, by the file they stand in; its weights aren't read."""
        from llamita.core.answers import ANSWERS_FILE

        file = self.folder / (ARTIFACT_FILE if self.is_artifact else ANSWERS_FILE)
        told = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        answers = told.get("answers") if self.is_artifact else told
        return bool(answers and answers.get("curves"))

    @cached_property
    def engine(self) -> Engine:
        """What answers: the model, or whatever opens the artifact's folder."""
        if not self.is_artifact:
            return self.model
        exporter = json.loads((self.folder / ARTIFACT_FILE).read_text(encoding="utf-8"))["exporter"]
        return Artifact(folder=self.folder, exporter=exporter).open(threads=self.run.threads)

    @cached_property
    def config(self) -> Any:
        """The config, read without the weights."""
        from transformers import AutoConfig

        from llamita.core.stock import reading

        return AutoConfig.from_pretrained(self.folder, **reading(local=True))

    @cached_property
    def encoder(self) -> TextEncoder:
        """The teacher's tokenizer, read without the weights, cut as its texts are."""
        from transformers import AutoTokenizer

        from llamita.core.model import position_limit
        from llamita.core.stock import reading

        tokenizer = AutoTokenizer.from_pretrained(self.folder, **reading(local=True))
        limits = (tokenizer.model_max_length, position_limit(self.config), self.task.max_length, self.max_length)
        return TextEncoder(
            tokenizer=tokenizer.backend_tokenizer, pad_id=tokenizer.pad_token_id or 0,
            max_length=min(limit for limit in limits if limit), direction=tokenizer.truncation_side,
        ).cut()  # fmt: skip

    @property
    def precision(self) -> str:
        from llamita.core.hardware import use_bf16

        return "bf16" if use_bf16("auto", self.run.device) else "fp32"

    def logits(self, split: Split) -> np.ndarray:
        """Logits for a split, float32 [texts, labels], columns in the order of the task's labels.

        Of a teacher that curves follow they are those of its calibrated probabilities.
        """
        what = "logits through curves" if self.has_curves else "logits"
        files = self._files(split.texts, what, self._compute_logits)
        return np.concatenate([np.zeros((0, len(self.task.labels)), np.float32), *(np.load(file) for file in files)])

    def states(self, splits: Sequence[Split], layers: tuple[int, ...], *, by_token: bool) -> States:
        """Hidden states after these layers (1 is the first), for each text its mean over tokens, or each token's own."""

        def compute(texts: Sequence[Text]) -> np.ndarray:
            return self._compute_states(texts, layers, by_token)

        what = f"states {layers} {'by token' if by_token else 'pooled'}"
        files = [file for split in splits for file in self._files(split.texts, what, compute)]
        return States(chunks=tuple(np.load(file, mmap_mode="r") for file in files))

    def _files(self, texts: Sequence[Text], what: str, compute: Callable[[Sequence[Text]], np.ndarray]) -> list[Path]:
        """Files with what the teacher says of the texts, chunk by chunk; what is missing is computed."""
        how = (self.task.max_length, self.max_length, self.precision, *of_device(self.run.device).values())
        cut = ("whole",) if self.is_artifact else how
        makers = ("llamita", "onnxruntime") if self.is_artifact else ("llamita", "torch", "transformers")
        asked = (what, self.task.labels, *cut, *map(version_of, makers))
        address = hashlib.sha256(f"{folder_fingerprint(self.folder)} {asked!r}".encode()).hexdigest()
        chunks = [texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK)]
        folder = (self.run.cache or self.run.folder / "cache") / "teacher"
        files = [folder / f"{_address(address, chunk)}.npy" for chunk in chunks]
        with processes.first_alone():
            missing = [(file, chunk) for file, chunk in zip(files, chunks, strict=True) if not file.exists()]
            with progress_bar(sum(len(chunk) for _, chunk in missing), "the teacher reads", "text") as bar:
                for file, chunk in missing:
                    save_array(file, compute(chunk), shared=True)
                    bar.update(len(chunk))
        return files

    def _batches(self, texts: Sequence[Text]) -> tuple[list[int], list[tuple[list[int], Batch]]]:
        """The lengths of the texts, and batches of like length with the texts' indices."""
        encoded = encode(self.model, texts, self.task, self.max_length)
        lengths, encoder = [len(ids) for ids, _ in encoded], self.model.encoder
        cut = batches_of_like_length(lengths, self.model.batch_tokens)
        return lengths, [(indices, encoder.pad([encoded[i] for i in indices])) for indices in cut]

    def _compute_logits(self, texts: Sequence[Text]) -> np.ndarray:
        order = label_order(self.engine.labels, self.task.labels)
        if order is None:
            raise UserError(
                f"the teacher's labels are {', '.join(self.engine.labels)}, the task's {', '.join(self.task.labels)};"
                " fine-tune the teacher on the task first"
            )
        if self.engine.answers.task != self.task.answers.task:
            kinds = {True: "one label a text", False: "any labels a text"}
            one = self.engine.answers.task == "classify"
            raise UserError(
                f"the teacher gives {kinds[one]}, the task has {kinds[not one]}; fine-tune the teacher on the task first"
            )
        found = self.engine.text_logits(texts) if self.is_artifact else self._model_logits(texts)
        answers = self.engine.answers
        return (answers.logits_of(answers.probabilities(found)) if answers.curves else found)[:, order]

    def _model_logits(self, texts: Sequence[Text]) -> np.ndarray:
        found = np.zeros((len(texts), len(self.model.labels)), dtype=np.float32)
        for indices, batch in self._batches(texts)[1]:
            found[indices] = self.model.logits(batch.token_ids, batch.mask, batch.type_ids)
        return found

    def _compute_states(self, texts: Sequence[Text], layers: tuple[int, ...], by_token: bool) -> np.ndarray:
        """Float16 rows [texts or tokens, layers, width]; the tokens of a text stand together, texts in order."""
        import torch

        from llamita.train.losses import hidden_states_of, mean_over_tokens

        model = self.model
        lengths, batches = self._batches(texts)
        starts = np.cumsum([0, *(lengths if by_token else [1] * len(texts))])
        rows: np.ndarray | None = None
        for indices, batch in batches:
            inputs = model.inputs(batch.token_ids, batch.mask, batch.type_ids)
            with model.reading():
                states = hidden_states_of(model.module(**inputs, output_hidden_states=True))
            chosen = torch.stack([states[layer].float() for layer in layers], dim=-2)
            if not by_token:
                chosen = mean_over_tokens(chosen.flatten(2), inputs["attention_mask"]).unflatten(-1, chosen.shape[-2:])
            limit = float(np.finfo(np.float16).max)
            found = chosen.clamp(-limit, limit).half().cpu().numpy()
            if rows is None:
                rows = _on_disk((int(starts[-1]), *found.shape[-2:]))
            for i, row in zip(indices, found, strict=True):
                rows[starts[i] : starts[i + 1]] = row[: lengths[i]] if by_token else row[None]
        assert rows is not None
        return rows


def _on_disk(shape: tuple[int, ...]) -> np.ndarray:
    """An array of float16 in a file without a name, whose pages need not stay in memory."""
    if not math.prod(shape):
        return np.zeros(shape, np.float16)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.float16, "w+", shape=shape)


@dataclass(frozen=True, kw_only=True)
class States:
    """Hidden states in memory-mapped float16 chunks, each [rows, layers, width]; a row is a text or a token."""

    chunks: tuple[np.ndarray, ...]

    @cached_property
    def starts(self) -> np.ndarray:
        """The first row of each chunk, and at last the number of all rows."""
        return np.cumsum([0, *(len(chunk) for chunk in self.chunks)])

    @cached_property
    def center_and_scale(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each component over all rows, float32 [layers, width] each."""
        total = sum(chunk.sum(axis=0, dtype=np.float64) for chunk in self.chunks)
        center = total / self.starts[-1]
        parts = (chunk[at : at + ROWS] for chunk in self.chunks for at in range(0, len(chunk), ROWS))
        squares = sum(((part - center) ** 2).sum(axis=0, dtype=np.float64) for part in parts)
        scale = np.sqrt(squares / self.starts[-1])
        return np.asarray(center, np.float32), np.maximum(scale, 1e-3 * scale.mean() + 1e-12).astype(np.float32)

    def rows(self, first: int, last: int) -> np.ndarray:
        """Rows first to last (not included), as float32 with mean 0 and spread 1; they stand in one chunk."""
        chunk = int(np.searchsorted(self.starts, first, side="right")) - 1
        center, scale = self.center_and_scale
        start = self.starts[chunk]
        return (self.chunks[chunk][first - start : last - start].astype(np.float32) - center) / scale


@lru_cache(maxsize=8)
def _fingerprint_of(folder: Path, stamp: tuple[tuple[str, int, int], ...]) -> str:
    return fingerprint(locate(folder))


def folder_fingerprint(folder: Path) -> str:
    """The folder's fingerprint; read anew only when a file's size or time has changed."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return _fingerprint_of(folder, tuple((p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files))


def _address(asked: str, texts: Sequence[Text]) -> str:
    return hashlib.sha256(f"{asked} {Split(texts=tuple(texts)).fingerprint}".encode()).hexdigest()[:40]
