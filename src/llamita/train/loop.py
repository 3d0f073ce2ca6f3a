"""The training loop: transformers.Trainer over a flat list of ready batches, resumed exactly after a kill.

The training is one pass over all batches of all epochs, in an order settled before it starts; dropout is drawn anew for
each step from (seed, step, process). So a checkpoint needs only weights, optimizer and step, and to resume is to skip.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from llamita.core import processes
from llamita.core.errors import require
from llamita.core.hardware import use_bf16
from llamita.train.accumulation import num_parts, outputs_in_parts
from llamita.train.checkpoint import Checkpoints, training_key
from llamita.train.compiling import compiled_where_it_pays
from llamita.train.examples import BatchSet, BatchSource
from llamita.train.keeper import Keeper
from llamita.train.mode import Freed, memory_kept, quick_dropout, set_to_train
from llamita.train.pace import steps_between_checkpoints
from llamita.train.rows import rows_in_use
from llamita.train.settings import LoopSettings
from llamita.train.sharding import kept_from_accelerate, own_part, shard, total_norm, twin_to_shard
from llamita.train.shares import Counted, gathered_outputs, weighted_parts
from llamita.train.teacher import folder_fingerprint

if TYPE_CHECKING:
    from torch import Tensor

    from llamita.core.context import Run
    from llamita.core.model import Model

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
    processes.check_sharding()
    model.changed()
    model.module.to(run.device)
    if isinstance(loss, nn.Module):
        loss.to(run.device)
    longest, shared = int(max(examples.lengths)), processes.shares_weights()
    with (
        rows_in_use(model.module, examples, model.encoder.pad_id), memory_kept(not shared) as freed, quick_dropout(),
        set_to_train(model.module, longest), twin_to_shard(model) if shared else nullcontext(),
    ):  # fmt: skip
        learner = Learner(model.module, examples, loss, settings, use_bf16(settings.precision, run.device))
        keeper = _keeper(learner, batches, run, evaluate)
        keeper.resume()
        if not keeper.is_done:
            every = BatchSet(model, examples, batches)
            of_texts = [np.asarray(examples.lengths)[batch] for batch in batches]
            with kept_from_accelerate(), compiled_where_it_pays(learner, every.__getitem__, of_texts, run.compile):
                _train(learner, BatchSet(model, examples, batches[keeper.start :]), keeper, run, freed)
        keeper.finish()
    model.module.eval()
    return model


def _keeper(learner: Learner, batches: Sequence[np.ndarray], run: Run, evaluate: Callable[[], float] | None) -> Keeper:
    parameters = trained_parameters(learner)
    require(bool(parameters), "nothing to train: every parameter is frozen; lower freeze")
    lengths = np.asarray(learner.source.lengths)
    how = (learner.settings, type(learner.source).__name__, getattr(learner.source, "digest", ""), *_learned_from(run))
    key = training_key(how, list(batches), lengths, parameters, run.seed)
    checkpoints = Checkpoints(folder=run.folder / "checkpoints", key=key)
    if processes.shares_weights():
        rank, ranks = learner.process
        shard(learner, learner.module, run.device)
        parameters = trained_parameters(learner)
        checkpoints = Checkpoints(folder=checkpoints.folder / f"share-{rank + 1}-of-{ranks}", key=key, each=True)
    useful = [int(lengths[batch].sum()) for batch in batches]
    keeper = Keeper(learner, parameters, checkpoints, useful, run, evaluate)
    if not keeper.save_every:
        keeper.save_every = steps_between_checkpoints(learner.module, sum(useful) / len(useful), run.device)
    return keeper


def trained_parameters(learner: Learner) -> dict[str, nn.Parameter]:
    """Those of the module and of the loss that require gradients, by name."""
    return {name: p for name, p in learner.named_parameters() if p.requires_grad}


def _learned_from(run: Run) -> tuple[str, ...]:
    """What the texts, their labels and the teacher are; lengths alone would take others for them."""
    texts = run.task.training_fingerprint if run.task else ""
    return texts, folder_fingerprint(run.teacher) if run.teacher and run.teacher.is_dir() else ""


def _train(learner: Learner, data: BatchSet, keeper: Keeper, run: Run, freed: Freed) -> None:
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
    trainer.first_step, trainer.freed = keeper.start, freed
    for unwanted in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(unwanted)
    try:
        trainer.train()
    finally:
        keeper.close()


class Loop(Trainer):
    """The one Trainer: ready batches in order, and dropout that is a function of (seed, step, process)."""

    first_step = 0
    freed = Freed()

    def get_train_dataloader(self) -> DataLoader:
        """Every process goes through all batches and takes its part of each."""
        return DataLoader(self.train_dataset, batch_size=1, collate_fn=lambda items: items[0])

    def _clip_grad_norm(self, model: nn.Module) -> Tensor:
        """As the stock one, but gradients that are short enough aren't read and written once more."""
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        norm = total_norm(gradients)
        share = self.args.max_grad_norm / (norm + 1e-6)
        if share < 1:
            torch._foreach_mul_([own_part(gradient) for gradient in gradients], share)
        return norm

    def training_step(self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Tensor:
        step = self.first_step + self.state.global_step
        parts = (self.args.seed, step, self.args.process_index)
        torch.manual_seed(int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1))
        loss = super().training_step(model, inputs, num_items_in_batch)
        self.freed.after_step()
        return loss


class Learner(nn.Module):
    """The module and the loss as one, so that whatever wraps the model also sees the loss's own parameters."""

    accepts_loss_kwargs = False

    def __init__(
        self, module: nn.Module, source: BatchSource, loss: Loss | nn.Module, settings: LoopSettings, bf16: bool
    ):
        super().__init__()
        self.module, self.source, self.loss, self.settings, self.bf16 = module, source, loss, settings, bf16
        self.process = (processes.process_rank(), processes.num_processes())
        weights = [(part, list(part.parameters())) for part in module.modules()]
        self.frozen = tuple(part for part, own in weights if own and not any(p.requires_grad for p in own))
        self.sums: dict[str, Tensor] = {}
        self.tokens = 0

    def train(self, mode: bool = True) -> Learner:
        """Without dropout the module trains as it predicts: none of our families has another layer that differs.

        So do parts that are frozen whole, where dropout would be noise that nothing learns from.
        """
        super().train(mode)
        if not self.settings.dropout:
            self.module.eval()
        for part in self.frozen:
            part.eval()
        return self

    def forward(self, inputs: dict[str, Any], targets: dict[str, Any]) -> dict[str, Tensor]:
        parts, share = self._parts(inputs, targets)
        for name, value in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach() * share
        self.tokens += inputs["input_ids"].numel()
        return {"loss": parts["loss"] * (share * self.process[1])}

    def _parts(self, inputs: dict[str, Any], targets: dict[str, Any]) -> tuple[dict[str, Tensor], Any]:
        """The loss's parts, and the share of the batch's loss that they are of those of all processes."""
        ranks = self.process[1]
        number = num_parts(inputs, self.settings.at_once, ranks)

        def outputs(own: Mapping[str, Any]) -> Any:
            return outputs_in_parts(self.source, self._outputs, own, number)

        if ranks == 1:
            return self.loss(outputs(inputs), inputs, targets), 1
        if isinstance(self.loss, Counted):
            return weighted_parts(self.source, self.loss, outputs, (inputs, targets), self.process)
        gathered = gathered_outputs(self.source, outputs, inputs, self.process)
        return self.loss(gathered, inputs, targets), 1 / ranks

    def _outputs(self, inputs: Mapping[str, Any]) -> Any:
        extra = {"output_hidden_states": True} if self.settings.hidden_states else {}
        with torch.autocast(inputs["input_ids"].device.type, torch.bfloat16, enabled=self.bf16):
            return self.source.outputs(self.module, inputs, **extra)

    def taken_sums(self) -> dict[str, float]:
        """The sums of the loss's parts since they were last taken, over all processes."""
        names, values = list(self.sums), [float(value) for value in self.sums.values()]
        self.sums.clear()
        if self.process[1] > 1:
            held = torch.tensor(values, dtype=torch.float64)
            torch.distributed.all_reduce(held)
            values = held.tolist()
        return dict(zip(names, values, strict=True))
