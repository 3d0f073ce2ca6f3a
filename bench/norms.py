"""Claim: a Llama's training step is a little faster with its norms taken in few passes over memory (train/norms.py).

    python bench/norms.py --rounds 70     SmolLM2 on SST-2's shape of batch; some five minutes on 2 cores

Forward and backward pass and AdamW of one batch, in bf16 autocast where the machine is fast at it, embeddings frozen; the family's
code and ours take turns, step by step, in one process.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from llamita.core.hardware import has_fast_bf16, machine, num_cores, versions
from llamita.core.model import Model
from llamita.core.sources import locate
from llamita.core.statistics import ratio_interval
from llamita.train.norms import quick_norms

OUT = Path(__file__).parent / "results" / "norms.json"
TEXTS, TOKENS = 36, 24
KINDS: dict[str, Any] = {"family": lambda module: nullcontext(), "ours": quick_norms}


def steps(module: Any, ids: torch.Tensor, rounds: int) -> dict[str, list[float]]:
    """Seconds of each kind's steps, of which the first is left out."""
    optimizer = torch.optim.AdamW([p for p in module.parameters() if p.requires_grad], lr=1e-5, fused=True)
    taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for turn in range(rounds + 1):
        for kind, context in KINDS.items():
            with context(module):
                began = time.perf_counter()
                with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bf16()):
                    hidden = module.base_model(input_ids=ids)[0]
                hidden.float().square().mean().backward()
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                if turn:
                    taken[kind].append(time.perf_counter() - began)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=24)
    args = parser.parse_args()
    torch.set_num_threads(num_cores())
    module = Model.load(locate("smollm2")).module
    module.set_attn_implementation("eager")
    module.get_input_embeddings().requires_grad_(False)
    ids = torch.randint(1000, 5000, (TEXTS, TOKENS), generator=torch.Generator().manual_seed(0))
    taken = steps(module, ids, args.rounds)
    ratio = ratio_interval(np.array(taken["family"]), np.array(taken["ours"]))
    assert ratio.interval is not None
    found = {
        "model": "smollm2", "texts": TEXTS, "tokens": TOKENS, "rounds": args.rounds, "speed": ratio.value,
        "interval": ratio.interval, "seconds": {kind: float(np.median(times)) for kind, times in taken.items()},
    }  # fmt: skip
    print(f"{'norms':10}{'seconds a step':>16}")
    for kind, median in found["seconds"].items():
        print(f"{kind:10}{median:16.2f}")
    print(
        f"ours is {ratio.value:.2f} times as fast [{ratio.interval[0]:.2f}, {ratio.interval[1]:.2f}], n = {args.rounds} pairs"
    )
    result = {
        "command": f"python bench/norms.py --rounds {args.rounds}",
        "rows": [found],
        "machine": machine(),
        "versions": versions(),
    }
    OUT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
