"""What stock code reads: a module and its tokenizer from a folder, the Hub or a GGUF file; no code that comes with them is run."""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging as transformers_logging

from llamita.core.errors import UserError, first_line
from llamita.core.gguf import parsed_once
from llamita.core.sources import Source

LOADERS: dict[str, Any] = {
    "ForCausalLM": AutoModelForCausalLM, "LMHeadModel": AutoModelForCausalLM, "ForMaskedLM": AutoModelForMaskedLM,
    "ForConditionalGeneration": AutoModelForSeq2SeqLM,
}  # fmt: skip
"""By the end of what a config says the weights were made for; anything else is loaded as a body."""
transformers_logging.disable_progress_bar()


def reading(*, local: bool) -> dict[str, Any]:
    """How stock code is to read a model: code that comes with it is neither run nor asked about, files on disk need no network."""
    return {"trust_remote_code": False, "local_files_only": local}


def read_stock(source: Source) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """In fp32, with the head that the config names."""
    return _of_gguf(source) if source.kind == "gguf" else _of_folder(source)


def _refuse_kernels(address: str, config: Any) -> None:
    """A config may name attention code of the Hub, which would be fetched and run."""
    named = str(getattr(config, "_attn_implementation", None) or "")
    if "/" in named:
        raise UserError(
            f"{address!r} names attention code of the Hub, {named!r}, which llamita doesn't run; take attn_implementation out of"
            " its config.json"
        )


def _of_folder(source: Source) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    try:
        how = reading(local=source.path is not None)
        config = AutoConfig.from_pretrained(source.address, **how)
        _refuse_kernels(source.address, config)
        made_for = " ".join(config.architectures or [])
        if "ForSequenceClassification" in made_for:
            loader = AutoModelForSequenceClassification
        else:
            known = [loader for end, loader in LOADERS.items() if end in made_for]
            loader = known[0] if known else AutoModel
        module = loader.from_pretrained(source.address, config=config, dtype=torch.float32, **how)
        tokenizer = AutoTokenizer.from_pretrained(source.address, **how)
    except UserError:
        raise
    except (OSError, ValueError) as error:
        first = first_line(error)
        if "trust_remote_code" in str(error):
            raise UserError(
                f"{source.address!r} can't be loaded without running Python code that comes with it, which llamita never does;"
                " take a model of a family that Transformers knows"
            ) from None
        if source.kind == "hub":
            raise UserError(
                f"can't load {source.address!r} from the Hub ({first}). Without a network, give a local folder or a packaged"
                " model; HF_ENDPOINT names a mirror."
            ) from None
        raise UserError(f"can't load the model in {source.address}: {first}") from None
    return module, tokenizer


def _of_gguf(source: Source) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Dequantise to fp32 in a fresh module, since one read from GGUF refuses to be saved."""
    assert source.path is not None
    where: dict[str, Any] = {"pretrained_model_name_or_path": str(source.path.parent), "gguf_file": source.path.name}
    where |= reading(local=True)
    with parsed_once():
        tokenizer = plain_tokenizer(AutoTokenizer.from_pretrained(**where))
        read = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    kept = {k: v for k, v in read.config.to_dict().items() if k not in ("quantization_config", "model_type")}
    config = AutoConfig.for_model(read.config.model_type, **kept)
    module = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    module.load_state_dict(read.state_dict())
    module.tie_weights()
    if isinstance(config.eos_token_id, int):
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(config.eos_token_id)
    return module, tokenizer


def plain_tokenizer(read: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """The same tokenizer without the class Transformers guesses for a GGUF file, by which a saved one loads as another."""
    return PreTrainedTokenizerFast(
        tokenizer_object=read.backend_tokenizer, chat_template=read.chat_template, model_max_length=read.model_max_length,
        clean_up_tokenization_spaces=False, **{k: v for k, v in read.special_tokens_map.items() if isinstance(v, str)
                                              and k in ("bos_token", "eos_token", "unk_token", "pad_token")},
    )  # fmt: skip
