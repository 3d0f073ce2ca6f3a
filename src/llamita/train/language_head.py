"""Language-model heads: what kind a family has, and how a model without one gets it."""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING, Any

from llamita.core.architecture import architecture_of
from llamita.core.engine import is_headed
from llamita.core.errors import UserError
from llamita.core.model import TOKEN_HEADS
from llamita.train.frame import ends_with_words, framing, with_frame

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from llamita.core.model import Model

log = logging.getLogger(__name__)
HEAD_SEED = 20_240_301
"""Every fresh head starts from this seed."""


def objective_of(module: PreTrainedModel) -> str:
    """What a family was made to learn: causal, masked or denoising."""
    if module.config.is_encoder_decoder:
        return "denoising"
    return "causal" if architecture_of(module).is_decoder_only else "masked"


def has_language_head(module: PreTrainedModel) -> bool:
    """Whether the model predicts tokens."""
    return type(module).__name__.endswith(TOKEN_HEADS)


def with_language_head(model: Model, *, for_good: bool = True) -> Model:
    """The model itself if it predicts tokens; else its body under a head of its family, tied to the embeddings where that is usual.

    What a classifier has learned in its head is lost, which is said if it is for good; its body stays as it is.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

    if has_language_head(model.module):
        return model
    kinds: dict[str, Any] = {
        "causal": AutoModelForCausalLM, "masked": AutoModelForMaskedLM, "denoising": AutoModelForSeq2SeqLM,
    }  # fmt: skip
    config = copy.deepcopy(model.module.config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(HEAD_SEED)
        try:
            module = kinds[objective_of(model.module)].from_config(config, dtype=model.module.dtype)
        except ValueError:
            raise UserError(f"Transformers has no language model for {config.model_type!r} models") from None
    missing, _ = module.base_model.load_state_dict(model.module.base_model.state_dict(), strict=False)
    if missing:
        raise UserError(
            f"the body of {model.name} lacks weights that its language model needs: {', '.join(missing[:3])}"
        )
    module.tie_weights()
    if for_good and architecture_of(module).is_decoder_only and ends_with_words(model.tokenizer):
        before = framing(model.tokenizer)[0]
        model.tokenizer = with_frame(model.tokenizer, before, before, ())
    if for_good and is_headed(model) and len(model.lineage) > 1:
        log.warning("the head for labels is left out: train it anew afterwards (finetune)")
    model.module = module.to(model.device).eval()
    model.changed()
    return model
