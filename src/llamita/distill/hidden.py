"""Distillation of hidden states beside the logits: each student layer follows a layer of the teacher.

After TinyBERT (Jiao et al. 2020, https://arxiv.org/abs/1909.10351: learned projection to the teacher's width, squared
error, uniform layer map) and patient distillation (Sun et al. 2019, https://arxiv.org/abs/1908.09355: the last layers as
another map). Differences: neither embeddings nor attention matrices are compared; all losses act at once rather than in
stages; every pair of layers has a projection of its own; the teacher's states are brought to mean 0 and spread 1 in each
component, so that the few huge ones of large decoders don't drown the rest; where the tokenizers differ, the means over each
text's tokens are compared instead of tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from llamita.core.errors import UserError, require
from llamita.core.step import Step
from llamita.distill._settings import APART, check_teaching, layer_pairs, parse_pairs
from llamita.train.settings import check_training, loop_settings

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.model import Model

POSITIONS = ("auto", "tokens", "pooled")
DISTANCES = ("mse", "cosine")


@dataclass(frozen=True, kw_only=True)
class Hidden(Step):
    """Learn from a teacher's hidden states and logits."""

    needs_teacher: ClassVar[bool] = True

    layers: str = "uniform"
    """Which layers of the teacher the student's follow: uniform, last, or pairs (student:teacher) such as "2:10,4:20"."""
    positions: str = "auto"
    """tokens: state by state; pooled: the mean over a text; auto: tokens where both tokenizers cut the texts alike."""
    distance: str = "mse"
    """mse: mean squared difference; cosine: 1 - cosine."""
    hidden_weight: float = 1.0
    """Weight of the hidden states against the logits, > 0."""
    epochs: float = 3.0
    """Passes over all texts, > 0; a broken number ends with a random part of them."""
    learning_rate: float | None = None
    """Highest learning rate; none: 1e-4 for a body of 10 million parameters, falling with the cube root of its size."""
    batch_size: int = 32
    """Texts in a batch, >= 1."""
    temperature: float = 2.0
    """What both sides' logits are divided by, > 0: the higher, the more the unlikely labels count."""
    alpha: float = 0.9
    """Weight of the teacher's logits against the gold labels, in [0, 1]."""
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
        require(self.hidden_weight > 0, f"hidden_weight must be > 0, got {self.hidden_weight:g}")
        require(self.positions in POSITIONS, f"positions must be one of {', '.join(POSITIONS)}, got {self.positions!r}")
        require(self.distance in DISTANCES, f"distance must be one of {', '.join(DISTANCES)}, got {self.distance!r}")
        parse_pairs(self.layers)

    @property
    def avoids(self) -> tuple[str, ...]:
        return APART if self.augment else ()

    def apply(self, model: Model, run: Run) -> Model:
        from llamita.distill._examples import prepare, splits_to_read, taught_examples
        from llamita.distill._states import HiddenLoss, add_states, cut_alike, num_layers
        from llamita.train.examples import encoder_for
        from llamita.train.loop import fit
        from llamita.train.losses import losses_of
        from llamita.train.pace import default_learning_rate
        from llamita.train.packed import arranged
        from llamita.train.teacher import Teacher

        splits = splits_to_read(run, unlabelled=self.use_unlabelled, augment=self.augment)
        teacher = Teacher(run=run, max_length=self.max_length)
        if teacher.is_artifact:
            raise UserError(
                "distill.hidden needs a teacher with inner states, which an exported folder or recorded answers don't have;"
                " take distill.logits"
            )
        pairs = layer_pairs(self.layers, num_layers(model.module.config), num_layers(teacher.config))
        model = prepare(model, run)
        encoder = encoder_for(model, run.task, self.max_length)
        by_token = cut_alike(encoder, teacher.encoder, splits, self.positions)
        examples = taught_examples(model, splits, teacher, self.max_length)
        examples, width = add_states(examples, teacher, splits, [theirs for _, theirs in pairs], by_token=by_token)
        assert run.task is not None
        widths = (model.module.config.hidden_size, width)
        loss = HiddenLoss([ours for ours, _ in pairs], widths, self, losses_of(run.task))
        source, batches, at_once = arranged(self, model, examples, run, of_states=loss)
        settings = loop_settings(self, default_learning_rate(model), hidden_states=True, at_once=at_once)
        return fit(model, source, batches, loss, settings, run)
