"""Model: a Transformers module, its tokenizer and its lineage; it is an Engine, and what it saves is stock."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from llamita.core.answers import ANSWERS_FILE, Answers, answers_of, read_answers
from llamita.core.decoding import Decoding
from llamita.core.encoding import TextEncoder, usual_batch
from llamita.core.engine import Capability, Engine, is_headed
from llamita.core.errors import UserError, require
from llamita.core.lineage import LINEAGE_FILE, read_lineage
from llamita.core.sources import Source, locate
from llamita.core.stock import read_stock

log = logging.getLogger(__name__)

TOKEN_HEADS = ("LM", "LMHeadModel", "ForConditionalGeneration")
"""Ends of the names of modules that predict tokens."""


class Model(Engine):
    """A live torch model; `module` and `tokenizer` may be changed by steps, `lineage` says which steps made it."""

    def __init__(
        self,
        module: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        *,
        lineage: tuple[dict[str, Any], ...] = (),
        name: str = "",
        folder: Path | None = None,
    ):
        self.module = module.eval()
        self.tokenizer = tokenizer
        self.lineage = lineage
        self.name = name
        self.folder = folder
        self.precision = "fp32"
        self._answers: Answers | None = None
        self._encoder: tuple[tuple[Any, ...], TextEncoder] | None = None
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token or self.tokenizer.unk_token
        if self.module.config.pad_token_id is None:
            self.module.config.pad_token_id = self.tokenizer.pad_token_id

    @property
    def capabilities(self) -> frozenset[Capability]:  # pyrefly: ignore
        """A language model writes, any other scores."""
        writes = self.module.can_generate() and not self.module.config.is_encoder_decoder
        return frozenset({"gradients", "hidden_states", "attentions", "scores", *(["generation"] if writes else [])})

    @property
    def labels(self) -> tuple[str, ...]:  # pyrefly: ignore
        """Label names in the order of the logits; none of a model without a head for them, whatever its config still says."""
        if not is_headed(self):
            return ()
        names = self.module.config.id2label
        return tuple(names[i] for i in sorted(names))

    @property
    def answers(self) -> Answers:  # pyrefly: ignore
        """What was fitted beside the weights, else what the config says."""
        plain = answers_of(self.module.config.problem_type)
        return self._answers if self._answers is not None and self._answers.task == plain.task else plain

    def answer(self, answers: Answers) -> None:
        """Answer so from now on; `changed` forgets it."""
        self._answers = answers
        self.folder = None

    def changed(self) -> None:
        """To be called when the weights are others than before: the folder isn't theirs, nor what was fitted to them."""
        self.folder = None
        if self._answers is not None and self._answers.is_fitted:
            log.info("the weights change: what was fitted to their answers is dropped; calibrate again")
        self._answers = None

    @property
    def max_length(self) -> int:
        """Tokens a text is cut to: the tokenizer's limit or the model's positions, whichever is less."""
        return min(self.tokenizer.model_max_length, position_limit(self.module.config), 1 << 20)

    @property
    def encoder(self) -> TextEncoder:  # pyrefly: ignore
        """The tokenizer as the light core uses it, made anew only when the tokenizer or the lengths have changed."""
        key = (self.tokenizer, self.module.config.pad_token_id, self.max_length, self.tokenizer.truncation_side)
        if self._encoder is None or self._encoder[0][0] is not key[0] or self._encoder[0][1:] != key[1:]:
            backend = self.tokenizer.backend_tokenizer
            made = TextEncoder(tokenizer=backend, pad_id=key[1], max_length=key[2], direction=key[3]).cut()
            self._encoder = (key, made)
        return self._encoder[1]

    @property
    def num_parameters(self) -> int:
        return sum(p.numel() for p in self.module.parameters())

    @property
    def size_bytes(self) -> int:
        if self.folder is not None:
            files = [p for p in self.folder.iterdir() if p.is_file()]
            weights = ".safetensors" if any(p.suffix == ".safetensors" for p in files) else ".bin"
            return sum(p.stat().st_size for p in files if p.suffix in (weights, ".json", ".txt", ".model", ".jinja"))
        return sum(p.numel() * p.element_size() for p in self.module.parameters())

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.module.parameters()).device

    @property
    def batch_tokens(self) -> int:  # pyrefly: ignore
        return usual_batch(self.device.type)

    @property
    def uses_type_ids(self) -> bool:
        """Whether the module takes segment ids."""
        return (
            getattr(self.module.config, "type_vocab_size", 0) > 1
            and "token_type_ids" in self.tokenizer.model_input_names
        )

    def inputs(
        self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None
    ) -> dict[str, torch.Tensor]:
        """The module's keyword arguments for one padded batch."""
        named = {"input_ids": torch.as_tensor(token_ids), "attention_mask": torch.as_tensor(mask)}
        if self.uses_type_ids:
            named["token_type_ids"] = torch.as_tensor(np.zeros_like(token_ids) if type_ids is None else type_ids)
        return {key: value.to(self.device) for key, value in named.items()}

    @contextmanager
    def reading(self) -> Generator[None]:
        """Forward passes for what they give alone: without gradients, and in the model's precision."""
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            yield

    def logits(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None) -> np.ndarray:
        with self.reading():
            logits = self.module(**self.inputs(token_ids, mask, type_ids)).logits
        return logits.float().cpu().numpy()

    def generate(
        self, prompts: Sequence[Sequence[int]], how: Decoding | None = None, heard: Callable[[int], None] | None = None
    ) -> list[list[int]]:
        from llamita.core.generation import generated

        if "generation" not in self.capabilities:
            return super().generate(prompts, how, heard)
        given = how is None or isinstance(how, Decoding)
        require(given, f"how must be a Decoding, such as Decoding(temperature=0.7), got {how!r}")
        ids = not isinstance(prompts, str) and all(not isinstance(one, str | int) for one in prompts)
        require(
            ids,
            "generate takes the token ids of each prompt, such as [model.tokenizer('Hello')['input_ids']]; chat takes messages",
        )
        return generated(self, prompts, how or Decoding(), heard)

    @classmethod
    def load(cls, model: str | Path | Source, *, device: str = "cpu") -> Model:
        """Load in fp32 from anything `locate` finds; the head is the one its config names.

        Raises:
            UserError: no such model, a damaged one, or an exported artifact, which can't be trained.
        """
        source = model if isinstance(model, Source) else locate(model)
        if source.kind == "artifact":
            raise UserError(f"{source.path} is an exported artifact; steps need the Hugging Face folder it came from")
        if source.kind == "config":
            from llamita.core.architecture import random_model

            fresh = random_model(source.address)
            fresh.module.to(device)
            return fresh
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # parts that the files lack, such as a pooler, start alike each time
            module, tokenizer = read_stock(source)
        lineage = read_lineage(source.path) if source.path is not None else ()
        if not lineage:
            lineage = ({"step": "load", "settings": {"model": source.base or source.name}},)
        folder = source.path if source.kind == "folder" else None
        loaded = cls(module.to(device), tokenizer, lineage=lineage, name=source.name, folder=folder)
        loaded._answers = _stored_answers(folder, len(loaded.labels)) if folder else None
        return loaded

    def save(self, folder: str | Path) -> None:
        """Write a stock Hugging Face folder, the lineage and what was fitted; the caller owns the temporary name."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        config = self.module.config
        rope = getattr(config, "rope_parameters", None)
        if isinstance(rope, dict) and "rope_theta" in rope:
            config.rope_theta = rope["rope_theta"]
        config._name_or_path = ""
        self.tokenizer.model_max_length = self.max_length
        self.module.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        (folder / LINEAGE_FILE).write_text(
            json.dumps(list(self.lineage), ensure_ascii=False, indent=1), encoding="utf-8"
        )
        if self.answers.is_fitted:
            (folder / ANSWERS_FILE).write_text(json.dumps(self.answers.to_dict()) + "\n", encoding="utf-8")
        for file in folder.glob("*.safetensors"):  # its writer keeps others out
            shutil.copymode(folder / LINEAGE_FILE, file)


def _stored_answers(folder: Path, num_labels: int) -> Answers | None:
    file = folder / ANSWERS_FILE
    if not file.exists():
        return None
    try:
        found = read_answers(json.loads(file.read_text(encoding="utf-8")))
        if found.in_order(range(num_labels)) != found:
            raise ValueError(f"not for {num_labels} labels")
    except (ValueError, KeyError, TypeError, IndexError, StopIteration):
        raise UserError(f"{file} is damaged; remove it and calibrate the model again") from None
    return found


def position_limit(config: Any) -> int:
    """Longest input in tokens; RoBERTa-like models lose the positions before the padding index."""
    limit = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None) or (1 << 20)
    return limit - config.pad_token_id - 1 if config.model_type in ("roberta", "xlm-roberta", "mpnet") else limit
