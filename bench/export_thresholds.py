"""Claim: an exported file's thresholds that give each label to as many texts as the model does are as good as those of the best F1.

    python bench/export_thresholds.py     drawn numbers, no model; a minute

Logits of eight labels are drawn, labels from them, and the model's logits with noise; a file's are the model's with more noise,
moved and scaled. Thresholds come from few texts, macro-F1 is of 4,000 others. Results go to bench/results/export_thresholds.json.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from llamita.core.answers import sigmoid
from llamita.core.scaling import best_thresholds, thresholds_like

OUT = Path(__file__).parent / "results" / "export_thresholds.json"
LABELS, MEASURED, ROUNDS = 8, 4000, 60
FILES = {
    "near": (0.1, 0.0, 1.0),
    "noisy": (0.3, 0.0, 1.0),
    "moved": (0.3, 0.5, 1.0),
    "moved and flatter": (0.3, -0.5, 0.8),
}
"""Of each kind of file the noise of its logits, what is added to them and what they are multiplied by."""


def macro_f1(probabilities: np.ndarray, gold: np.ndarray, thresholds: tuple[float, ...]) -> float:
    """In percent."""
    given = probabilities >= np.asarray(thresholds)
    return float((200 * (given & gold).sum(axis=0) / np.maximum(1, given.sum(axis=0) + gold.sum(axis=0))).mean())


def main() -> None:
    random, rows = np.random.default_rng(0), []
    for texts in (60, 120, 250, 1000):
        for kind, (noise, moved, scale) in FILES.items():
            found = defaultdict[str, list[float]](list)
            for _ in range(ROUNDS):
                true = random.normal(0, 2, (texts + MEASURED, LABELS)) + np.linspace(-3, 0, LABELS)
                gold = random.random(true.shape) < sigmoid(true)
                model = true + random.normal(0, 0.7, true.shape)
                file = sigmoid(scale * (model + random.normal(0, noise, true.shape)) + moved)
                has, few = gold[:texts].astype(int), sigmoid(model[:texts])
                own = best_thresholds(few, has)
                ways = {
                    "the model's": own,
                    "best F1": best_thresholds(file[:texts], has),
                    "as many": thresholds_like(file[:texts], few, own, has),
                }
                for way, limits in ways.items():
                    found[way].append(macro_f1(file[texts:], gold[texts:], limits))
                    found[f"{way}, moved by"].append(float(np.abs(np.subtract(limits, own)).mean()))
            rows.append(
                {"texts": texts, "file": kind} | {way: round(float(np.mean(of)), 3) for way, of in found.items()}
            )
            print(rows[-1])
    OUT.write_text(json.dumps({"rounds": ROUNDS, "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
