"""Claim: a few uneven dialogues train faster packed into rows than in batches of like length.

    python bench/packed_dialogues.py              100 everyday dialogues, one of SmolLM2's layers; two minutes of one core
    python bench/packed_dialogues.py --padding    first the padding, by how many dialogues there are

Forward and backward pass of an epoch's batches, packed and of like length in turns in one process. What is compared is tokens
of dialogues a CPU second on one thread, since that says the same while others keep the machine busy. Layers are alike, so one
tells as much as all; the head is left out, which reads the answers' tokens alone, packed or not.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from rows import SHARED

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

SIZES = (50, 100, 200, 400, 1000)


def kinds_of(examples: TokenExamples, batch_size: int) -> dict[str, tuple[Any, list[np.ndarray]]]:
    """Of each kind the source and the batches of an epoch, by the default bound on tokens."""
    how = {"batch_size": batch_size, "epochs": 1, "seed": 0, "max_tokens": 4096}
    return {
        "like length": (examples, training_batches(examples.lengths, **how)),
        "packed": (PackedTokens(examples=examples), mixed_batches(examples.lengths, **how)),
    }


def first(examples: TokenExamples, number: int) -> TokenExamples:
    return TokenExamples(rows=examples.rows[:number], lengths=examples.lengths[:number])


def tell_padding(model: Model, examples: TokenExamples, batch_size: int) -> None:
    """A line for each number of dialogues: the padding of each kind and of random batches, and what packing should gain."""
    print(f"{'dialogues':>10}{'like length':>13}{'packed':>9}{'random':>9}  % padding{'times as cheap':>17}")
    for number in SIZES:
        kinds = kinds_of(first(examples, number), batch_size)
        like, (source, mixed) = padded_share(examples.lengths, kinds["like length"][1]), kinds["packed"]
        held = sum(source.batch(model, batch)["inputs"]["input_ids"].numel() for batch in mixed)
        shares = (like, 1 - sum(examples.lengths[:number]) / held, padded_share(examples.lengths, mixed))
        gain = packing_gain(examples.lengths, kinds["like length"][1], mixed, attention_cost(model.module))
        print(f"{number:10}{100 * shares[0]:13.1f}{100 * shares[1]:9.1f}{100 * shares[2]:9.1f}{gain:27.2f}", flush=True)


def epoch(model: Model, source: Any, batches: list[np.ndarray]) -> float:
    """CPU seconds of its passes."""
    began = time.process_time()
    for indices in batches:
        batch = source.batch(model, indices)
        states = source.outputs(model.module, batch["inputs"]).states
        states[batch["targets"]["tokens"] != NO_TARGET].square().mean().backward()
        model.module.zero_grad(set_to_none=True)
    return time.process_time() - began


def tell_pace(model: Model, examples: TokenExamples, batch_size: int, rounds: int) -> None:
    kinds = kinds_of(examples, batch_size)
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    with memory_kept(), set_to_train(model.module, max(examples.lengths)):
        for source, batches in kinds.values():
            epoch(model, source, batches[:1])
        for turn in range(rounds):
            for kind, (source, batches) in kinds.items():
                taken[kind].append(epoch(model, source, batches))
                print(
                    f"{turn + 1} {kind:12}{sum(examples.lengths) / taken[kind][-1]:8.0f} tokens a CPU second",
                    flush=True,
                )
    ratio = ratio_interval(np.array(taken["like length"]), np.array(taken["packed"]))
    told = "" if ratio.interval is None else " [{:.2f}, {:.2f}]".format(*ratio.interval)
    print(f"packed: {ratio.value:.2f} times as fast{told}, {rounds} rounds")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dialogues", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--padding", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = Model.load(locate("smollm2"))
    del model.module.model.layers[args.layers :]
    model.module.config.num_hidden_layers = args.layers
    table = read_dialogues(str(SHARED / "dialogue" / "en_train.jsonl"))
    examples = dialogue_examples(model, table.texts[: max(SIZES) if args.padding else args.dialogues], None)[0]
    if args.padding:
        tell_padding(model, examples, args.batch_size)
    tell_pace(model, first(examples, args.dialogues), args.batch_size, args.rounds)


if __name__ == "__main__":
    main()
