"""The training loop: transformers.Trainer over a flat list of ready batches, resumed exactly after a kill.

The training is one pass over all batches of all epochs, in an order settled before it starts; dropout is drawn anew for
each step from (seed, step, process). So a checkpoint needs only weights, optimizer and step, and to resume is to skip.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from llamita.core.errors import UserError, require
from llamita.core.hardware import use_bf16
from llamita.core.report import write_whole
from llamita.train.checkpoint import Checkpoints, training_key
from llamita.train.examples import BatchSet, BatchSource
from llamita.train.mode import set_to_train
from llamita.train.pace import rate_share, steps_between_checkpoints
from llamita.train.progress import progress_bar
from llamita.train.settings import LoopSettings

if TYPE_CHECKING:
    from torch import Tensor

    from llamita.core.context import Run
    from llamita.core.model import Model

log = logging.getLogger(__name__)

Loss = Callable[[Any, Mapping[str, Any], Mapping[str, Any]], "dict[str, Tensor]"]
"""From the module's outputs, its inputs and the targets to named parts; "loss" is what is minimised."""


def fit(
    model: Model,
    examples: BatchSource,
    batches: Sequence[np.ndarray],
    loss: Loss | nn.Module,
    settings: LoopSettings,
    run: Run,
    evaluate: Callable[[], float] | None = None,
) -> Model:
    """Train the model's parameters (and the loss's own) that require gradients; killed and called again, it goes on.

    Args:
        model: changed in place.
        examples: what the batches' indices point to, and how a batch is put to the module.
        batches: all batches in order; see `training_batches`.
        loss: a function, or a module with parameters of its own that are dropped afterwards.
        settings: of the loop.
        run: its folder takes `checkpoints/` and `metrics.jsonl`.
        evaluate: a score of the model as it stands (higher is better), for `evaluations`.
    """
    if not batches:
        return model
    model.changed()
    model.module.to(run.device)
    learner = Learner(model.module, examples, loss, settings, use_bf16(settings.precision, run.device))
    if isinstance(loss, nn.Module):
        loss.to(run.device)
    parameters = {name: p for name, p in learner.named_parameters() if p.requires_grad}
    require(bool(parameters), "nothing to train: every parameter is frozen; lower freeze")
    how = (settings, type(examples).__name__)
    key = training_key(how, list(batches), examples.lengths, parameters, run.seed)
    checkpoints = Checkpoints(folder=run.folder / "checkpoints", key=key)
    keeper = Keeper(learner, parameters, settings, checkpoints, len(batches), run, evaluate)
    keeper.plan_checkpoints(examples, batches)
    with set_to_train(model.module, int(max(examples.lengths))):
        keeper.resume()
        if not keeper.is_done:
            _train(learner, BatchSet(model, examples, batches[keeper.start :]), keeper, run)
        keeper.finish()
    model.module.eval()
    return model


def _train(learner: Learner, data: BatchSet, keeper: Keeper, run: Run) -> None:
    arguments = TrainingArguments(
        output_dir=str(run.folder / "checkpoints"), num_train_epochs=1, per_device_train_batch_size=1, seed=run.seed,
        use_cpu=run.device == "cpu", max_grad_norm=keeper.settings.clip, report_to="none", disable_tqdm=True,
        save_strategy="no", eval_strategy="no", logging_strategy="no", logging_nan_inf_filter=False,
        dataloader_pin_memory=False, remove_unused_columns=False,
    )  # fmt: skip
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1  # one process, one device: torchrun is the way to use several
    trainer = Loop(
        model=learner, args=arguments, train_dataset=data, callbacks=[keeper],
        optimizers=(keeper.optimizer, keeper.scheduler),
    )  # fmt: skip
    trainer.first_step = keeper.start
    for unwanted in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(unwanted)
    trainer.train()


class Loop(Trainer):
    """The one Trainer: ready batches in order, and dropout that is a function of (seed, step, process)."""

    first_step = 0

    def get_train_dataloader(self) -> DataLoader:
        loader = DataLoader(self.train_dataset, batch_size=1, collate_fn=lambda items: items[0])
        return self.accelerator.prepare(loader)

    def training_step(self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Tensor:
        step = self.first_step + self.state.global_step
        parts = (self.args.seed, step, self.args.process_index)
        torch.manual_seed(int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1))
        return super().training_step(model, inputs, num_items_in_batch)


class Learner(nn.Module):
    """The module and the loss as one, so that whatever wraps the model also sees the loss's own parameters."""

    accepts_loss_kwargs = False

    def __init__(
        self, module: nn.Module, source: BatchSource, loss: Loss | nn.Module, settings: LoopSettings, bf16: bool
    ):
        super().__init__()
        self.module, self.source, self.loss, self.bf16 = module, source, loss, bf16
        self.dropout, self.hidden_states = settings.dropout, settings.hidden_states
        self.sums: dict[str, Tensor] = {}

    def train(self, mode: bool = True) -> Learner:
        """Without dropout the module trains as it predicts: none of our families has another layer that differs."""
        super().train(mode)
        if not self.dropout:
            self.module.eval()
        return self

    def forward(self, inputs: dict[str, Any], targets: dict[str, Any]) -> dict[str, Tensor]:
        device = inputs["input_ids"].device.type
        extra = {"output_hidden_states": True} if self.hidden_states else {}
        with torch.autocast(device, torch.bfloat16, enabled=self.bf16):
            outputs = self.source.outputs(self.module, inputs, **extra)
        parts = self.loss(outputs, inputs, targets)
        for name, value in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach()
        return {"loss": parts["loss"]}


class Keeper(TrainerCallback):
    """Watches the steps: writes metrics, asks for scores, keeps the best weights, stops early, writes checkpoints."""

    def __init__(
        self,
        learner: Learner,
        parameters: dict[str, nn.Parameter],
        settings: LoopSettings,
        checkpoints: Checkpoints,
        total: int,
        run: Run,
        evaluate: Callable[[], float] | None,
    ):
        self.learner, self.parameters, self.settings = learner, parameters, settings
        self.checkpoints, self.total, self.run, self.evaluate = checkpoints, total, run, evaluate
        self.optimizer = make_optimizer(parameters, settings)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: rate_share(step, total, settings.warmup, settings.schedule)
        )
        asked = settings.evaluations if evaluate else 0
        self.judged_at = {math.ceil(total * (i + 1) / asked) for i in range(asked)}
        self.log_every = settings.log_every or math.ceil(total / 50)
        self.save_every = settings.checkpoint_every
        self.records: list[dict[str, float]] = []
        self.start, self.since = 0, 0
        self.bar: Any = None

    @property
    def is_done(self) -> bool:
        return self.start >= self.total

    def plan_checkpoints(self, examples: BatchSource, batches: Sequence[np.ndarray]) -> None:
        """Settle the steps between checkpoints, if the settings leave it open."""
        if not self.save_every:
            lengths = np.asarray(examples.lengths)
            tokens = sum(int(lengths[batch].max()) * len(batch) for batch in batches) / len(batches)
            self.save_every = steps_between_checkpoints(self.learner.module, tokens, self.run.device)

    def resume(self) -> None:
        """Take up the last checkpoint, if there is one."""
        state = self.checkpoints.load()
        if state is None:
            return
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(state["parameters"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.records = json.loads(state["records"])
        self.start = self.since = state["step"]
        log.info("training goes on from step %d of %d", self.start, self.total)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar = progress_bar(self.total, "training")
        self.bar.update(self.start)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar.close()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Everything but the step itself happens here, in this order: note the loss, judge, keep."""
        step = self.start + state.global_step
        self.bar.update(1)
        last, saves = step >= self.total, step % self.save_every == 0
        if last or saves or step in self.judged_at or step % self.log_every == 0:
            self._note_losses(step)
        if step in self.judged_at and self._judge(step):
            control.should_training_stop = True
        if saves and not last and not control.should_training_stop and state.is_world_process_zero:
            self._save(step)

    def _note_losses(self, step: int) -> None:
        means = {name: float(value) / (step - self.since) for name, value in self.learner.sums.items()}
        if not math.isfinite(means["loss"]):
            raise UserError(
                f"training diverged at step {step} of {self.total} (the loss is {means['loss']});"
                f" use a learning_rate below {self.settings.learning_rate:g}"
            )
        self._write({"step": step, **means, "learning_rate": float(self.scheduler.get_last_lr()[0])})
        self.bar.set_postfix(loss=f"{means['loss']:.4f}", refresh=False)
        self.learner.sums.clear()
        self.since = step

    def _judge(self, step: int) -> bool:
        """Score the model, keep it if it is the best so far, and say whether patience has run out."""
        assert self.evaluate is not None
        self.learner.eval()
        score = self.evaluate()
        self.learner.train()
        before = [record["score"] for record in self.records if "score" in record]
        self._write({"step": step, "score": score})
        if not self.settings.patience:
            return False
        if not before or score > max(before):
            self.checkpoints.save_best(self.parameters)
        scores = [*before, score]
        return len(scores) - 1 - scores.index(max(scores)) >= self.settings.patience

    def _save(self, step: int) -> None:
        self.checkpoints.save(
            step,
            {
                "parameters": {name: p.detach() for name, p in self.parameters.items()},
                "optimizer": self.optimizer.state_dict(), "scheduler": self.scheduler.state_dict(),
                "records": json.dumps(self.records),
            },
        )  # fmt: skip

    def _write(self, record: dict[str, float]) -> None:
        """Add a line to the metrics; the file is written whole, so that a resumed one has no line twice."""
        self.records.append(record)
        write_whole(self.run.folder / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in self.records))

    def finish(self) -> None:
        """Return to the best weights, where early stopping asked for them."""
        if self.settings.patience and any("score" in record for record in self.records):
            with torch.no_grad():
                for name, value in self.checkpoints.load_best().items():
                    self.parameters[name].copy_(value)


def make_optimizer(parameters: Mapping[str, nn.Parameter], settings: LoopSettings) -> torch.optim.AdamW:
    """Fused AdamW without weight decay on norms and biases (tensors of one axis); the loss's own parts learn faster."""
    groups = []
    for own in (False, True):
        rate = settings.learning_rate * (settings.loss_rate if own else 1.0)
        part = [p for name, p in parameters.items() if name.startswith("loss.") == own]
        groups.append({"params": [p for p in part if p.ndim > 1], "lr": rate, "weight_decay": settings.weight_decay})
        groups.append({"params": [p for p in part if p.ndim <= 1], "lr": rate, "weight_decay": 0.0})
    return torch.optim.AdamW([group for group in groups if group["params"]], fused=True)
