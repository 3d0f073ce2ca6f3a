"""Training texts run through a model while hooks watch it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from llamita.core.errors import UserError
from llamita.core.task import Split
from llamita.prune._dialogues import as_read

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.model import Model

TOKENS_PER_BATCH = 4096


def training_sample(run: Run, model: Model, size: int, step: str) -> Split:
    """So many examples of the training split as the model reads them, drawn by the run's seed and kept in file order."""
    if run.task is None or not len(run.task.train):
        raise UserError(f"{step} measures the model on training texts, but the task has none; give --data")
    train = run.task.train
    chosen = np.random.default_rng(run.seed).permutation(len(train))[:size]
    return as_read(run.task, train.take(sorted(int(i) for i in chosen)), model.tokenizer)


class Calibration:
    """Batches of texts put through a module; `real` marks the tokens of the current batch that aren't padding."""

    def __init__(self, model: Model, texts: Sequence[Any], max_length: int | None = None):
        self.model = model
        encoder = model.encoder
        if max_length is not None and max_length < encoder.max_length:
            encoder = encoder.cut(max_length)
        self.batches = list(encoder.batches(texts, TOKENS_PER_BATCH))
        self.real = torch.zeros(0, 0, dtype=torch.bool)

    def outputs(self, module: nn.Module | None = None) -> Iterator[tuple[list[int], Any]]:
        """Run every batch; yields the examples' indices and what the module, the whole one if none is named, returned."""
        model = self.model
        called: Any = model.module if module is None else module
        for indices, batch in self.batches:
            self.real = torch.as_tensor(batch.mask, device=model.device).bool()
            with model.reading():
                yield indices, called(**model.inputs(batch.token_ids, batch.mask, batch.type_ids))

    def run(self) -> None:
        """Run every batch for what the hooks see in the layers; a head for tokens would fill memory with logits of them all."""
        for _ in self.outputs(self.model.module.base_model):
            pass

    def tokens(self, states: Tensor) -> Tensor:
        """The rows of [batch, length, size] that belong to real tokens, in fp32."""
        return states[self.real].float()


@contextmanager
def watching(hooks: Sequence[tuple[nn.Module, Callable[[Tensor, Tensor], None]]]) -> Generator[None]:
    """Call each function with its module's first input and first output at every forward pass."""

    def adapted(watch: Callable[[Tensor, Tensor], None]) -> Callable[..., None]:
        def hook(_module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            watch(inputs[0], output[0] if isinstance(output, tuple) else output)

        return hook

    handles = [module.register_forward_hook(adapted(watch)) for module, watch in hooks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
