"""Embeddings that a stock classifier can read: the mean over a text's tokens, and what the last linear map gets to see.

Stock BERT-like classifiers read the first token, while models of sentence embeddings were taught on the mean. One more layer
brings the mean to the first token: attention whose scores are all alike, values as they are, an FFN that adds nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.architecture import architecture_of, head_linear, layers, submodule

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from llamita.core.model import Model
    from llamita.core.task import Text

FIRST_TOKEN = ("bert", "roberta", "xlm-roberta", "distilbert", "mpnet")
"""Families with norms after their blocks, whose classifiers read the first token."""
WEIGHT = 10.0
"""Of the mean beside the first token's own state, which the residual path adds."""
SIZE = 0.1
"""Of an embedding's single numbers, where a tanh is still a straight line."""


def read_mean(module: PreTrainedModel) -> bool:
    """Make a classifier read the mean over the tokens; False where stock code has no way to."""
    import torch

    family = module.config.model_type
    if family == "modernbert":
        module.config.classifier_pooling = "mean"
        return True
    if family not in FIRST_TOKEN:
        return False
    stack = architecture_of(module).stacks[0]
    layer, attention = copy.deepcopy(layers(module)[-1]), stack.attention[0]
    with torch.no_grad():
        for path in (attention.query, attention.key, attention.value, attention.output, stack.ffn.output):
            torch.nn.init.zeros_(submodule(layer, path).weight)
            torch.nn.init.zeros_(submodule(layer, path).bias)
        torch.nn.init.eye_(submodule(layer, attention.output).weight)
        torch.nn.init.eye_(submodule(layer, attention.value).weight).mul_(WEIGHT)
        norms = [part for part in layer.modules() if isinstance(part, torch.nn.LayerNorm)]
        for norm, size in zip(norms, (1.0, SIZE), strict=True):
            norm.weight.fill_(size)
            norm.bias.zero_()
    layers(module).append(layer)
    setattr(module.config, stack.depth, len(layers(module)))
    return True


def straighten(module: PreTrainedModel) -> None:
    """Make the square map before a fresh head's tanh the identity, so that the head begins with the body's own states."""
    import torch

    found: list[Any] = [
        part
        for name, part in module.named_modules()
        if name.endswith(("classifier.dense", "classification_head.dense", "pooler.dense"))
    ]
    with torch.no_grad():
        for linear in found:
            torch.nn.init.eye_(linear.weight)
            linear.bias.zero_()


@contextmanager
def features_of_head(module: PreTrainedModel) -> Generator[Callable[[Tensor, Tensor], Tensor]]:
    """A function of ids and mask of a batch that has just gone through the module: what its last linear map read [texts, width]."""
    import torch

    seen: list[Tensor] = []

    def note(_: object, given: tuple[Tensor, ...]) -> None:
        seen[:] = given[:1]

    def features(ids: Tensor, mask: Tensor) -> Tensor:
        states = seen[0]
        if states.ndim == 2:
            return states
        places = torch.arange(states.shape[1], device=states.device)
        # decoders score every token; the last that isn't the padding token counts, whoever put that there
        last = (mask * (ids != module.config.pad_token_id) * places).argmax(dim=1)
        return states[torch.arange(len(states), device=states.device), last]

    handle = head_linear(module).register_forward_pre_hook(note)
    try:
        yield features
    finally:
        handle.remove()


def embeddings(model: Model, texts: Sequence[Text], tokens_per_batch: int | None = None) -> np.ndarray:
    """What the last linear map reads of each text, float32 [texts, width]."""
    import torch

    found: dict[int, np.ndarray] = {}
    with features_of_head(model.module) as features:
        for rows, batch in model.encoder.batches(texts, tokens_per_batch or model.batch_tokens):
            model.logits(batch.token_ids, batch.mask, batch.type_ids)
            ids, mask = (torch.as_tensor(array, device=model.device) for array in (batch.token_ids, batch.mask))
            read = features(ids, mask).float().cpu().numpy()
            found |= dict(zip(rows, read, strict=True))
    return np.stack([found[i] for i in range(len(texts))])
