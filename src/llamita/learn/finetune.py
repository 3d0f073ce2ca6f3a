"""Fine-tuning on labelled texts or dialogues: all weights, the top layers alone, or LoRA and DoRA merged at the end.

LoRA: Hu et al. 2021, https://arxiv.org/abs/2106.09685; DoRA: Liu et al. 2024, https://arxiv.org/abs/2402.09353. Both by way of
peft, on every linear map of the layers; a head for labels is trained in full.
Focal loss: Lin et al. 2017, https://arxiv.org/abs/1708.02002; its alpha is `class_weights`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from llamita.core.errors import require
from llamita.core.step import Step
from llamita.core.task import Worded
from llamita.learn._class_weights import parse_weights, weights_of
from llamita.train.settings import EVALUATIONS, check_training, loop_settings

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.model import Model
    from llamita.core.task import Split, Task
    from llamita.train.examples import BatchSource
    from llamita.train.loop import Loss


@dataclass(frozen=True, kw_only=True)
class Finetune(Step):
    """Train on the task's labels."""

    names_files: ClassVar[tuple[str, ...]] = ("chat_template",)

    epochs: float = 3.0
    """Passes over the training texts, > 0; a broken number ends with a random part of them."""
    learning_rate: float | None = None
    """Highest learning rate; none: 1e-4 for a body of 10 million parameters, falling with the cube root of its size
    (SmolLM2-135M: 4.5e-5), and tenfold for LoRA."""
    batch_size: int = 32
    """Texts or dialogues in a batch, >= 1."""
    max_tokens: int = 4096
    """Tokens a padded batch may hold; long texts then come in smaller batches. 0: no limit; a batch that memory can't hold is
    computed in parts, with the gradients of the whole."""
    packing: str = "auto"
    """on: several texts or dialogues share a row, each seeing itself alone; off: batches of texts of like length; auto: on
    where those would be a tenth padding or more, and attention over wider rows costs less than that."""
    max_length: int | None = None
    """Tokens a training text is cut to; none: what the task or the model allows."""
    weight_decay: float = 0.01
    """Decay of the weights, >= 0; norms and biases have none."""
    warmup: float = 0.06
    """Share of the steps in which the learning rate rises, in [0, 1)."""
    schedule: str = "linear"
    """How the learning rate falls: linear, cosine or constant."""
    class_weights: str = "none"
    """none; balanced: rare labels count as much as common ones; or what labels count, such as rare=3,common=1, a label that
    isn't named 1."""
    label_smoothing: float = 0.0
    """Share of the target spread over all labels, in [0, 1)."""
    focal_gamma: float = 0.0
    """Gamma of the focal loss, >= 0: a text the model is right about with probability p counts (1 - p)^gamma. 2 is the
    paper's; 0: plain cross-entropy."""
    freeze: float = 0.0
    """Share of the layers, from below and with the embeddings, that stay as they are, in [0, 1]; it saves time."""
    top_layers: int | None = None
    """Train only so many layers, counted from the top, and the head, >= 0; the same as freeze, by number. none: what freeze
    says."""
    lora_rank: int = 0
    """Rank of the LoRA matrices; 0: train the weights themselves."""
    dora: bool = False
    """DoRA: LoRA turns the direction of each weight and its size is learned apart; slower, and nearer to full training at
    small ranks."""
    early_stopping: int = 0
    """Stop after so many evaluations on the select split without a better score, and keep the best; 0: never."""
    evaluations: int | None = None
    """Evaluations on the select split over the whole training; none: 10 where early stopping asks for them."""
    dropout: bool = True
    """Whether the model's own dropout is at work."""
    precision: str = "auto"
    """auto, fp32 or bf16: what is computed in; the weights stay fp32."""

    chat_template: str | None = None
    """Of dialogues, for a model without a chat template: plain, or a file with a Jinja template; it is saved in the tokenizer."""

    @property
    def files(self) -> tuple[str, ...]:
        named = self.chat_template and Path(self.chat_template).expanduser()
        return (str(named),) if named and named.is_file() else ()

    def __post_init__(self) -> None:
        check_training(self)
        if self.class_weights not in ("none", "balanced"):
            parse_weights(self.class_weights)
        require(0 <= self.label_smoothing < 1, f"label_smoothing must be in [0, 1), got {self.label_smoothing}")
        require(0 <= self.focal_gamma < math.inf, f"focal_gamma must be >= 0, got {self.focal_gamma:g}")
        require(
            not (self.focal_gamma and self.label_smoothing),
            "focal_gamma and label_smoothing pull against each other: one trusts hard texts, the other doubts them; choose one",
        )
        require(0 <= self.freeze <= 1, f"freeze must be in [0, 1], got {self.freeze}")
        top = self.top_layers
        require(top is None or top >= 0, f"top_layers must be >= 0, got {top}")
        require(
            top is None or not self.freeze,
            "freeze and top_layers both say which layers stay as they are; give one of them",
        )
        require(self.lora_rank >= 0, f"lora_rank must be >= 0, got {self.lora_rank}")
        require(not self.dora or self.lora_rank > 0, "dora needs a rank, such as lora_rank=8")
        require(self.early_stopping >= 0, f"early_stopping must be >= 0, got {self.early_stopping}")
        asked = self.evaluations
        require(asked is None or asked >= 1, f"evaluations must be >= 1, got {asked}")

    def apply(self, model: Model, run: Run) -> Model:
        import torch

        from llamita.learn._parts import add_lora, frozen_below, merge_lora, share_below
        from llamita.train.examples import labelled_split

        split = labelled_split(run, "learn.finetune")
        assert run.task is not None
        torch.manual_seed(run.seed)
        self._prepare(model, run.task)
        model = run.task.fit_head(model)
        share = self.freeze if self.top_layers is None else share_below(model.module, self.top_layers)
        with frozen_below(model.module, share):
            adapted = add_lora(model.module, self.lora_rank, dora=self.dora) if self.lora_rank else None
            self._train(model, split, run)
            if adapted is not None:
                model.module = merge_lora(adapted)
        return model

    def _prepare(self, model: Model, task: Task) -> None:
        """Refuse what the kind of task has no use for, and put the chat template where it belongs."""
        if not isinstance(task, Worded):
            require(self.chat_template is None, "chat_template is about dialogues (--task chat); leave it out")
            return
        from llamita.train.dialogues import give_template

        require(
            self.class_weights == "none" and not self.focal_gamma,
            "class_weights and focal_gamma are about labels, and dialogues have none; leave them out",
        )
        give_template(model, self.chat_template)

    def _train(self, model: Model, split: Split, run: Run) -> None:
        from llamita.core.hardware import use_bf16
        from llamita.train.judge import select_score
        from llamita.train.loop import fit
        from llamita.train.pace import default_learning_rate

        assert run.task is not None
        bf16 = use_bf16(self.precision, run.device)
        asked = self.evaluations or (EVALUATIONS if self.early_stopping else 0)
        judge = select_score(model, run, bf16=bf16) if asked else None
        (source, batches, at_once), loss = self._source(model, split, run)
        settings = loop_settings(
            self, default_learning_rate(model, lora=self.lora_rank > 0), patience=self.early_stopping,
            evaluations=asked, at_once=at_once,
        )  # fmt: skip
        fit(model, source, batches, loss, settings, run, judge)

    def _source(self, model: Model, split: Split, run: Run) -> tuple[tuple[BatchSource, list[Any], int], Loss]:
        """What is trained on and how it is arranged, and the loss."""
        from llamita.train.examples import Examples, encode
        from llamita.train.language import LanguageLoss
        from llamita.train.packed import arranged

        task = run.task
        assert task is not None
        if isinstance(task, Worded):
            rows = task.examples(model, split, self.max_length)
            return arranged(self, model, rows, run), LanguageLoss(smoothing=self.label_smoothing)
        model.encoder.warn_of_unknown(split.texts)
        encoded = encode(model, split.texts, task, self.max_length)
        examples = Examples(encoded=encoded, targets={"gold": task.gold(split)})
        return arranged(self, model, examples, run), self._loss(task, split, run.device)

    def _loss(self, task: Task, split: Split, device: str) -> Loss:
        import torch

        from llamita.train.losses import losses_of

        given = weights_of(self.class_weights, task, split)
        weights = None if given is None else torch.as_tensor(given, device=device)
        of_gold = losses_of(task).gold

        def loss(outputs, inputs, targets):
            return {"loss": of_gold(outputs.logits, targets["gold"], weights, self.label_smoothing, self.focal_gamma)}

        return loss
