"""Distillation of logits: a student learns the teacher's softened probabilities (Hinton, Vinyals and Dean 2015).

https://arxiv.org/abs/1503.02531. The loss is alpha x T^2 x KL(teacher || student), both softened by T, plus
(1 - alpha) x the cross-entropy of the gold labels; where a text has no gold label, the teacher alone counts. Teacher and
student may be of different families and tokenizers; the teacher reads each text once, and its logits are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from llamita.core.step import Step
from llamita.distill._settings import APART, check_teaching
from llamita.train.settings import check_training, loop_settings

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.model import Model


@dataclass(frozen=True, kw_only=True)
class Logits(Step):
    """Learn from a teacher's logits."""

    needs_teacher: ClassVar[bool] = True

    epochs: float = 3.0
    """Passes over all texts, > 0; a broken number ends with a random part of them."""
    learning_rate: float | None = None
    """Highest learning rate; none: 1e-4 for a body of 10 million parameters, falling with the cube root of its size."""
    batch_size: int = 32
    """Texts in a batch, >= 1."""
    temperature: float = 2.0
    """What both sides' logits are divided by, > 0: the higher, the more the unlikely labels count."""
    alpha: float = 0.9
    """Weight of the teacher against the gold labels, in [0, 1]; 1: the teacher alone."""
    use_unlabelled: bool = True
    """Whether the task's unlabelled texts are learned from too."""
    augment: int = 0
    """Changed copies of each training text (clauses cut out, words left out) for the teacher to label, >= 0."""
    max_tokens: int = 4096
    """Tokens a padded batch may hold; long texts then come in smaller batches. 0: no limit; a batch that memory can't hold is
    computed in parts, with the gradients of the whole."""
    packing: str = "auto"
    """on: several texts share a row, each seeing itself alone; off: batches of texts of like length; auto: on where those
    would be a tenth padding or more, and attention over wider rows costs less than that."""
    max_length: int | None = None
    """Tokens a text is cut to; none: what the task or the model allows."""
    weight_decay: float = 0.01
    """Decay of the weights, >= 0; norms and biases have none."""
    warmup: float = 0.06
    """Share of the steps in which the learning rate rises, in [0, 1)."""
    schedule: str = "linear"
    """How the learning rate falls: linear, cosine or constant."""
    dropout: bool = False
    """Whether the student's dropout is at work: the teacher's probabilities already keep it from learning by heart."""
    precision: str = "auto"
    """auto, fp32 or bf16: what the student computes in; its weights stay fp32."""

    def __post_init__(self) -> None:
        check_training(self)
        check_teaching(self)

    @property
    def avoids(self) -> tuple[str, ...]:
        return APART if self.augment else ()

    def apply(self, model: Model, run: Run) -> Model:
        from llamita.distill._examples import logits_loss, prepare, splits_to_read, taught_examples
        from llamita.train.loop import fit
        from llamita.train.losses import losses_of
        from llamita.train.pace import default_learning_rate
        from llamita.train.packed import arranged
        from llamita.train.teacher import Teacher

        splits = splits_to_read(run, unlabelled=self.use_unlabelled, augment=self.augment)
        model = prepare(model, run)
        examples = taught_examples(model, splits, Teacher(run=run, max_length=self.max_length), self.max_length)
        source, batches, at_once = arranged(self, model, examples, run)
        settings = loop_settings(self, default_learning_rate(model), at_once=at_once)
        assert run.task is not None
        losses = losses_of(run.task)

        def loss(outputs, inputs, targets):
            return logits_loss(outputs, targets, self.temperature, self.alpha, losses)

        return fit(model, source, batches, loss, settings, run)
