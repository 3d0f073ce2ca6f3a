"""Sequence-classification heads: a fresh one for any base model, and one whose rows follow the task's order."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

from llamita.core.answers import OneLabel
from llamita.core.engine import is_headed
from llamita.core.errors import UserError, require
from llamita.core.task import label_order

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from llamita.core.answers import Answers
    from llamita.core.model import Model

HEAD_SEED = 20_240_229
"""Every fresh head starts from this seed, so that the same base and labels give the same bytes."""
FRESH_IN_A_BASE = ("pooler.",)
"""Prefixes of what a base without a head may lack and a classifier adds."""


def fit_head(model: Model, labels: Sequence[str], max_length: int | None, answers: Answers) -> Model:
    """Keep a head with these labels that answers so (rows put in their order); otherwise give the base a fresh one."""
    require(hasattr(model, "module"), f"a head is put on a live model, such as llamita.load('minilm'), got {model!r}")
    if max_length is not None:
        model.tokenizer.model_max_length = min(model.max_length, max_length)
    if not has_head(model, labels, answers):
        return put_head(model, labels, answers.problem_type)
    return permute_head(model, labels, label_order(model.labels, labels) or [])


def has_head(model: Model, labels: Sequence[str], answers: Answers) -> bool:
    """Whether the model classifies into these labels already, in whatever order, and answers so."""
    return is_headed(model) and model.answers.task == answers.task and label_order(model.labels, labels) is not None


def put_head(model: Model, labels: Sequence[str], problem_type: str = OneLabel.problem_type) -> Model:
    """Move the base into a sequence classifier for these labels; a decoder is prompted, any other base gets a fresh head."""
    import torch
    from transformers import AutoModelForSequenceClassification

    from llamita.core.architecture import architecture_of, head_linear
    from llamita.tasks._prompt import end_with_prompt, label_rows

    config = copy.deepcopy(model.module.config)
    config.num_labels = len(labels)
    name_labels(config, labels)
    config.problem_type = problem_type
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(HEAD_SEED)
        try:
            module = AutoModelForSequenceClassification.from_config(config, dtype=model.module.dtype)
        except ValueError:
            raise UserError(f"Transformers has no sequence classifier for {config.model_type!r} models") from None
    decoder = architecture_of(module).is_decoder_only
    rows = label_rows(model.module, model.tokenizer, labels) if decoder else None
    missing, _ = module.base_model.load_state_dict(model.module.base_model.state_dict(), strict=False)
    strangers = [key for key in missing if not key.startswith(FRESH_IN_A_BASE)]
    if strangers:
        raise UserError(f"the base of {model.name} lacks weights its classifier needs: {', '.join(strangers[:3])}")
    if rows is not None:
        head_linear(module).weight.data.copy_(rows)
    if decoder:
        end_with_prompt(model)
    model.module = module.to(model.device).eval()
    model.changed()
    return model


def permute_head(model: Model, labels: Sequence[str], order: Sequence[int]) -> Model:
    """Put the rows of the last linear layer in the order of the labels, and their names in the config."""
    import torch

    if list(order) != list(range(len(labels))):
        from llamita.core.architecture import head_linear

        linear = head_linear(model.module)
        rows = torch.as_tensor(order, device=linear.weight.device)
        with torch.no_grad():
            linear.weight.copy_(linear.weight[rows])
            if linear.bias is not None:
                linear.bias.copy_(linear.bias[rows])
        if model.answers.is_fitted:
            model.answer(model.answers.in_order(order))
    if model.labels != tuple(labels):
        model.folder = None
    config = model.module.config
    config.problem_type = model.answers.problem_type
    name_labels(config, labels)
    return model


def name_labels(config: PretrainedConfig, labels: Sequence[str]) -> None:
    """Write the label names into a config."""
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: i for i, label in enumerate(labels)}
