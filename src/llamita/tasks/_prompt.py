"""Prompted heads for decoders: the text ends with a prompt, and the head starts from the words the labels are.

A fresh head on the last word of a text has to learn what is asked; a decoder that is asked in words half knows the answer
(Schick & Schütze 2021, https://arxiv.org/abs/2001.07676; Gao et al. 2021, https://arxiv.org/abs/2012.15723). We put the prompt
into the tokenizer, so that stock code adds it too, and copy the output embeddings of the labels' words into the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from llamita.tasks._running import tokens_within

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from llamita.core.model import Model

PROMPT = "\nLabel:"


def label_rows(module: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, labels: Sequence[str]) -> Tensor | None:
    """Mean output embeddings of each label's words [labels, hidden]; None where the model predicts no words."""
    output = module.get_output_embeddings()
    if output is None:
        return None
    weight = output.weight.detach()
    pieces = [tokens_within(tokenizer, f" {label}") for label in labels]
    if not all(pieces) or len({tuple(ids) for ids in pieces}) < len(labels):
        return None
    return _stack([weight[ids].mean(dim=0) for ids in pieces])


def _stack(rows: list[Tensor]) -> Tensor:
    import torch

    return torch.stack(rows).clone()


def end_with_prompt(model: Model) -> None:
    """Make the tokenizer end every text, or pair, with the prompt; what it put before a text stays there."""
    from llamita.train.frame import with_frame

    old = model.tokenizer
    ids = tokens_within(old, PROMPT)
    before = [i for i in old("a")["input_ids"][:1] if i in old.all_special_ids]
    model.tokenizer = with_frame(old, before, ids[:1], ids)
