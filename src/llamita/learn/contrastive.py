"""Few-shot learning by contrastive pairs as in SetFit: texts of a label are drawn together, then a head is fitted to them.

Tunstall et al. 2022, https://arxiv.org/abs/2209.11055. The loss is theirs: the cosine of two texts' embeddings should be 1
where they share a label and 0 where they don't, squared error, both kinds counting the same. We differ in three things. A batch
holds texts, and all pairs among them count, so that a text is computed once and not once a pair. And the embedding is what the
last linear map of the stock classifier reads: logistic regression on it, the second stage, becomes that map, so the result is
a stock folder. To have it read the mean over the tokens, as sentence embeddings do, a layer that averages is put on the body. And a
temperature is fitted, to answers to texts that weren't learned from (`_unseen.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from llamita.core.errors import require
from llamita.core.scaling import fit_scales
from llamita.core.step import Step
from llamita.core.task import require_labels
from llamita.learn._unseen import ENOUGH, can_teach, unseen_answers
from llamita.train.settings import check_training, loop_settings

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from llamita.core.context import Run
    from llamita.core.model import Model
    from llamita.core.task import Split

log = logging.getLogger(__name__)
NEVER = -30.0
"""The logit of a label that never occurs."""


@dataclass(frozen=True, kw_only=True)
class Contrastive(Step):
    """Learn from a few labelled texts by drawing those of a label together."""

    learns_from_few: ClassVar[bool] = True

    epochs: float = 5.0
    """How often each text is met, > 0, every time beside others: 32 texts of four labels give 1,200 pairs in five epochs. More
    learns the few texts and forgets what the model knew of others."""
    learning_rate: float | None = None
    """Highest learning rate; none: by the size of the body, as in learn.finetune."""
    batch_size: int = 16
    """Texts in a batch, >= 4; all their pairs count."""
    max_tokens: int = 4096
    """Tokens a padded batch may hold; of long texts fewer then stand in a batch, four at the least. 0: no limit."""
    max_length: int | None = None
    """Tokens a text is cut to while it is learned from; none: what the task or the model allows."""
    weight_decay: float = 0.01
    """Decay of the weights, >= 0; norms and biases have none."""
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises, in [0, 1)."""
    schedule: str = "linear"
    """How the learning rate falls: linear, cosine or constant."""
    freeze: float = 0.0
    """Share of the layers, from below and with the embeddings, that stay as they are, in [0, 1]; it saves time."""
    pooling: Literal["auto", "stock"] = "auto"
    """What an embedding is: auto: the mean over the tokens where the head is fresh and stock code can read it (ModernBERT; BERT,
    RoBERTa, XLM-R, DistilBERT and MPNet by one more layer); stock: what the head of the family reads."""
    strength: float = 1.0
    """Inverse strength of the head's penalty (C of logistic regression on embeddings of length 1), > 0."""
    folds: int = 4
    """Parts of the texts, each of which is answered by a model that learned from the others, 0 or >= 2; a temperature is fitted
    to the answers, since the head alone is far too careful. It takes `folds` - 1 times as long again, less where 200 answers are
    there sooner. 0: no temperature."""
    dropout: bool = True
    """Whether the model's own dropout is at work."""
    precision: str = "auto"
    """auto, fp32 or bf16: what is computed in; the weights stay fp32."""

    def __post_init__(self) -> None:
        check_training(self)
        require(self.batch_size >= 4, f"batch_size must be >= 4, two texts of two labels, got {self.batch_size}")
        require(0 <= self.freeze <= 1, f"freeze must be in [0, 1], got {self.freeze}")
        require(self.pooling in ("auto", "stock"), f"pooling must be auto or stock, got {self.pooling!r}")
        require(self.strength > 0, f"strength must be > 0, got {self.strength:g}")
        require(self.folds == 0 or self.folds >= 2, f"folds must be 0 or >= 2, got {self.folds}")

    def apply(self, model: Model, run: Run) -> Model:
        import torch

        from llamita.core.architecture import head_linear, scale_head
        from llamita.learn._parts import frozen_below
        from llamita.learn._pooling import read_mean, straighten
        from llamita.train.examples import labelled_split

        split = labelled_split(run, "learn.contrastive")
        assert run.task is not None
        require_labels(run.task, "learn.contrastive")
        require(
            not split.label_sets, "learn.contrastive is for texts with one label each; learn.finetune takes any labels"
        )
        require(
            can_teach(np.asarray(split.labels)),
            "learn.contrastive draws texts of a label together and of others apart; give two labels, and two texts of one",
        )
        torch.manual_seed(run.seed)
        given = model.module
        model = run.task.fit_head(model)
        without = [label for i, label in enumerate(model.labels) if i not in split.labels]
        require(
            not without or head_linear(model.module).bias is not None,
            f"no training text has the label {', '.join(without)}, and this model's head has no bias that says never; give such"
            " texts, or leave the label out",
        )
        if model.module is not given:  # the head is fresh
            straighten(model.module)
            if self.pooling == "auto":
                read_mean(model.module)
        with frozen_below(model.module, self.freeze):
            scale = self._sharpness(model, split, run) if self.folds else None
            self._learn(model, split, run)
        if scale is not None:
            scale_head(model.module, *scale)
            model.changed()
        return model

    def _learn(self, model: Model, split: Split, run: Run) -> None:
        self._draw_together(model, split, run)
        self._fit_linear(model, split)

    def _sharpness(self, model: Model, split: Split, run: Run) -> tuple[np.ndarray, np.ndarray] | None:
        """Scales and shifts of the logits, by answers to texts that weren't learned from; none of too few answers."""
        logits, gold = unseen_answers(
            model, split, self.folds, run, lambda part, where: self._learn(model, part, where)
        )
        if len(gold) < ENOUGH:
            log.warning(
                "probabilities stay careful: %d texts could be answered by a model that learned from others with their"
                " label, and a temperature needs %d", len(gold), ENOUGH,
            )  # fmt: skip
            return None
        scale, shift = fit_scales("temperature", logits, gold)
        right = int((logits.argmax(axis=1) == gold).sum())
        log.info(
            "temperature %.3f: of %d texts, each answered by a model that learned from others, %d are right", 1 / scale[0],
            len(gold), right,
        )  # fmt: skip
        return scale, shift

    def _draw_together(self, model: Model, split: Split, run: Run) -> None:
        """The first stage: train the body, and what else stands below the last linear map."""
        from llamita.core import processes
        from llamita.core.architecture import head_linear
        from llamita.learn._pooling import features_of_head
        from llamita.train.examples import Examples, encode
        from llamita.train.loop import fit
        from llamita.train.pace import default_learning_rate

        require(
            processes.num_processes() == 1,
            "learn.contrastive learns from a few texts, in one process; start it without torchrun",
        )
        gold = np.asarray(split.labels, dtype=np.int64)
        examples = Examples(encoded=encode(model, split.texts, run.task, self.max_length), targets={"gold": gold})
        size = self.batch_size
        if self.max_tokens:
            size = min(size, max(4, self.max_tokens // max(examples.lengths)))
        batches = pair_batches(gold, batch_size=size, epochs=self.epochs, seed=run.seed)
        settings = loop_settings(self, default_learning_rate(model))
        linear = head_linear(model.module)
        linear.requires_grad_(False)
        try:
            with features_of_head(model.module) as features:

                def loss(outputs, inputs, targets):
                    read = features(inputs["input_ids"], inputs["attention_mask"])
                    return {"loss": pair_loss(read, targets["gold"])}

                fit(model, examples, batches, loss, settings, run)
        finally:
            linear.requires_grad_(True)

    def _fit_linear(self, model: Model, split: Split) -> None:
        """The second stage: logistic regression on what the last linear map reads becomes that map."""
        import torch

        from llamita.core.architecture import head_linear
        from llamita.learn._pooling import embeddings

        linear = head_linear(model.module)
        embedded = embeddings(model, split.texts)
        weights, bias = fit_regression(
            embedded, np.asarray(split.labels), len(model.labels), self.strength, with_bias=linear.bias is not None
        )
        with torch.no_grad():
            linear.weight.copy_(torch.as_tensor(weights))
            if linear.bias is not None:
                linear.bias.copy_(torch.as_tensor(bias))
        model.changed()


def pair_batches(
    labels: Sequence[int] | Int[np.ndarray, "n"], *, batch_size: int, epochs: float, seed: int
) -> list[np.ndarray]:
    """Indices of texts, batch by batch: as many of each label, two at least, so that both kinds of pairs are in each.

    Of more labels than fit, a random part stands in a batch. No text stands twice in one; each label's texts are used up before
    they come again.
    """
    random = np.random.default_rng([seed, 0])
    labels = np.asarray(labels)
    places = {int(label): np.flatnonzero(labels == label) for label in np.unique(labels)}
    each = max(2, batch_size // len(places))
    queues: dict[int, list[int]] = {label: [] for label in places}
    batches = []
    left = round(epochs * len(labels))
    while left > 0:
        batch: list[int] = []
        for label in random.permutation(list(places))[: max(2, batch_size // each)]:
            batch += _next(queues[int(label)], places[int(label)], each, random)
        batches.append(np.asarray(batch))
        left -= len(batch)
    return batches


def _next(queue: list[int], places: np.ndarray, number: int, random: np.random.Generator) -> list[int]:
    """So many texts of a label, or all there are, off its queue, which is filled anew when it runs out."""
    number = min(number, len(places))
    taken, queue[:] = queue[:number], queue[number:]
    if len(taken) < number:
        again = [int(i) for i in random.permutation(places)]
        fresh = [i for i in again if i not in taken]
        missing = number - len(taken)
        taken, queue[:] = taken + fresh[:missing], [i for i in again if i not in fresh[:missing]]
    return taken


def pair_loss(embedded: Float[Tensor, "texts width"], gold: Int[Tensor, "texts"]) -> Float[Tensor, ""]:
    """Mean squared distance of the cosines of all pairs from 1 (same label) or 0, each kind half of it."""
    import torch

    unit = torch.nn.functional.normalize(embedded.float(), dim=-1)
    cosine = unit @ unit.T
    upper = torch.ones_like(cosine, dtype=torch.bool).triu(1)
    same = gold[:, None] == gold[None, :]
    parts = [
        (kind * gap.square()).sum() / kind.sum()
        for kind, gap in ((same & upper, 1 - cosine), (~same & upper, cosine))
        if kind.any()
    ]
    return torch.stack(parts).mean()


def fit_regression(
    embedded: Float[np.ndarray, "texts width"], gold: Int[np.ndarray, "texts"], num_labels: int, strength: float,
    *, with_bias: bool,
) -> tuple[Float[np.ndarray, "labels width"], Float[np.ndarray, "labels"]]:  # fmt: skip
    """Weights and biases of logistic regression on embeddings of mean length 1; a label that never occurs is never chosen.

    Without biases all labels must occur: nothing else can say never.
    """
    from sklearn.linear_model import LogisticRegression

    length = float(np.linalg.norm(embedded, axis=1).mean())
    fitted = LogisticRegression(C=strength, fit_intercept=with_bias, max_iter=5000).fit(embedded / length, gold)
    weights, bias = fitted.coef_, np.broadcast_to(fitted.intercept_, len(fitted.coef_))
    if len(fitted.classes_) == 2:
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    all_weights = np.zeros((num_labels, embedded.shape[1]), dtype=np.float32)
    all_bias = np.full(num_labels, NEVER, dtype=np.float32)
    all_weights[fitted.classes_], all_bias[fitted.classes_] = weights / length, bias
    return all_weights, all_bias
