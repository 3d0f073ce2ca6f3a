"""Claim: a few uneven dialogues train faster packed into rows than in batches of like length.

    python bench/packed_dialogues.py --row 100    one row: so many everyday dialogues, one of SmolLM2's layers (minutes)
    python bench/packed_dialogues.py              print the table of the rows that are there, write bench/results/

The padding of an epoch's batches, of like length, packed and at random, how many times as cheap packed ones are by count of
tokens and attention, and what was measured: forward and backward pass of all batches, packed and of like length in turns in one
process. What is compared is tokens of dialogues a CPU second on one thread, since that says the same while others keep the
machine busy. Layers are alike, so one tells as much as all; the head is left out, which reads the answers' tokens alone, packed
or not. Batches are of 32 dialogues and at most 4,096 tokens.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from rows import SHARED, Rows

from llamita.core.hardware import machine, versions
from llamita.core.model import Model
from llamita.core.sources import locate
from llamita.core.statistics import ratio_interval
from llamita.data.dialogues import read_dialogues
from llamita.train.batches import mixed_batches, padded_share, training_batches
from llamita.train.dialogues import dialogue_examples
from llamita.train.language import TokenExamples
from llamita.train.language_loss import NO_TARGET
from llamita.train.layout import attention_cost, packing_gain
from llamita.train.mode import memory_kept, set_to_train
from llamita.train.packed_tokens import PackedTokens

KEPT = Rows(
    name="packed_dialogues", command="python bench/packed_dialogues.py --row NUMBER --rounds ROUNDS", first="--row 100"
)
TALKS = SHARED / "dialogue" / "en_train.jsonl"
BATCH, MOST_TOKENS = 32, 4096


def kinds_of(examples: TokenExamples) -> dict[str, tuple[Any, list[np.ndarray]]]:
    """Of each kind the source and the batches of an epoch, by the default bound on tokens."""
    how = {"batch_size": BATCH, "epochs": 1, "seed": 0, "max_tokens": MOST_TOKENS}
    return {
        "like length": (examples, training_batches(examples.lengths, **how)),
        "packed": (PackedTokens(examples=examples), mixed_batches(examples.lengths, **how)),
    }


def padding(model: Model, examples: TokenExamples) -> dict[str, float]:
    """The share of padding of each kind and of random batches, and how many times as cheap packed ones are by count."""
    kinds = kinds_of(examples)
    alike, (source, mixed) = kinds["like length"][1], kinds["packed"]
    held = sum(source.batch(model, batch)["inputs"]["input_ids"].numel() for batch in mixed)
    return {
        "like length": padded_share(examples.lengths, alike), "packed": 1 - sum(examples.lengths) / held,
        "random": padded_share(examples.lengths, mixed),
        "counted": packing_gain(examples.lengths, alike, mixed, attention_cost(model.module)),
    }  # fmt: skip


def epoch(model: Model, source: Any, batches: list[np.ndarray]) -> float:
    """CPU seconds of its passes."""
    began = time.process_time()
    for indices in batches:
        batch = source.batch(model, indices)
        states = source.outputs(model.module, batch["inputs"]).states
        states[batch["targets"]["tokens"] != NO_TARGET].square().mean().backward()
        model.module.zero_grad(set_to_none=True)
    return time.process_time() - began


def pace(model: Model, examples: TokenExamples, rounds: int) -> dict[str, Any]:
    """Tokens of dialogues a CPU second of each kind, round by round, and the ratio."""
    kinds = kinds_of(examples)
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    with memory_kept(), set_to_train(model.module, max(examples.lengths)):
        for source, batches in kinds.values():
            epoch(model, source, batches[:1])
        for _ in range(rounds):
            for kind, (source, batches) in kinds.items():
                taken[kind].append(epoch(model, source, batches))
    ratio = ratio_interval(np.array(taken["like length"]), np.array(taken["packed"]))
    number = sum(examples.lengths)
    return {
        "tokens_per_cpu_second": {kind: [round(number / each) for each in seconds] for kind, seconds in taken.items()},
        "ratio": ratio.value, "interval": ratio.interval, "rounds": rounds,
    }  # fmt: skip


def run(number: int, rounds: int) -> dict[str, Any]:
    """One row."""
    torch.set_num_threads(1)
    model = Model.load(locate("smollm2"))
    examples = dialogue_examples(model, read_dialogues(str(TALKS)).texts[:number], None)[0]
    counted = padding(model, examples)
    del model.module.model.layers[1:]
    model.module.config.num_hidden_layers = 1
    return {
        "dialogues": number, "padding": counted, **pace(model, examples, rounds), "machine": machine(), "versions": versions(),
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> None:
    """Print all rows."""
    print(
        f"{'dialogues':>10}{'% padding: like length':>24}{'packed':>8}{'random':>8}{'counted':>9}  measured [95 %], rounds"
    )
    for one in sorted(rows, key=lambda one: one["dialogues"]):
        shares = one["padding"]
        told = "" if one["interval"] is None else " [{:.2f}, {:.2f}]".format(*one["interval"])
        print(
            f"{one['dialogues']:10}{100 * shares['like length']:24.1f}{100 * shares['packed']:8.1f}{100 * shares['random']:8.1f}"
            f"{shares['counted']:9.2f}  {one['ratio']:.2f}{told}, {one['rounds']}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", type=int, help="dialogues")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if args.row:
        KEPT.make(f"{args.row}-{args.rounds}", lambda: run(args.row, args.rounds), TALKS)
    KEPT.publish(table)


if __name__ == "__main__":
    main()
