"""Claim: conformal sets hold the right label as often as promised; under noise they don't, until taken from noisy texts.

    python bench/coverage.py --row agnews-linear    one row (seconds; a light model of bench/sst2_pareto.py: a minute)
    python bench/coverage.py                        print the table of the rows that are there, write bench/results/

A labelled test split is halved: one half gives the threshold, the other is measured; 200 halvings, drawn by seeds 0 to 199,
none of which the model was fitted to. Bounds are where the coverage of 95 halvings in 100 must lie if the promise of 90 %
holds. Rows: clean; the peer that takes labels until their probabilities sum to 90 % and promises nothing; noise, a slip in
every tenth word or character, with the threshold of clean texts; mended, with a threshold from noisy texts.
Models: sst2-light (python bench/sst2_pareto.py --seed 0), and the linear models of bench/classify.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from rows import CACHE, ROOT, SHARED, Rows

KEPT = Rows(name="coverage", command="python bench/coverage.py --row ROW", first="--row agnews-linear")
DATA = {
    "sst2-light": ROOT / "examples" / "data" / "sst2_validation.csv",
    **{f"{name}-linear": SHARED / name / "test.csv" for name in ("agnews", "chnsenticorp", "thucnews")},
}  # fmt: skip
PROMISED, HALVINGS, RATE = 0.9, 200, 0.1


def folder_of(row: str) -> Path:
    """Where the row's model stands."""
    if row == "sst2-light":
        return CACHE / "sst2-seed0" / "light" / "onnx"
    name = row.split("-")[0]
    made = CACHE / "classify" / f"{row}-seed0.json"
    if not made.exists():
        raise SystemExit(f"{row} needs a model: python bench/classify.py --row {row}")
    return next((CACHE / "classify" / name).glob("*-learn.linear/artifact"))


def run(row: str) -> dict[str, Any]:
    """Scores once, clean and with slips, then the halvings."""
    from llamita.attack.noise import disturb
    from llamita.core.conformal import coverage_bounds, of_labels
    from llamita.core.hardware import machine, versions
    from llamita.core.measure import ask
    from llamita.workshop import open_engine, open_task

    engine, task = open_engine(folder_of(row)), open_task({"classify": {"test": str(DATA[row])}})
    texts, gold = task.test.texts, np.asarray(task.test.labels)
    clean = ask(engine, task, texts).probabilities
    noisy = ask(engine, task, [disturb(text, RATE, 0) for text in texts]).probabilities
    bounds = coverage_bounds(of_labels(clean, gold)[: len(gold) // 2], len(gold) - len(gold) // 2, PROMISED)
    halvings = [halving(clean, noisy, gold, seed) for seed in range(HALVINGS)]
    kinds = {
        kind: {
            "coverage": [float(np.mean([h[kind][0] for h in halvings])), *spread([h[kind][0] for h in halvings])],
            "set_size": float(np.mean([h[kind][1] for h in halvings])),
            "within": float(np.mean([bounds[0] <= h[kind][0] <= bounds[1] for h in halvings])),
            "first_seeds": [h[kind][0] for h in halvings[:3]],
        }
        for kind in ("clean", "summed", "noise", "mended")
    }
    accuracy = {"clean": float((clean.argmax(1) == gold).mean()), "noise": float((noisy.argmax(1) == gold).mean())}
    return {
        "row": row, "n": len(gold), "halvings": HALVINGS, "promised": PROMISED, "rate": RATE, "accuracy": accuracy,
        "bounds": bounds, "kinds": kinds, "machine": machine(), "versions": versions(),
    }  # fmt: skip


def halving(clean: np.ndarray, noisy: np.ndarray, gold: np.ndarray, seed: int) -> dict[str, Any]:
    """Coverage and mean size of the sets of each kind on the measured half."""
    from llamita.core.conformal import label_sets, set_threshold

    order = np.random.default_rng(seed).permutation(len(gold))
    fitted, measured = order[: len(gold) // 2], order[len(gold) // 2 :]
    of_clean = set_threshold(clean[fitted], gold[fitted], PROMISED)
    of_noisy = set_threshold(noisy[fitted], gold[fitted], PROMISED)
    sets = {
        "clean": label_sets(clean[measured], of_clean), "summed": summed(clean[measured], PROMISED),
        "noise": label_sets(noisy[measured], of_clean), "mended": label_sets(noisy[measured], of_noisy),
    }  # fmt: skip
    right = {kind: one[np.arange(len(measured)), gold[measured]] for kind, one in sets.items()}
    return {kind: (float(right[kind].mean()), float(sets[kind].sum(1).mean())) for kind in sets}


def summed(probabilities: np.ndarray, share: float) -> np.ndarray:
    """The likeliest labels until their probabilities reach the share, bool [texts, labels]."""
    order = np.argsort(-probabilities, axis=1)
    ranked = np.take_along_axis(probabilities, order, axis=1)
    needed = ranked.cumsum(axis=1) - ranked < share
    out = np.zeros(probabilities.shape, dtype=bool)
    np.put_along_axis(out, order, needed, axis=1)
    return out


def spread(values: list[float]) -> tuple[float, float]:
    """Where 95 in 100 of the values lie."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def table(rows: list[dict[str, Any]]) -> None:
    """Print every row and kind."""
    names = {
        "clean": "clean", "summed": "peer: probabilities summed to 90 %", "noise": "noise, threshold of clean texts",
        "mended": "noise, threshold of noisy texts",
    }  # fmt: skip
    print(f"{'promised 90 %':66}{'coverage [95 % of halvings]':28}{'bounds':18}{'within':>7}{'size':>7}{'right':>7}")
    for one in rows:
        for kind, name in names.items():
            found = one["kinds"][kind]
            mean, low, high = (100 * part for part in found["coverage"])
            right = one["accuracy"]["noise" if kind in ("noise", "mended") else "clean"]
            start = f"{one['row']}, n = {one['n']:,}" if kind == "clean" else ""
            bounds = "[{:.1f}, {:.1f}]".format(*(100 * end for end in one["bounds"]))
            print(
                f"{start:30}{name:36}{f'{mean:.1f} [{low:.1f}, {high:.1f}]':28}{bounds:18}{100 * found['within']:6.0f}%"
                f"{found['set_size']:7.2f}{100 * right:7.1f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", choices=list(DATA))
    args = parser.parse_args()
    if args.row:
        KEPT.make(args.row, lambda: run(args.row), DATA[args.row])
    KEPT.publish(table)


if __name__ == "__main__":
    main()
