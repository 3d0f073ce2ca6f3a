"""Pretraining: a model learns language from documents, from fresh weights or going on from what it knows.

Causal (next token), masked (BERT, https://arxiv.org/abs/1810.04805), denoising (BART's infilling,
https://arxiv.org/abs/1910.13461, without empty spans and without shuffled sentences), and the mix of causal and masked rows in
one decoder (GPT-BERT, Charpentier & Samuel 2024, https://arxiv.org/abs/2410.24159: there a process has rows of one kind, here
a coin decides each row, and each kind's mean loss counts by its share of the batch's rows). Documents share windows and see
themselves alone. On a task's own texts first, it is task-adaptive pretraining (Gururangan et al. 2020, https://arxiv.org/abs/2004.10964).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from llamita.core.errors import require
from llamita.core.lineage import is_fresh, named_pieces
from llamita.core.step import Step
from llamita.learn._tokenizer import KINDS
from llamita.train.settings import EVALUATIONS, check_training, loop_settings

if TYPE_CHECKING:
    import numpy as np

    from llamita.core.context import Run
    from llamita.core.model import Model
    from llamita.data.corpus import Corpus
    from llamita.learn._rows import Windows

log = logging.getLogger(__name__)
OBJECTIVES = ("auto", "causal", "masked", "denoising", "mixed")
PIECES = 8000
ROWS, FEWEST_ROWS, STEPS = 16, 2, 500
"""Rows of a batch where none are named, the fewest of them, and the steps for which fresh weights take fewer."""
FRESH = 10.0
"""How many times faster fresh weights learn than those that are tuned."""
HEAD_FIRST, GENTLE = 0.2, 0.2
"""For what share of the steps a new head learns alone before the training, and how much slower the body under it learns: a model
that came without one was made for something else, such as embeddings, which masked tokens take away, the less the slower
(docs/log.md)."""


@dataclass(frozen=True, kw_only=True)
class Pretrain(Step):
    """Learn language from documents, or from a task's texts."""

    names_files: ClassVar[tuple[str, ...]] = ("corpus",)

    objective: str = "auto"
    """causal, masked, denoising (encoder-decoders), mixed (decoders: half of the rows causal, half masked), or auto: what the
    family was made for."""
    epochs: float = 1.0
    """Passes over the documents, > 0."""
    corpus: str = ""
    """More documents, which need not fit in memory: files, folders or patterns with commas between, NAME=0.5 for half of them
    an epoch; read in a stream and turned into ids once, in files that later trainings use."""
    window: int = 256
    """Tokens a row holds, >= 16; a longer document goes on in the next row."""
    batch_size: int | None = None
    """Rows in a batch, >= 1; none: 16, of fresh weights fewer where that would be less than 500 steps, down to 2; with
    max_tokens 0 as many as memory holds."""
    max_tokens: int | None = None
    """Tokens a batch may hold besides, >= 0; 0: no limit, and rows that memory can't hold at once are computed in parts; none:
    as many as batch_size rows have."""
    learning_rate: float | None = None
    """Highest learning rate; none: by the size of the body, tenfold for fresh weights, a fifth under a new head."""
    masked: float | None = None
    """Share of the tokens that are masked, in (0, 0.8]; none: 0.15 for masked and mixed, 0.3 for denoising."""
    tokenizer: str = "keep"
    """keep; bpe or unigram: one trained on the documents, with fresh embeddings."""
    pieces: int | None = None
    """Size of a fresh model's vocabulary, or of one that is trained, >= 300; none: 8192, of a trained one 8000."""
    copies: str = "auto"
    """Which copies of a document are left out: near, exact, or keep; auto: near, of more than five million characters exact."""
    filtered: bool = True
    """Whether documents that are no running text are left out."""
    packing: str = "auto"
    """on: documents share rows, and see themselves alone; off: each has rows of its own, batched by like length; auto: on,
    but for denoising, which can't."""
    growing: bool = False
    """Whether rows begin with a quarter of the window and grow (a curriculum by length)."""
    weight_decay: float = 0.1
    """Decay of the weights, >= 0; norms and biases have none."""
    warmup: float = 0.05
    """Share of the steps in which the learning rate rises, in [0, 1)."""
    schedule: str = "cosine"
    """How the learning rate falls: linear, cosine or constant."""
    head_first: float | None = None
    """Where a body that has learned gets a new head for language: for so many steps, as a share of the training's, the head
    learns alone before it, in [0, 1]; 0: both at once; none: 0.2."""
    early_stopping: int = 0
    """Stop after so many evaluations on the select split without a better score, and keep the best; 0: never."""
    evaluations: int | None = None
    """Evaluations over the whole training, on documents that are set aside for them (select); none: 10 where there are some."""
    dropout: bool = False
    """Whether the model's own dropout is at work; small models that read a text a few times do better without."""
    precision: str = "auto"
    """auto, fp32 or bf16: what is computed in; the weights stay fp32."""

    def __post_init__(self) -> None:
        require(
            self.objective in OBJECTIVES, f"objective must be one of {', '.join(OBJECTIVES)}, got {self.objective!r}"
        )
        check_training(self)
        require(self.window >= 16, f"window must be >= 16, got {self.window}")
        share = self.masked
        require(share is None or 0 < share <= 0.8, f"masked must be in (0, 0.8], got {share}")
        require(self.tokenizer in KINDS, f"tokenizer must be one of {', '.join(KINDS)}, got {self.tokenizer!r}")
        pieces = self.pieces
        require(pieces is None or pieces >= 300, f"pieces must be >= 300 (256 are bytes), got {pieces}")
        require(
            pieces is None or self.tokenizer != "keep",
            "pieces is about a vocabulary that is trained; name the kind: tokenizer bpe or unigram",
        )
        alone = self.head_first
        require(alone is None or 0 <= alone <= 1, f"head_first must be in [0, 1], got {alone}")
        require(self.early_stopping >= 0, f"early_stopping must be >= 0, got {self.early_stopping}")
        asked = self.evaluations
        require(asked is None or asked >= 1, f"evaluations must be >= 1, got {asked}")
        copies = ("auto", "near", "exact", "keep")
        require(self.copies in copies, f"copies must be one of {', '.join(copies)}, got {self.copies!r}")

    @property
    def files(self) -> tuple[str, ...]:
        """The files of the corpus."""
        from llamita.data.corpus import parse_sources

        return tuple(str(file) for one in parse_sources(self.corpus) for file in one.files) if self.corpus else ()

    @property
    def file_weights(self) -> tuple[float, ...]:
        from llamita.data.corpus import parse_sources

        return tuple(one.weight for one in parse_sources(self.corpus) for _ in one.files) if self.corpus else ()

    @property
    def avoids(self) -> tuple[str, ...]:
        """What a task measures on is left out of a corpus."""
        return ("select", "test") if self.corpus else ()

    def apply(self, model: Model, run: Run) -> Model:
        from llamita.core import processes
        from llamita.learn._documents import own_documents
        from llamita.learn._fresh_head import back_under, classifier_of, head_alone, parameters_above
        from llamita.learn._rows import Joined, encoded
        from llamita.train.batches import batches_in_order
        from llamita.train.language import LanguageLoss, TokenExamples
        from llamita.train.language_head import with_language_head
        from llamita.train.loop import fit
        from llamita.train.pace import default_learning_rate
        from llamita.train.room import tokens_that_fit

        texts, weights = own_documents(run.task, copies=self.copies, filtered=self.filtered, enough=not self.corpus)
        judge = self._judge(model, run)
        if self.tokenizer != "keep":
            self._retokenize(model, lambda: [*texts, *self._sample(run)], run.folder)
        classifier, given = classifier_of(model, run.task), model.module
        model = with_language_head(model, for_good=classifier is None)
        fresh = self.tokenizer != "keep" or is_fresh(model.lineage)
        new_head = model.module is not given and not fresh and bool(parameters_above(model.module))
        require(
            self.head_first is None or new_head,
            "head_first is about a new head for language on a body that has learned, and this model gets none; leave it out",
        )
        documents: Sequence[np.ndarray] = encoded(model, texts)
        if self.corpus:
            more = self._corpus(model, run, texts)
            documents, weights = Joined(documents, more), weights + more.weights.tolist()
        rows = self._windows(model, documents, weights, run.seed)
        require(len(rows) > 0, "no document has a token to learn from; give more documents, or longer ones")
        source = TokenExamples(rows=rows, lengths=rows.lengths)  # type: ignore[arg-type]
        size, limit, at_once = self._rows_at_once(rows, fresh=fresh), self.max_tokens or 0, 0
        if self.max_tokens == 0:
            limit = tokens_that_fit(model, source, run, self.precision, batch_size=self.batch_size or 0)
            if self.batch_size:
                limit, at_once = 0, limit // processes.num_processes()
        batches = batches_in_order(rows.lengths, batch_size=size, max_tokens=limit, padded=rows.packed)
        rate = default_learning_rate(model)
        settings = loop_settings(
            self, min(3e-3, rate * (FRESH if fresh else GENTLE if new_head else 1)), patience=self.early_stopping,
            evaluations=(self.evaluations or EVALUATIONS) if judge else 0, at_once=at_once,
        )  # fmt: skip
        log.info("%s: %s tokens in %s rows, %s steps", rows.objective, f"{sum(rows.lengths):,}", f"{len(rows):,}",
                 f"{len(batches):,}")  # fmt: skip
        if new_head:
            share = HEAD_FIRST if self.head_first is None else self.head_first
            alone = replace(settings, learning_rate=min(3e-3, FRESH * (self.learning_rate or rate)))
            head_alone(model, source, batches[: round(share * len(batches))], alone, run)
        return back_under(classifier, fit(model, source, batches, LanguageLoss(), settings, run, judge))

    def _rows_at_once(self, rows: Windows, *, fresh: bool) -> int:
        """A small corpus in large batches makes so few steps that fresh weights learn next to nothing of it."""
        if self.batch_size or self.max_tokens == 0:
            return self.batch_size or len(rows)
        return max(FEWEST_ROWS, min(ROWS, len(rows) // STEPS)) if fresh and rows.packed else ROWS

    def _judge(self, model: Model, run: Run) -> Callable[[], float] | None:
        """How well documents set aside for it are foreseen, where there are some; a task with labels judges by those."""
        from llamita.core.hardware import use_bf16
        from llamita.train.judge import select_score

        assert run.task is not None
        if not run.task.labels and len(run.task.select):
            return select_score(model, run, bf16=use_bf16(self.precision, run.device))
        asked = "early_stopping" if self.early_stopping else "evaluations"
        require(
            not self.early_stopping and self.evaluations is None,
            f"{asked} needs documents that nothing learns from; let the task language set some aside: select 0.05, or a file of"
            " them",
        )
        return None

    def _unseen(self, run: Run) -> tuple[str, ...]:
        """What the task measures on."""
        assert run.task is not None
        splits = [run.task.split(name) for name in self.avoids]
        return tuple(text if isinstance(text, str) else "\n".join(text) for split in splits for text in split.texts)

    def _sample(self, run: Run) -> list[str]:
        """Texts of the corpus for a tokenizer to learn from."""
        from llamita.data.corpus import parse_sources, sampled

        return sampled(parse_sources(self.corpus), self._unseen(run), _columns(run)) if self.corpus else []

    def _corpus(self, model: Model, run: Run, texts: Sequence[str]) -> Corpus:
        """The corpus as ids, without what the task measures on, and without copies of the texts learned from besides."""
        from llamita.data.corpus import Cleaning, parse_sources, tokenized

        cleaning = Cleaning(copies=self.copies, filtered=self.filtered, unseen=self._unseen(run), known=tuple(texts))
        backend, cache = model.tokenizer.backend_tokenizer, run.cache or run.folder / "cache"
        return tokenized(parse_sources(self.corpus), backend, cache, cleaning, _columns(run))

    def _retokenize(self, model: Model, texts: Callable[[], Sequence[str]], folder: Path) -> None:
        """A tokenizer of these texts, which the folder keeps, and fresh embeddings for its pieces."""
        from llamita.core.architecture import architecture_of
        from llamita.learn._tokenizer import give_tokenizer, kept_tokenizer

        framed = not architecture_of(model.module).is_decoder_only
        pieces = self.pieces or named_pieces(model.lineage) or PIECES
        made = kept_tokenizer(folder, texts, self.tokenizer, pieces, framed=framed, max_length=model.max_length)
        give_tokenizer(model, made)

    def _windows(self, model: Model, documents: Sequence[np.ndarray], weights: list[float], seed: int) -> Windows:
        from llamita.core.architecture import architecture_of
        from llamita.data.corpus import tokenizer_digest
        from llamita.learn._rows import Windows
        from llamita.train.frame import masking_frame
        from llamita.train.language_head import objective_of

        objective = objective_of(model.module) if self.objective == "auto" else self.objective
        decoder = architecture_of(model.module).is_decoder_only
        able = {"causal": decoder, "mixed": decoder, "denoising": model.module.config.is_encoder_decoder}
        able["masked"] = not decoder and not able["denoising"]
        fitting = ", ".join(name for name, can in able.items() if can)
        family = model.module.config.model_type
        require(able[objective], f"a {family} model can't learn by {objective}; objectives for it: {fitting}")
        require(
            self.masked is None or objective != "causal",
            "masked is about masked tokens; leave it out of causal training",
        )
        require(
            self.packing != "on" or objective != "denoising",
            "packing=on: an encoder-decoder's rows hold one document each",
        )
        window = min(self.window, model.max_length)
        if window < self.window:
            log.info("windows are %d tokens, which is what the model can read", window)
        packed = self.packing != "off" and objective != "denoising"
        return Windows(
            documents=documents, weights=weights, frame=masking_frame(model, masking=objective != "causal"),
            length=window, epochs=self.epochs, objective=objective, packed=packed, growing=self.growing, seed=seed,
            masked=self.masked or (0.3 if objective == "denoising" else 0.15),
            tokenizer=tokenizer_digest(model.tokenizer.backend_tokenizer),
        )  # fmt: skip


def _columns(run: Run) -> Mapping[str, str] | None:
    """How the user named the columns of tables of documents; those of labelled texts are other tables'."""
    return None if run.task is None or run.task.labels else run.task.columns
