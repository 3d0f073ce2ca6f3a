"""What stands beside the steps of a training: metrics, scores, the best weights, stopping early, checkpoints."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from transformers import TrainerCallback

from llamita.core import processes
from llamita.core.errors import UserError
from llamita.core.whole import write_whole
from llamita.train.checkpoint import Checkpoints
from llamita.train.pace import rate_share
from llamita.train.progress import progress_bar
from llamita.train.rows import UsedRows
from llamita.train.settings import LoopSettings
from llamita.train.sharding import load_moments, own_moments, own_part, root_gathered
from llamita.train.track import Log, open_tracker

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.train.loop import Learner

log = logging.getLogger(__name__)
TOLD_EVERY = 60.0
"""Seconds between lines of the log about a training whose bar nobody sees, at least."""


class Keeper(TrainerCallback):
    """Watches the steps: writes metrics, asks for scores, keeps the best weights, stops early, writes checkpoints."""

    def __init__(
        self,
        learner: Learner,
        parameters: dict[str, nn.Parameter],
        checkpoints: Checkpoints,
        useful_tokens: Sequence[int],
        run: Run,
        evaluate: Callable[[], float] | None,
    ):
        """`useful_tokens` says for each step of the training how many tokens of texts it holds."""
        self.learner, self.parameters = learner, parameters
        self.settings = settings = learner.settings
        self.checkpoints, self.run, self.evaluate = checkpoints, run, evaluate
        self.total = total = len(useful_tokens)
        self.useful_tokens = np.cumsum(useful_tokens)
        self.optimizer = make_optimizer(parameters, settings)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: rate_share(step, total, settings.warmup, settings.schedule)
        )
        self.rows = next((part for part in learner.modules() if isinstance(part, UsedRows)), None)
        if self.rows is not None:
            shares = (rate_share(step, total, settings.warmup, settings.schedule) for step in range(total))
            self.rows.plan([settings.learning_rate * share for share in shares], settings.weight_decay)
        asked = settings.evaluations if evaluate else 0
        self.judged_at = {math.ceil(total * (i + 1) / asked) for i in range(asked)}
        self.log_every = settings.log_every or math.ceil(total / 50)
        self.save_every = settings.checkpoint_every
        self.records: list[dict[str, float]] = []
        self.start, self.since = 0, 0
        self.bar: Any = None
        self.send: Log = lambda line: None
        self.end_sending: Callable[[], None] = lambda: None
        self.began, self.told = 0.0, 0.0

    @property
    def is_done(self) -> bool:
        return self.start >= self.total

    def resume(self) -> None:
        """Take up the last checkpoint, if there is one."""
        state = self.checkpoints.load()
        if state is None:
            return
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                own_part(parameter).copy_(state["parameters"][name])
        load_moments(self.optimizer, state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.records = json.loads(state["records"])
        self.learner.tokens = int(next(r["tokens"] for r in reversed(self.records) if "tokens" in r))
        self.start = self.since = state["step"]
        log.info("training goes on from step %d of %d", self.start, self.total)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar = progress_bar(self.total, "training", done=self.start)
        if self.run.track and processes.is_first():
            self.send, self.end_sending = open_tracker(
                self.run.track, self.run.folder, asdict(self.settings), self.start
            )
        self.began = self.told = time.perf_counter()

    def close(self) -> None:
        """End the bar and what is sent, after a training that broke off, too: a tracker left open would refuse the next one."""
        if self.bar is not None:
            self.bar.close()
        self.end_sending()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Everything but the step itself happens here, in this order: note the loss, judge, keep."""
        step = self.start + state.global_step
        self.bar.update(1)
        last, saves = step >= self.total, step % self.save_every == 0
        if last or saves or step in self.judged_at or step % self.log_every == 0:
            self._note_losses(step)
        if step in self.judged_at and self._judge(step):
            control.should_training_stop = True
        if saves and not last and not control.should_training_stop and self.checkpoints.saves:
            self._save(step)

    def _note_losses(self, step: int) -> None:
        means = {name: value / (step - self.since) for name, value in self.learner.taken_sums().items()}
        if not math.isfinite(means["loss"]):
            raise UserError(
                f"training diverged at step {step} of {self.total} (the loss is {means['loss']});"
                f" use a learning_rate below {self.settings.learning_rate:g}"
            )
        useful = int(self.useful_tokens[step - 1])
        tokens = {"tokens": self.learner.tokens, "useful_tokens": useful}
        self._write({"step": step, **means, "learning_rate": float(self.scheduler.get_last_lr()[0]), **tokens})
        here = useful - (int(self.useful_tokens[self.start - 1]) if self.start else 0)
        pace = here / (time.perf_counter() - self.began)
        self.bar.set_postfix_str(f"loss {means['loss']:.4f}, {pace:,.0f} tokens/s", refresh=False)
        self._tell(step, means["loss"], pace)
        self.since = step

    def _tell(self, step: int, loss: float, pace: float) -> None:
        """A line of the log every minute or so where nobody watches a bar: as in a file, or under nohup."""
        now = time.perf_counter()
        if not self.bar.disable or now - self.told < TOLD_EVERY or step == self.total:
            return
        self.told = now
        left = int(self.useful_tokens[-1] - self.useful_tokens[step - 1]) / pace
        log.info(
            "step %s of %s: loss %.4f, %s tokens/s, %s left", f"{step:,}", f"{self.total:,}", loss, f"{pace:,.0f}",
            timedelta(seconds=round(left)),
        )  # fmt: skip

    def _judge(self, step: int) -> bool:
        """Score the model, keep it if it is the best so far, and say whether patience has run out."""
        assert self.evaluate is not None
        self.learner.eval()
        self._decay_rest(step)
        with root_gathered(self.learner):
            score = processes.agreed(self.evaluate() if self.checkpoints.saves else None)
        self.learner.train()
        before = [record["score"] for record in self.records if "score" in record]
        self._write({"step": step, "score": score})
        if not self.settings.patience:
            return False
        if self.checkpoints.saves and (not before or score > max(before)):
            self.checkpoints.save_best({name: own_part(p) for name, p in self.parameters.items()})
        scores = [*before, score]
        return len(scores) - 1 - scores.index(max(scores)) >= self.settings.patience

    def _save(self, step: int) -> None:
        self.checkpoints.save(
            step,
            {
                "parameters": {name: own_part(p) for name, p in self.parameters.items()},
                "optimizer": own_moments(self.optimizer), "scheduler": self.scheduler.state_dict(),
                "records": json.dumps(self.records),
            },
        )  # fmt: skip

    def _write(self, record: dict[str, float]) -> None:
        """Add a line to the metrics; the file is written whole, so that a resumed one has no line twice."""
        self.records.append(record)
        self.send(record)
        if processes.is_first():
            write_whole(self.run.folder / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in self.records))

    def finish(self) -> None:
        """Return to the best weights, where early stopping asked for them."""
        processes.wait()
        self._decay_rest(self.records[-1]["step"])
        scored = [record for record in self.records if "score" in record]
        if self.settings.patience and scored:
            best = int(max(scored, key=lambda record: record["score"])["step"])
            log.info("the weights are those of step %s of %s, the best on select", f"{best:,}", f"{self.total:,}")
            self._decay_rest(best)
            with torch.no_grad():
                for name, value in self.checkpoints.load_best().items():
                    own_part(self.parameters[name]).copy_(value)

    def _decay_rest(self, step: float) -> None:
        if self.rows is not None:
            self.rows.decay_to(int(step))


def make_optimizer(parameters: Mapping[str, nn.Parameter], settings: LoopSettings) -> torch.optim.AdamW:
    """Fused AdamW without weight decay on norms and biases (tensors of one axis); the loss's own parts learn faster."""
    groups = []
    for own in (False, True):
        rate = settings.learning_rate * (settings.loss_rate if own else 1.0)
        part = [p for name, p in parameters.items() if name.startswith("loss.") == own]
        groups.append({"params": [p for p in part if p.ndim > 1], "lr": rate, "weight_decay": settings.weight_decay})
        groups.append({"params": [p for p in part if p.ndim <= 1], "lr": rate, "weight_decay": 0.0})
    return torch.optim.AdamW([group for group in groups if group["params"]], fused=True)
