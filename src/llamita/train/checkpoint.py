"""Checkpoints of a training: one folder, renamed when it is whole, so that a killed training goes on from it."""

from __future__ import annotations

import hashlib
import logging
import pickle
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from llamita.core import processes
from llamita.core.errors import first_line
from llamita.core.whole import whole_file, write_whole

log = logging.getLogger(__name__)

FORMAT = 1
BEST_FILE = "best.safetensors"


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """The last checkpoint and the best weights of one training; both belong to a key, and another key's are dropped."""

    folder: Path
    key: str
    """What the training depends on; see `training_key`."""
    each: bool = False
    """Whether each process has a folder of its own, for its share of the weights; else the first process saves for all."""

    def __post_init__(self) -> None:
        if self.saves:
            self._claim()
        processes.wait()

    @property
    def saves(self) -> bool:
        """Whether this process has anything to save."""
        return self.each or processes.is_first()

    def _claim(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        owner = self.folder / "key"
        if not owner.exists() or owner.read_text(encoding="utf-8") != self.key:
            for path in self.folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            write_whole(owner, self.key)

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Write a checkpoint whole, then drop the older ones."""
        final = self._file(step)
        with whole_file(final) as part:
            _write({"format": FORMAT, "step": step, **state}, part)
        if self.each:
            processes.wait()  # until all have written theirs, the older ones are what they have in common
        for path in self._whole():
            if path != final:
                path.unlink()

    def load(self) -> dict[str, Any] | None:
        """The last whole checkpoint, where each process has its own the last that all have; what can't be read is dropped."""
        state = self._last(self._whole())
        if not self.each:
            return state
        step = processes.least(state["step"] if state else 0)
        if state and state["step"] != step:
            state = self._last([path for path in self._whole() if path == self._file(step)])
        return state if processes.least(int(state is not None)) else None

    def _last(self, paths: Sequence[Path]) -> dict[str, Any] | None:
        for path in reversed(paths):
            try:
                state = torch.load(path, map_location="cpu", weights_only=True)
            except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
                log.warning("checkpoint %s can't be read (%s); it is left out", path, first_line(error))
                path.unlink(missing_ok=True)
                continue
            if isinstance(state, dict) and state.get("format") == FORMAT:
                return state
        return None

    def _file(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}.pt"

    def _whole(self) -> list[Path]:
        return sorted(self.folder.glob("step-*.pt"))

    def save_best(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Keep these weights as the best so far."""
        with whole_file(self.folder / BEST_FILE) as part:
            save_file({name: value.detach().contiguous() for name, value in weights.items()}, part)

    def load_best(self) -> dict[str, torch.Tensor]:
        return load_file(self.folder / BEST_FILE)


def _write(state: Mapping[str, Any], file: Path) -> None:
    """Through a stream of ours: what a full disk says comes out as it is, and not as a fault of torch's own writer."""
    try:
        with file.open("wb") as stream:
            torch.save(state, stream)
    except (OSError, RuntimeError) as error:
        cause = error if isinstance(error, OSError) else error.__context__
        if isinstance(cause, OSError):
            raise OSError(cause.errno, cause.strerror, str(file.parent)) from None
        raise


def training_key(
    settings: object,
    batches: Sequence[np.ndarray],
    lengths: Sequence[int] | np.ndarray,
    parameters: Mapping[str, torch.Tensor],
    seed: int,
) -> str:
    """What a checkpoint must match: settings, order of examples, and a sample of the weights at the start."""
    digest = hashlib.sha256(f"{settings!r} {seed}".encode())
    digest.update(np.asarray(lengths, dtype="<i8").tobytes())
    for batch in batches:
        digest.update(np.asarray(batch, dtype="<i8").tobytes() + b"|")
    for name, value in parameters.items():
        flat = value.detach().flatten()
        sample = flat[:: max(1, flat.numel() // 256)][:256].float().cpu().numpy()
        digest.update(f"{name}{tuple(value.shape)}{value.requires_grad}".encode() + sample.tobytes())
    return digest.hexdigest()
