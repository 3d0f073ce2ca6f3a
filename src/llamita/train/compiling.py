"""Layers compiled by torch's compiler for a training, where that is faster on this machine.

Each layer is compiled by itself, and layers of one kind share what is compiled (regional compilation, as torch calls it), so that
it takes half a minute and not several. Shapes stay open. What is compiled may depend on the batch that is seen first; so these are
the same ones whether a training begins or goes on, and it ends with the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import statistics
import time
import types
import warnings
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from llamita.core import processes
from llamita.core.architecture import layer_lists
from llamita.core.errors import UserError, first_line, require
from llamita.core.hardware import machine, versions
from llamita.core.whole import write_whole

if TYPE_CHECKING:
    from llamita.train.loop import Learner

log = logging.getLogger(__name__)
LEAST_WORK = 1e14
"""Floating-point operations of a training from which compiling, and finding out whether it pays, is small beside it."""
LEAST_GAIN = 1.1
ROUNDS = 3
MOST_KINDS = 64
"""Kinds of layers, and of calls of one, that are compiled before torch would give up."""
Batches = Callable[[int], dict[str, Any]]
"""A ready batch by its place in the training."""


@contextmanager
def compiled_where_it_pays(
    learner: Learner, batch: Batches, lengths: Sequence[np.ndarray], how: str
) -> Generator[bool]:
    """While inside, the layers train compiled, if that was asked for or pays; says whether they do.

    Whether it pays is measured once for a machine, versions, and the shape of a layer, in alternating steps, and kept in the user's
    cache folder; a training is long enough, or not, by its work and never by the clock.

    Args:
        batch: of the training, from its first on, whatever it goes on from.
        lengths: for each batch those of its texts.
        how: auto, on or off.

    Raises:
        UserError: compiling was asked for and can't be done here.
    """
    layers = [] if how == "off" else layers_to_compile(learner.module)
    if how == "on":
        require(processes.num_processes() == 1, "one process compiles its layers; leave --compile out with several")
    elif how == "auto" and (processes.num_processes() > 1 or _work(learner.module, lengths) < LEAST_WORK):
        layers = []
    verdict = Verdict(key=_key(learner, layers[0]) if layers else "")
    if not layers or (how == "auto" and verdict.known not in (None, "pays")):
        yield False
        return
    with Compiled(layers) as switch:
        trial = _Trial(learner, switch)
        try:
            with warnings.catch_warnings():  # torch's compiler warns of torch's own old code
                warnings.simplefilter("ignore")
                for place in _first_of_each_kind(lengths):
                    trial.step(batch(place))
                if how == "auto" and verdict.known is None:
                    trial.judge(batch(_middle(lengths)), verdict)
        except Exception as error:  # whatever a compiler can't do, a training can do without it
            if how == "on":
                raise UserError(
                    f"the layers can't be compiled here ({first_line(error)}); take --compile off"
                ) from None
            log.debug("layers aren't compiled: %s", error, exc_info=True)
            verdict.keep("fails")
        switch.on = how == "on" or verdict.known == "pays"
        yield switch.on


def layers_to_compile(module: nn.Module) -> list[nn.Module]:
    """Layers of which something is trained, and which run the code of their class."""
    every = [layer for layers in layer_lists(module) for layer in layers]  # type: ignore[arg-type]
    return [one for one in every if "forward" not in vars(one) and any(p.requires_grad for p in one.parameters())]


class Compiled:
    """While inside, these layers run compiled where gradients are taken and `on` is true.

    A layer's number, by which it finds its place in a cache of keys and values, is 0 in all of them meanwhile: in training there
    is no cache, and numbers that differ would have every layer compiled anew.
    """

    def __init__(self, layers: Iterable[nn.Module]):
        self.layers, self.on = list(layers), True
        self._undo = ExitStack()

    @cached_property
    def _quick(self) -> Callable[..., Any]:
        """Of a code object of its own, so that what other trainings compiled doesn't count towards torch's limit."""
        return torch.compile(types.FunctionType(_forward.__code__.replace(), globals()), dynamic=True)

    def __enter__(self) -> Compiled:
        import torch._dynamo.config
        import torch._inductor.config
        import torch.fx.experimental._config

        for layer in self.layers:
            for part in layer.modules():
                if isinstance(number := vars(part).get("layer_idx"), int):
                    self._undo.callback(setattr, part, "layer_idx", number)
                    part.layer_idx = 0  # type: ignore[assignment]
            layer.forward = self._forward_of(layer)
            self._undo.callback(delattr, layer, "forward")
        for patch in (
            torch._dynamo.config.patch(recompile_limit=MOST_KINDS, accumulated_recompile_limit=4 * MOST_KINDS),
            torch._inductor.config.patch(compile_threads=1),
            # sizes that are equal once needn't stay so
            torch.fx.experimental._config.patch(use_duck_shape=False),  # pyrefly: ignore
        ):
            self._undo.enter_context(patch)
        return self

    def __exit__(self, *failure: object) -> None:
        self._undo.close()

    def _forward_of(self, layer: nn.Module) -> Callable[..., Any]:
        stock = layer.forward

        def forward(states: Any, *given: Any, **named: Any) -> Any:
            # sizes of one are another kind to the compiler, too rare to be compiled
            if self.on and torch.is_grad_enabled() and min(states.shape[:2]) > 1:
                return self._quick(layer, states, *given, **named)
            return stock(states, *given, **named)

        return forward


def _forward(layer: nn.Module, *given: Any, **named: Any) -> Any:
    return type(layer).forward(layer, *given, **named)


class _Trial:
    """Steps of which nothing stays."""

    def __init__(self, learner: Learner, switch: Compiled):
        self.learner, self.switch = learner, switch

    def step(self, batch: dict[str, Any]) -> tuple[float, float]:
        """Seconds of a forward and backward pass, and the loss."""
        learner = self.learner
        sums, tokens = dict(learner.sums), learner.tokens
        learner.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            began = time.perf_counter()
            loss = learner(**batch)["loss"]
            loss.backward()
            spent = time.perf_counter() - began
        learner.zero_grad(set_to_none=True)
        learner.sums, learner.tokens = sums, tokens
        return spent, float(loss)

    def judge(self, batch: dict[str, Any], verdict: Verdict) -> None:
        """Compare steps with and without, by turns, and keep what came out."""
        taken: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        for _ in range(ROUNDS + 1):
            for self.switch.on in (False, True):
                taken[self.switch.on].append(self.step(batch))
        plain, quick = (loss for _, loss in (taken[False][0], taken[True][0]))
        slack = 0.2 if self.learner.settings.dropout else 0.02
        if not abs(quick - plain) <= slack * max(1.0, abs(plain)):
            log.warning("warning: compiled layers give another loss (%.4f, not %.4f) and aren't used", quick, plain)
            verdict.keep("differs")
            return
        gain = statistics.median(
            slow / fast for (slow, _), (fast, _) in zip(taken[False][1:], taken[True][1:], strict=True)
        )
        verdict.keep("pays" if gain >= LEAST_GAIN else "no gain", gain)
        if gain >= LEAST_GAIN:
            log.info("layers are compiled: %.2f times as fast in %d steps each", gain, ROUNDS)


def _work(module: nn.Module, lengths: Sequence[np.ndarray]) -> float:
    """Six operations for a parameter of the layers and a token."""
    body = sum(p.numel() for layers in layer_lists(module) for layer in layers for p in layer.parameters())  # type: ignore[arg-type]
    return 6.0 * body * sum(float(one.sum()) for one in lengths)


def _first_of_each_kind(lengths: Sequence[np.ndarray]) -> list[int]:
    """The batch of most tokens, of those with padding and of those without: these come to the layers with a mask or with none."""
    kinds: dict[bool, list[int]] = {}
    for place, one in enumerate(lengths):
        if len(one) > 1:
            kinds.setdefault(bool(np.ptp(one)), []).append(place)
    return [max(places, key=lambda place: (lengths[place].sum(), -place)) for _, places in sorted(kinds.items())]


def _middle(lengths: Sequence[np.ndarray]) -> int:
    """The batch of middling size."""
    order = sorted(range(len(lengths)), key=lambda place: (lengths[place].sum(), place))
    return order[len(order) // 2]


def _key(learner: Learner, layer: nn.Module) -> str:
    """Machine, versions, and what a step is made of."""
    config: Any = learner.module.config
    settings = learner.settings
    shapes = [(name, tuple(p.shape), p.requires_grad) for name, p in layer.named_parameters()]
    about = {
        "machine": {key: value for key, value in machine().items() if key != "memory_bytes"},
        "versions": {key: value for key, value in versions().items() if key in ("torch", "transformers")},
        "threads": torch.get_num_threads(), "family": config.model_type, "layer": shapes, "bf16": learner.bf16,
        "attention": getattr(config, "_attn_implementation", ""), "dropout": settings.dropout,
        "source": type(learner.source).__name__, "device": next(layer.parameters()).device.type,
    }  # fmt: skip
    return hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:24]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What compiling is worth on this machine for layers of one shape, kept where the user's caches are."""

    key: str

    @property
    def known(self) -> str | None:
        """What came out when it was measured: "pays", "no gain", "differs" or "fails"; None where it wasn't."""
        return _kept().get(self.key, {}).get("verdict")

    def keep(self, verdict: str, gain: float | None = None) -> None:
        """Keep it, if there is a place for it; else nothing is compiled."""
        told = _kept() | {self.key: {"verdict": verdict, "gain": gain, "torch": torch.__version__}}
        try:
            cache_file().parent.mkdir(parents=True, exist_ok=True)
            write_whole(cache_file(), json.dumps(told, indent=1))
        except OSError as error:
            log.debug("what compiling is worth isn't kept: %s", error)


def cache_file() -> Path:
    """The file of verdicts."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "llamita" / "compiled.json"


def _kept() -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(cache_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
