"""Claim: on a CPU, short texts train faster with plain attention than with torch's fused kernel.

    python bench/attention.py                 time both of our real models; about two minutes on 2 cores

Forward and backward pass of a batch in bf16 autocast where the machine is fast at it; the kinds of attention take turns,
round by round, in one process. Rows: torch's fused kernel (Transformers' default), its MATH backend, plain ("eager").
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from llamita.core.hardware import has_fast_bf16, machine, num_cores, versions
from llamita.core.model import Model
from llamita.core.sources import locate
from llamita.core.statistics import ratio_interval

OUT = Path(__file__).parent / "results" / "attention.json"
KINDS: dict[str, tuple[str, Callable[[], Any]]] = {
    "fused": ("sdpa", nullcontext), "math": ("sdpa", lambda: sdpa_kernel(SDPBackend.MATH)), "plain": ("eager", nullcontext),
}  # fmt: skip
SHAPES = ((32, 36), (16, 256), (8, 512))
"""Texts in a batch, tokens in a text."""


def seconds(model: Model, kind: str, ids: torch.Tensor) -> float:
    """One forward and backward pass."""
    implementation, context = KINDS[kind]
    model.module.set_attn_implementation(implementation)
    mask = torch.ones_like(ids)
    mask[1::2, ids.shape[1] * 3 // 4 :] = 0
    began = time.perf_counter()
    with context(), torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bf16()):
        hidden = model.module.base_model(input_ids=ids, attention_mask=mask)[0]
    hidden.float().square().mean().backward()
    taken = time.perf_counter() - began
    model.module.zero_grad(set_to_none=True)
    return taken


def rows(name: str, rounds: int) -> list[dict[str, Any]]:
    """Seconds of each kind, and how many times as fast as the fused one it is, with its interval over rounds."""
    model = Model.load(locate(name))
    model.module.eval()
    found = []
    for texts, tokens in SHAPES:
        ids = torch.randint(1000, 5000, (texts, tokens), generator=torch.Generator().manual_seed(0))
        taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for turn in range(rounds + 1):
            for kind in KINDS:
                once = seconds(model, kind, ids)
                if turn:
                    taken[kind].append(once)
        for kind, times in taken.items():
            ratio = ratio_interval(np.array(taken["fused"]), np.array(times))
            found.append(
                {"model": name, "texts": texts, "tokens": tokens, "attention": kind, "seconds": float(np.median(times)),
                 "speed": ratio.value, "interval": ratio.interval if kind != "fused" else None, "rounds": rounds}
            )  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    args = parser.parse_args()
    torch.set_num_threads(num_cores())
    found = [row for name in ("smollm2", "minilm") for row in rows(name, args.rounds)]
    print(f"{'model':10}{'batch':>10}  {'attention':10}{'seconds':>9}{'times as fast':>16}")
    for row in found:
        low, high = row["interval"] or (1, 1)
        shape = f"{row['texts']} x {row['tokens']}"
        print(
            f"{row['model']:10}{shape:>10}  {row['attention']:10}{row['seconds']:9.3f}{row['speed']:6.2f} [{low:.2f}, {high:.2f}]"
        )
    result = {"command": "python bench/attention.py", "rows": found, "machine": machine(), "versions": versions()}
    OUT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
