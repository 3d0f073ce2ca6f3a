"""Root mean square norms that train in fewer passes over memory than the code of their families (Zhang and Sennrich, 2019)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

OFFSETS = (0.0, 1.0)
"""What a family adds to a norm's weights: nothing (Llama, Qwen, Mistral), or one (Gemma)."""


class RootMeanSquare(torch.autograd.Function):
    """x / sqrt(mean(x^2) + eps) * scale over the last dimension: float32 tensors of shapes (..., width) and (width,)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, eps: float) -> Tensor:
        inverse = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        normed = x * inverse
        ctx.save_for_backward(normed, scale, inverse)
        return normed * scale

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # pyrefly: ignore
        """Of y = n * s with n = x * r: ds = sum(dy * n), and dx = r * (dy * s - n * mean(dy * s * n))."""
        normed, scale, inverse = ctx.saved_tensors
        to_x, to_scale = ctx.needs_input_grad[:2]
        each = (gradient * normed).reshape(-1, scale.numel())
        with torch.autocast(gradient.device.type, enabled=False):
            along = torch.mv(each, scale).div_(scale.numel()).view(inverse.shape) if to_x else None
        changed = (gradient * scale).addcmul_(normed, along, value=-1).mul_(inverse) if along is not None else None
        return changed, each.sum(0) if to_scale else None, None


@contextmanager
def quick_norms(module: nn.Module) -> Generator[None]:
    """While inside, a CPU takes the module's root mean square norms by `RootMeanSquare`, wherever that gives the same numbers.

    A norm is known by its numbers, not its name: a class of parts with weights of one dimension and an epsilon is taken if its own
    answer to random numbers is that of the formula. Other types than float32 and other devices are left to the family's code.
    """
    taken: dict[type[nn.Module], Callable[..., Tensor]] = {}
    try:
        for part in module.modules():
            kind = type(part)
            if kind not in taken and (offset := _offset(part)) is not None:
                taken[kind] = kind.forward
                kind.forward = _quick(kind.forward, offset)  # type: ignore[method-assign]
        yield
    finally:
        for kind, stock in taken.items():
            kind.forward = stock  # type: ignore[method-assign]


def _quick(stock: Callable[..., Tensor], offset: float) -> Callable[..., Tensor]:
    def forward(self: nn.Module, x: Tensor) -> Tensor:
        weight = self.weight
        if (
            torch.compiler.is_compiling()
            or x.dtype != torch.float32
            or weight.dtype != torch.float32
            or x.device.type != "cpu"
        ):  # type: ignore[union-attr]
            return stock(self, x)
        return RootMeanSquare.apply(x, weight + offset if offset else weight, _epsilon(self))  # type: ignore[operator]

    return forward


def _epsilon(part: nn.Module) -> Any:
    return getattr(part, "variance_epsilon", None) or getattr(part, "eps", None)


def _offset(part: nn.Module) -> float | None:
    """What this norm adds to its weights; None for what isn't a root mean square norm in float32 on a CPU."""
    weight, eps = part._parameters.get("weight"), _epsilon(part)
    if weight is None or weight.dim() != 1 or len(part._parameters) > 1 or not isinstance(eps, float):
        return None
    if weight.dtype != torch.float32 or weight.device.type != "cpu":
        return None
    drawn = torch.randn(2, weight.numel(), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        own = part(drawn)
        for offset in OFFSETS:
            if torch.allclose(own, RootMeanSquare.apply(drawn, weight + offset, eps), rtol=1e-5, atol=1e-6):
                return offset
    return None
