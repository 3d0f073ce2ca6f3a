"""Root mean square norms: the formula's numbers and gradients, for the families that have them and for no other."""

import copy

import pytest
import torch
from tests.families import tiny_model
from torch import nn

from llamita.train.norms import RootMeanSquare, quick_norms

WITH_NORMS = ("llama", "mistral", "qwen2", "qwen3", "gemma3_text")


class Stock(nn.Module):
    """A norm as Llama writes it."""

    def __init__(self, width: int):
        super().__init__()
        self.weight, self.variance_epsilon = nn.Parameter(torch.linspace(0.5, 2, width)), 1e-6

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


def test_a_norm_by_hand():
    x = torch.tensor([[3.0, 4.0]])  # its mean square is 12.5
    found = RootMeanSquare.apply(x, torch.tensor([1.0, 2.0]), 0.0)
    torch.testing.assert_close(found, torch.tensor([[3.0, 8.0]]) / 12.5**0.5)


def test_gradients_are_those_of_small_differences():
    drawn = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 5, dtype=torch.float64, generator=drawn, requires_grad=True)
    scale = torch.randn(5, dtype=torch.float64, generator=drawn, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, scale: RootMeanSquare.apply(x, scale, 1e-3), (x, scale))
    assert torch.autograd.gradcheck(lambda x: RootMeanSquare.apply(x, scale.detach(), 1e-3), (x,))
    assert torch.autograd.gradcheck(lambda scale: RootMeanSquare.apply(x.detach(), scale, 1e-3), (scale,))


def test_nothing_but_zeros_gives_zeros_and_finite_gradients():
    x = torch.zeros(2, 4, requires_grad=True)
    found = RootMeanSquare.apply(x, torch.ones(4), 1e-6)
    found.sum().backward()
    assert not found.any()
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("family", WITH_NORMS)
def test_a_familys_logits_and_gradients_stay(family: str, bf16: bool, monkeypatch: pytest.MonkeyPatch):
    module = tiny_model(family).module.eval()
    ids = torch.randint(5, 50, (3, 9), generator=torch.Generator().manual_seed(0))
    times = 0

    def found() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        module.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = module(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        logits.float().square().sum().backward()
        return logits.detach(), {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}

    def counted(*given: object) -> torch.Tensor:
        nonlocal times
        times += 1
        return apply(*given)

    logits, gradients = found()
    apply = RootMeanSquare.apply
    with quick_norms(module):
        monkeypatch.setattr(RootMeanSquare, "apply", counted)
        quick, of_quick = found()
    # What a product in bf16 gives stays with the family: norms of queries and keys, and of Gemma after a block.
    own = {"qwen3": 2 * 2, "gemma3_text": 4 * 2}.get(family, 0) if bf16 else 0
    norms = sum(type(part).__name__.endswith("RMSNorm") for part in module.modules())
    assert times == norms - own
    close = {"rtol": 0.05, "atol": 0.05} if bf16 else {"rtol": 1e-4, "atol": 1e-5}
    torch.testing.assert_close(quick, logits, **close)
    assert gradients.keys() == of_quick.keys()
    for name, gradient in gradients.items():
        apart = (gradient - of_quick[name]).norm() / (gradient.norm() + 1e-6)
        assert apart < (0.05 if bf16 else 1e-4), name


@pytest.mark.parametrize("family", ["bert", "gpt2", "bart"])
def test_layer_norms_are_let_be(family: str):
    module = tiny_model(family).module
    stock = {type(part): type(part).forward for part in module.modules()}
    with quick_norms(module):
        assert all(kind.forward is forward for kind, forward in stock.items())


def test_a_norm_of_another_formula_is_let_be():
    class Halved(Stock):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) / 2

    stock = Halved.forward
    with quick_norms(Halved(4)):
        assert Halved.forward is stock


def test_other_types_are_the_familys_own():
    part, x = Stock(4), torch.randn(2, 4, dtype=torch.bfloat16)
    own = part(x)
    with quick_norms(part):
        assert torch.equal(part(x), own)
        assert part(x.float()).grad_fn.name() == "RootMeanSquareBackward"


def test_a_copy_made_inside_learns_by_its_own_weights():
    part = Stock(4)
    with quick_norms(part):
        twin = copy.deepcopy(part)
        twin(torch.ones(1, 4)).sum().backward()
    assert part.weight.grad is None
    assert twin.weight.grad is not None


def test_the_familys_code_comes_back_after_a_failure():
    stock = Stock.forward

    def stopped() -> None:
        part = Stock(4)
        with quick_norms(part):
            assert Stock.forward is not stock
            part(torch.ones(1, 5))

    with pytest.raises(RuntimeError, match="size"):
        stopped()
    assert Stock.forward is stock
