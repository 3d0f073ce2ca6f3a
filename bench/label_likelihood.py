"""Claim: asked without training, SmolLM2-135M-Instruct's labels come many times faster than one by one, and calibrated.

    python bench/label_likelihood.py --row sst2-0     one row: a data set and the number of examples shown (resumable, minutes)
    python bench/label_likelihood.py                  print the table of the rows that are there, write bench/results/

Rows: sst2 (validation, 872) and agnews (the first 1,000 of its test file), with 0 and 8 examples. Each is asked as it comes,
with the answer to an empty text taken off (prior), and calibrated by a scale and a shift for each label on 1,000 labelled
training texts, which are not among the examples. "One by one" scores each label of each text in a pass of its own, as the
formula reads; both take turns on the same texts. AG News needs ../shared/data and is skipped where that is missing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from rows import ROOT, SHARED, Rows, judged

KEPT = Rows(
    name="label_likelihood", command="python bench/label_likelihood.py --row ROW --seed N", first="--row sst2-0"
)
DATA: dict[str, dict[str, Any]] = {
    "sst2": {
        "train": ROOT / "examples" / "data" / "sst2_train.csv", "test": ROOT / "examples" / "data" / "sst2_validation.csv",
        "words": None, "prompt": "Review: {text}\nSentiment:",
    },
    "agnews": {
        "train": SHARED / "agnews" / "train.csv", "test": SHARED / "agnews" / "test.csv",
        "words": {"Sci/Tech": "Technology"}, "prompt": "News: {text}\nTopic:",
    },
}  # fmt: skip
TEXTS, CALIBRATION, TIMED, ROUNDS = 1000, 1000, 32, 5


def run(row: str, seed: int) -> dict[str, Any]:
    """Everything of one row."""
    from llamita.core.hardware import machine, versions
    from llamita.core.statistics import ratio_interval
    from llamita.data.portion import proportional
    from llamita.data.read import read_table
    from llamita.tasks.asking import Shots, ask
    from llamita.tasks.likelihood import Prompt
    from llamita.workshop import open_engine

    name, shots = row.split("-")[0], int(row.split("-")[1])
    data = DATA[name]
    train, test = read_table(data["train"]), read_table(data["test"])
    test = test.take(range(min(TEXTS, len(test))))
    assert train.labels is not None
    assert test.labels is not None
    drawn = proportional(train.labels, CALIBRATION + 64, seed)
    order = [drawn[i] for i in np.random.default_rng(seed).permutation(len(drawn))]
    fitted, examples = train.take(order[:CALIBRATION]), train.take(order[CALIBRATION:])
    labels = sorted(set(train.labels))
    prompt = Prompt(start="", text=data["prompt"])
    settings: dict[str, Any] = {"words": data["words"]}
    if shots:
        settings["examples"] = Shots(data=examples, number=shots, seed=seed)
    model = open_engine("smollm2")
    gold = np.array([labels.index(label) for label in test.labels])
    engine = ask(model, labels, prompt=replace(prompt, prior=False, per_token=False), **settings)
    texts = test.texts[:TIMED]
    assert np.abs(engine.text_logits(texts) - one_by_one(engine, texts)).max() < 1e-3
    rounds = [
        (clocked(lambda: one_by_one(engine, texts)), clocked(lambda: engine.text_logits(texts))) for _ in range(ROUNDS)
    ]
    speed = ratio_interval(np.array([slow for slow, _ in rounds]), np.array([fast for _, fast in rounds]))
    found = {}
    for kind in ("as it comes", "prior", "calibrated"):
        asked = replace(prompt, prior=kind != "as it comes")
        engine = ask(model, labels, prompt=asked, calibrate=fitted if kind == "calibrated" else None, **settings)
        found[kind] = judged(engine.scores(test.texts), gold)
        print(
            row,
            kind,
            {key: round(value, 4) for key, value in found[kind].items() if isinstance(value, float)},
            flush=True,
        )
    return {
        "row": row, "seed": seed, "n": len(gold), "calibrated_on": len(fitted), "found": found,
        "speed": speed.value, "speed_interval": speed.interval,
        "speed_n": [TIMED, ROUNDS], "texts_per_second": TIMED / float(np.median([fast for _, fast in rounds])),
        "machine": machine(), "versions": versions(),
    }  # fmt: skip


def one_by_one(engine: Any, texts: Sequence[Any]) -> np.ndarray:
    """The formula as it reads: a pass for each label of each text."""
    import torch

    out = np.zeros((len(texts), len(engine.labels)))
    with torch.inference_mode():
        for i, text in enumerate(texts):
            question = [*engine._prefix, *engine._question(text)]
            for j, answer in enumerate(engine._ids):
                logits = engine.engine.module(input_ids=torch.tensor([question + answer])).logits[0]
                shares = logits[len(question) - 1 : -1].log_softmax(-1)
                out[i, j] = float(shares[range(len(answer)), answer].sum())
    return out


def clocked(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def table(rows: list[dict[str, Any]]) -> None:
    """Print all rows."""
    print(f"{'row, seed, n, fitted':24}{'':14}{'accuracy, 95 %':>22}{'NLL':>8}{'ECE':>8}{'- floor':>9}{'speed':>22}")
    for one in rows:
        for kind, f in one["found"].items():
            low, high = (100 * end for end in f["interval"])
            start = f"{one['row']}, {one['seed']}, {one['n']}, {one['calibrated_on']}" if kind == "as it comes" else ""
            speed = ""
            if kind == "as it comes":
                low_speed, high_speed = one["speed_interval"]
                speed = f"{one['speed']:.1f}x [{low_speed:.1f}, {high_speed:.1f}]"
            print(
                f"{start:24}{kind:14}{100 * f['accuracy']:8.1f} [{low:.1f}, {high:.1f}]{f['nll']:8.3f}{f['ece']:8.3f}"
                f"{f['ece_above_floor']:9.3f}{speed:>22}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", choices=[f"{name}-{shots}" for name in DATA for shots in (0, 8)])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.row:
        needs = DATA[args.row.split("-")[0]]["train"]
        KEPT.make(f"{args.row}-seed{args.seed}", lambda: run(args.row, args.seed), needs)
    KEPT.publish(table)


if __name__ == "__main__":
    main()
