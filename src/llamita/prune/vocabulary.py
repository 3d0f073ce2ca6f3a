"""Drop pieces of the vocabulary that the user's texts don't need, with their embeddings.

The idea is that of Abdaoui et al. 2020, "Load What You Need: Smaller Versions of Multilingual BERT",
https://arxiv.org/abs/2010.05609, who keep the pieces seen in text of the wanted languages. Here the pieces of the user's
own texts come first, then those of a shipped list of frequent English and Chinese words; special tokens and single
characters always stay. The tokenizer is rebuilt with its scores and merges, so that a text whose pieces are all kept is
cut into the same pieces, and no text gets unknown tokens it hadn't before.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer

from llamita.core.architecture import architecture_of
from llamita.core.encoding import untrimmed
from llamita.core.errors import UserError, require
from llamita.core.step import Step
from llamita.core.task import Task, Text
from llamita.core.whole import write_whole
from llamita.prune._dialogues import task_as_read
from llamita.prune._rank import Ranking, encode, rank_pieces
from llamita.prune._rebuild import rebuild
from llamita.prune._tokenizers import Pieces, cut_tokenizer

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

    from llamita.core.context import Run
    from llamita.core.model import Model

CURVE_FILE = "vocabulary.json"


@dataclass(frozen=True, kw_only=True)
class Vocabulary(Step):
    """Keep the pieces that the texts need, and frequent ones."""

    keep: int | None = None
    """Pieces that stay in all, special tokens counted; none given: those of the texts and `frequent` more."""
    frequent: int = 10_000
    """Without `keep`: how many pieces of the shipped list of frequent words stay beside those of the texts, at least 0."""
    every_text: bool = True
    """Refuse a `keep` that can't hold all pieces of the user's texts; otherwise the rarest of them go, and split up."""

    def __post_init__(self) -> None:
        require(
            self.keep is None or self.keep >= 1, f"prune.vocabulary: keep must be at least 1 piece, got {self.keep}"
        )
        require(self.frequent >= 0, f"prune.vocabulary: frequent must be at least 0 pieces, got {self.frequent}")

    def apply(self, model: Model, run: Run) -> Model:
        rows = model.module.get_input_embeddings().weight.shape[0]
        pieces, ranking = ranked(model, run.task)
        size = self.size(ranking, sum(i < rows for i in ranking.order))
        if size >= rows:
            run.log.info("prune.vocabulary: all %d pieces stay", rows)
            return model
        kept = [i for i in ranking.order if i < rows][:size]
        pruned = keep_pieces(model, pieces, kept)
        report = describe(ranking, size, rows, before=pieces, after=untrimmed(pruned.tokenizer.backend_tokenizer))
        write_whole(run.folder / CURVE_FILE, json.dumps(report, ensure_ascii=False, indent=1))
        log_curve(run, report)
        return pruned

    def size(self, ranking: Ranking, available: int) -> int:
        """How many of the ranked pieces stay.

        Raises:
            UserError: `keep` is less than the tokenizer or the texts need.
        """
        if self.keep is None:
            return min(available, ranking.num_needed + ranking.num_own + self.frequent)
        if self.keep < ranking.num_needed:
            raise UserError(
                f"prune.vocabulary: keep must be at least {ranking.num_needed} for this tokenizer (special tokens and"
                f" single characters), got {self.keep}"
            )
        own = ranking.num_needed + ranking.num_own
        if self.every_text and self.keep < own:
            raise UserError(
                f"prune.vocabulary: the texts need {own} pieces, but keep is {self.keep}; raise it, or let the rarest of"
                " them split up with every_text=false"
            )
        return min(available, self.keep)


def ranked(model: Model, task: Task | None) -> tuple[Pieces, Ranking]:
    """The model's pieces and the order in which they are worth keeping."""
    pieces = Pieces(json.loads(model.tokenizer.backend_tokenizer.to_str()))
    needed = {i for i in needed_by_config(model) if i in pieces.base or i in pieces.added}
    read = task_as_read(task, model.tokenizer)
    return pieces, rank_pieces(pieces, untrimmed(model.tokenizer.backend_tokenizer), needed, read)


def pieces_needed(model: Model, task: Task | None) -> tuple[int, int]:
    """The least `keep` a tokenizer allows, and the least with which every text of the user keeps its pieces."""
    _, ranking = ranked(model, task)
    return ranking.num_needed, ranking.num_needed + ranking.num_own


def needed_by_config(model: Model) -> set[int]:
    """Ids that config, tokenizer or positions name and that must not go."""
    configs = [model.module.config, getattr(model.module, "generation_config", None)]
    named = {i for config in configs if config is not None for ids in token_settings(config).values() for i in ids}
    named |= set(model.tokenizer.all_special_ids)
    if architecture_of(model.module).positions_start_after_padding:
        named |= set(range(model.module.config.pad_token_id + 1))
    return named


def token_settings(config: Any) -> dict[str, list[int]]:
    """Settings that hold token ids, each as a list."""
    found = {}
    for name, value in config.to_dict().items():
        ids = value if isinstance(value, list) else [value]
        if name.endswith(("_token_id", "suppress_tokens")) and all(type(i) is int for i in ids):
            found[name] = ids
    return found


def keep_pieces(model: Model, pieces: Pieces, kept: Sequence[int]) -> Model:
    """The model with these ids only, renumbered in tokenizer, embeddings and config."""
    data, order = cut_tokenizer(pieces, kept)
    new = {old: i for i, old in enumerate(order)}
    backend = Tokenizer.from_str(json.dumps(data, ensure_ascii=False))
    config = renumbered(model.module.config, new)
    config.vocab_size = len(order)
    generation = getattr(model.module, "generation_config", None)
    state = slice_rows(model.module, torch.tensor(order))
    tokenizer = like(model.tokenizer, backend)
    rebuilt = rebuild(model, config, state)
    if generation is not None:
        rebuilt.module.generation_config = renumbered(generation, new)
    rebuilt.tokenizer = tokenizer
    return rebuilt


def renumbered(config: PretrainedConfig, new: dict[int, int]) -> Any:
    """A copy of the config whose token ids are the new ones; an id that is no token any more becomes None."""
    changed = copy.deepcopy(config)
    for name, ids in token_settings(config).items():
        found = [new[i] for i in ids if i in new]
        many = isinstance(getattr(config, name), list)
        setattr(changed, name, found if many else next(iter(found), None))
    return changed


def slice_rows(module: PreTrainedModel, order: torch.Tensor) -> dict[str, torch.Tensor]:
    """The state dict with these rows of everything that has one row a piece; tied tensors are cut once."""
    output = module.get_output_embeddings()
    by_piece = {module.get_input_embeddings().weight.data_ptr()}
    if output is not None:
        by_piece |= {tensor.data_ptr() for tensor in (output.weight, output.bias) if tensor is not None}
    cut: dict[int, torch.Tensor] = {}
    state = module.state_dict()
    for name, tensor in state.items():
        address = tensor.data_ptr()
        if address in by_piece:
            cut.setdefault(address, tensor.detach().index_select(0, order.to(tensor.device)))
            state[name] = cut[address]
        elif name.endswith("final_logits_bias"):
            state[name] = tensor.index_select(1, order.to(tensor.device))
    return state


def like(old: PreTrainedTokenizerFast, backend: Tokenizer) -> PreTrainedTokenizerFast:
    """A tokenizer around this backend with everything else of the old one; stock code reads it from tokenizer.json."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=old.model_max_length,
        padding_side=old.padding_side,
        truncation_side=old.truncation_side,
        model_input_names=list(old.model_input_names),
        clean_up_tokenization_spaces=old.clean_up_tokenization_spaces,
        **{name: text for name, text in old.special_tokens_map.items() if isinstance(text, str)},
    )
    tokenizer.chat_template = old.chat_template
    return tokenizer


def describe(ranking: Ranking, size: int, rows: int, *, before: Pieces, after: Tokenizer) -> dict[str, Any]:
    """Sizes, the curve of size against changed unseen texts, and unknown tokens before and after."""
    unseen: list[Text] = [text for texts in ranking.unseen.values() for text in texts]
    old = Tokenizer.from_str(json.dumps(before.data, ensure_ascii=False))
    unknown = before.base.get(before.unknown, None) if before.unknown is not None else None
    return {
        "pieces_before": rows,
        "pieces": size,
        "needed": ranking.num_needed,
        "from_the_texts": ranking.num_own,
        "language_shares": ranking.language_shares,
        "unseen_texts": {name: len(texts) for name, texts in ranking.unseen.items()},
        "curve": ranking.curve(size),
        "unknown_before": unknown_rate(untrimmed(old), unknown, unseen),
        "unknown_after": unknown_rate(after, unknown, unseen),
    }


def unknown_rate(tokenizer: Tokenizer, unknown: str | None, texts: Sequence[Text]) -> float:
    """Share of the tokens of these texts that stand for what is no piece."""
    ids = encode(tokenizer, texts)
    total = sum(len(row) for row in ids)
    if unknown is None or not total:
        return 0.0
    return sum(int((row == tokenizer.token_to_id(unknown)).sum()) for row in ids) / total


def log_curve(run: Run, report: dict[str, Any]) -> None:
    """The curve, one line a size."""
    run.log.info("prune.vocabulary: %d of %d pieces stay", report["pieces"], report["pieces_before"])
    for row in report["curve"]:
        shares = ", ".join(f"{name} {share:.1%}" for name, share in row["changed"].items() if share is not None)
        if row["pieces"] == report["pieces"]:
            run.log.info("prune.vocabulary: with the %d pieces chosen, unseen texts changed: %s", row["pieces"], shares)
        else:
            run.log.info("prune.vocabulary: with %d pieces, unseen texts changed: %s", row["pieces"], shares)
