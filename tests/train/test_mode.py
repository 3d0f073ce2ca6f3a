"""How a module is set while it trains: the same gradients, and everything as before afterwards."""

import os
import shutil
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tests.families import tiny_model
from torch.nn import functional

from llamita.train.mode import (
    DRAWN,
    GAPS,
    LONGEST_EAGER,
    Freed,
    _resident_bytes,
    kept_and_scaled,
    memory_kept,
    quick_dropout,
    set_to_train,
)


@pytest.mark.parametrize("family", ["llama", "bert", "bart"])
def test_gradients_are_those_of_fused_attention(family):
    module = tiny_model(family, labels=("a", "b")).module.eval()
    ids = torch.randint(5, 50, (3, 9), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    if family == "bart":  # it reads the one end of each text
        ids[ids == module.config.eos_token_id] = 4
        ids[:, -1] = module.config.eos_token_id
        mask[1, -1] = 1

    def gradients():
        module.zero_grad()
        module(input_ids=ids, attention_mask=mask).logits.square().sum().backward()
        return {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}

    before = gradients()
    with set_to_train(module, 9):
        assert module.config._attn_implementation == "eager"
        plain = gradients()
    assert module.config._attn_implementation == "sdpa"
    assert before.keys() == plain.keys()
    for name, gradient in before.items():
        torch.testing.assert_close(
            gradient, plain[name], atol=1e-4, rtol=1e-4, msg=lambda told, name=name: f"{name}: {told}"
        )


def test_long_texts_keep_the_fused_kernel_and_the_cache_comes_back():
    module = tiny_model("llama", labels=("a", "b")).module
    cache = module.config.use_cache
    with set_to_train(module, LONGEST_EAGER + 1):
        assert module.config._attn_implementation == "sdpa"
        assert not module.config.use_cache
    assert module.config.use_cache == cache


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_drops_as_often_as_asked_and_keeps_the_mean(p: float, dtype: torch.dtype):
    torch.manual_seed(0)
    given = torch.ones(700, 301, dtype=dtype, requires_grad=True)  # no multiple of four
    with quick_dropout():
        found = torch.nn.Dropout(p)(given)
    number = found.numel()
    dropped = round(p * DRAWN) / DRAWN
    spread = 4 * (dropped * (1 - dropped) / number) ** 0.5
    assert float((found == 0).float().mean()) == pytest.approx(dropped, abs=spread)
    kept = found[found != 0].detach()
    assert len(kept.unique()) == 1
    assert float(kept[0]) == pytest.approx(1 / (1 - dropped), rel=1e-5 if dtype == torch.float32 else 4e-3)
    found.sum().backward()
    assert torch.equal(given.grad, found.detach()), "what was dropped has no gradient"
    rows, columns = (found == 0).float().mean(1), (found == 0).float().mean(0)
    for shares, n in ((rows, 301), (columns, 700)):  # no place is favoured
        assert float(shares.std()) == pytest.approx((dropped * (1 - dropped) / n) ** 0.5, rel=0.15)


def test_each_of_the_four_numbers_of_a_word_is_drawn_alike():
    torch.manual_seed(1)
    found = kept_and_scaled(torch.empty(400_000), DRAWN // 4).view(-1, 4) == 0
    assert found.float().mean(0).tolist() == pytest.approx([0.25] * 4, abs=0.006)
    together = found.float().T.corrcoef() - torch.eye(4)
    assert float(together.abs().max()) < 0.015


def test_dropout_is_a_function_of_the_seed_and_the_stock_one_comes_back():
    stock = torch.nn.functional.dropout
    given = torch.ones(50, 50)
    with quick_dropout():
        found = []
        for seed in (3, 3, 4):
            torch.manual_seed(seed)
            found.append(torch.nn.functional.dropout(given, 0.3))
        assert torch.equal(found[0], found[1])
        assert not torch.equal(found[0], found[2])
        assert torch.equal(torch.nn.functional.dropout(given, 0.3, training=False), given)
        assert torch.equal(torch.nn.functional.dropout(given, 0.0), given)
        assert torch.nn.functional.dropout(given, 1.0).sum() == 0
        inplace = given.clone()
        assert torch.nn.functional.dropout(inplace, 0.3, inplace=True) is inplace
    assert torch.nn.functional.dropout is stock


@pytest.mark.parametrize(("kept", "names"), [(True, [-3, -1]), (False, [-3])])
def test_freed_memory_is_kept_or_given_back(kept, names, monkeypatch):
    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(
        "ctypes.CDLL",
        lambda _: SimpleNamespace(
            mallopt=lambda *pair: set_to.append(pair), malloc_trim=lambda _: set_to.append((0, 0))
        ),
    )
    with memory_kept(kept):
        assert [name for name, _ in set_to] == names
        assert (set_to[0][1] > 1 << 29) is kept
    assert set_to[-1] == (0, 0)


def test_gaps_between_freed_blocks_are_given_back_once_they_have_grown_and_not_at_each_step(monkeypatch):
    given_back: list[int] = []
    held = [3, 2, 2.9, 3.1, 3.1, 3.2, 2.5, 3.4, 3.6, 2]  # gigabytes after each step
    left = held.copy()
    monkeypatch.setattr("llamita.train.mode.BETWEEN", 3)
    monkeypatch.setattr("llamita.train.mode._resident_bytes", lambda: int(left.pop(0) * GAPS))
    freed = Freed(SimpleNamespace(malloc_trim=lambda _: given_back.append(len(held) - len(left))))
    for _ in held:
        freed.after_step()
    assert given_back == [6, 9]  # beyond a gigabyte since the fourth step
    Freed().after_step()  # elsewhere than with glibc nothing is asked


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc here")
def test_what_is_held_is_what_the_kernel_says():
    status = Path("/proc/self/status").read_text(encoding="ascii")
    told = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))
    assert _resident_bytes() == pytest.approx(told, rel=0.1)


@pytest.mark.skipif(shutil.which(os.environ.get("CXX", "g++")) is None, reason="no C++ compiler here")
def test_compiled_dropout_draws_what_plain_dropout_draws_each_time_anew() -> None:
    def twice(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return functional.dropout(x, 0.25, True), functional.dropout(x * 3, 0.25, True)

    found = []
    with quick_dropout():
        for compiled in (False, True):
            x = torch.ones(40, 50, requires_grad=True)
            torch.manual_seed(5)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", category=DeprecationWarning)  # in the compiler's own modules
                first, second = (torch.compile(twice) if compiled else twice)(x)
            (first.sum() + 2 * second.sum()).backward()
            found.append((first.detach(), second.detach(), x.grad))
    (first, second, gradient), quick = found
    assert not torch.equal(first > 0, second > 0)
    torch.testing.assert_close(gradient, first + 2 * second)
    assert all(torch.equal(one, other) for one, other in zip(quick, (first, second, gradient), strict=True))
