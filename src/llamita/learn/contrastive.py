"""Few-shot learning by contrastive pairs as in SetFit: texts of a label are drawn together, then a head is fitted to them.

Tunstall et al. 2022, https://arxiv.org/abs/2209.11055. The loss is theirs: the cosine of two texts' embeddings should be 1
where they share a label and 0 where they don't, squared error, both kinds counting the same. We differ in three things. A batch
holds texts, and all pairs among them count, so that a text is computed once and not once a pair. And the embedding is what the
last linear map of the stock classifier reads: logistic regression on it, the second stage, becomes that map, so the result is
a stock folder. To have it read the mean over the tokens, as sentence embeddings do, a layer that averages is put on the body. And a
temperature is fitted, to answers to texts that weren't learned from (`_unseen.py`).
Where a text has any labels, texts are drawn together as far as they share them (`_pairs.py`), each label has a regression of its
own, and one shift for all and a threshold for each are fitted to the same answers.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from llamita.core.answers import AnyLabels
from llamita.core.errors import require
from llamita.core.scaling import best_thresholds, fit_common, fit_scales
from llamita.core.step import Step
from llamita.core.task import require_labels
from llamita.learn._pairs import can_teach, pair_batches, pair_loss, places_of
from llamita.learn._unseen import ENOUGH, unseen_answers
from llamita.learn.calibrate import give_thresholds
from llamita.train.settings import check_training, loop_settings

if TYPE_CHECKING:
    from jaxtyping import Float

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
    to the answers, since the head alone is far too careful; where a text has any labels, a shift and a threshold for each, too.
    It takes `folds` - 1 times as long again, less where 200 answers are there sooner. 0: none of these."""
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

        from llamita.core.architecture import head_linear
        from llamita.learn._parts import frozen_below
        from llamita.learn._pooling import read_mean, straighten
        from llamita.train.examples import labelled_split

        split = labelled_split(run, "learn.contrastive")
        assert run.task is not None
        require_labels(run.task, "learn.contrastive")
        gold = run.task.gold(split)
        require(
            can_teach(gold),
            "learn.contrastive draws texts that share a label together and texts that share none apart; give two of each kind",
        )
        torch.manual_seed(run.seed)
        given = model.module
        model = run.task.fit_head(model)
        met = places_of(gold)
        without = [label for i, label in enumerate(model.labels) if i not in met]
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
            unseen = self._unseen(model, split, run) if self.folds else None
            self._learn(model, split, run)
        if unseen is not None:
            self._fit_answers(model, *unseen)
        return model

    def _learn(self, model: Model, split: Split, run: Run) -> None:
        self._draw_together(model, split, run)
        self._fit_linear(model, split, run)

    def _unseen(self, model: Model, split: Split, run: Run) -> tuple[np.ndarray, np.ndarray] | None:
        """Logits of texts that weren't learned from, and their labels; none of too few."""
        logits, gold = unseen_answers(
            model, split, self.folds, run, lambda part, where: self._learn(model, part, where)
        )
        if len(gold) >= ENOUGH:
            return logits, gold
        log.warning(
            "probabilities stay careful: %d texts could be answered by a model that learned from others with their"
            " label, and a temperature needs %d", len(gold), ENOUGH,
        )  # fmt: skip
        return None

    def _fit_answers(self, model: Model, logits: np.ndarray, gold: np.ndarray) -> None:
        """A temperature; where a text has any labels a scale and a shift, and a threshold for each label as learn.calibrate's.

        Each label's regression of few texts is held near the label's share, mostly below a half; no temperature lifts what is
        below. A head without a bias has no place for a shift.
        """
        from llamita.core.architecture import head_linear, scale_head

        several = isinstance(model.answers, AnyLabels)
        shifts = several and head_linear(model.module).bias is not None
        scale, shift = fit_common(logits, gold) if shifts else fit_scales("temperature", logits, gold)
        scale_head(model.module, scale, shift)
        model.changed()
        probabilities = model.answers.probabilities(logits * scale + shift)
        if several:
            give_thresholds(model, best_thresholds(probabilities, gold))
        right = int(model.answers.right(model.answers.chosen(probabilities), gold).sum())
        if shifts:
            log.info(
                "logits ×%.2f %+.2f: of %d texts, each answered by a model that learned from others, %d are right",
                scale[0], shift[0], len(gold), right,
            )  # fmt: skip
            return
        log.info(
            "temperature %.3f: of %d texts, each answered by a model that learned from others, %d are right", 1 / scale[0],
            len(gold), right,
        )  # fmt: skip

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
        assert run.task is not None
        gold = run.task.gold(split)
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

    def _fit_linear(self, model: Model, split: Split, run: Run) -> None:
        """The second stage: logistic regression on what the last linear map reads becomes that map."""
        import torch

        from llamita.core.architecture import head_linear
        from llamita.learn._pooling import embeddings

        assert run.task is not None
        linear = head_linear(model.module)
        weights, bias = fit_regression(
            embeddings(model, split.texts), run.task.gold(split), len(model.labels), self.strength,
            with_bias=linear.bias is not None,
        )  # fmt: skip
        with torch.no_grad():
            linear.weight.copy_(torch.as_tensor(weights))
            if linear.bias is not None:
                linear.bias.copy_(torch.as_tensor(bias))
        model.changed()


def fit_regression(
    embedded: Float[np.ndarray, "texts width"], gold: np.ndarray, num_labels: int, strength: float, *, with_bias: bool,
) -> tuple[Float[np.ndarray, "labels width"], Float[np.ndarray, "labels"]]:  # fmt: skip
    """Weights and biases of logistic regression on embeddings of mean length 1; a label that never occurs is never chosen.

    Without biases all labels must occur: nothing else can say never.

    Args:
        gold: the labels' indices [texts]; or, where a text has any labels, 0 and 1 [texts, labels]: then each label has a
            regression of its own.
    """
    from sklearn.linear_model import LogisticRegression

    length = float(np.linalg.norm(embedded, axis=1).mean())
    all_weights = np.zeros((num_labels, embedded.shape[1]), dtype=np.float32)
    all_bias = np.full(num_labels, NEVER, dtype=np.float32)

    def fitted(gold: np.ndarray) -> LogisticRegression:
        return LogisticRegression(C=strength, fit_intercept=with_bias, max_iter=5000).fit(embedded / length, gold)

    if gold.ndim == 2:
        for label in np.flatnonzero(gold.any(axis=0)):
            one = fitted(gold[:, label])
            all_weights[label], all_bias[label] = one.coef_[0] / length, np.ravel(one.intercept_)[0]
        return all_weights, all_bias
    one = fitted(gold)
    weights, bias = one.coef_, np.broadcast_to(one.intercept_, len(one.coef_))
    if len(one.classes_) == 2:
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    all_weights[one.classes_], all_bias[one.classes_] = weights / length, bias
    return all_weights, all_bias
