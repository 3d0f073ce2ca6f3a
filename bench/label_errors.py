"""Claim: of labels that were flipped, `llamita data check --label-errors` names at least 60 % among its top 5 % suspects.

    python bench/label_errors.py --states mpnet      the inner states of a model, kept (minutes; minilm, smollm2, mpnet)
    python bench/label_errors.py --row mpnet --seed 0    one row: random, words, cleanlab, or one of these models (resumable)
    python bench/label_errors.py                     print the table of the rows that are there, write bench/results/

SST-2 sentences (6,920; examples/data/sst2_train.csv). The labels of 5 % (346), drawn with the seed, are flipped; every row ranks
the same rows by how doubtful their label is, and is scored by the share of the flips among its first 346. The ranks never see
which labels were flipped. "cleanlab" is the peer as its own documentation begins: CleanLearning around logistic regression on
TF-IDF. mpnet is the folder in LLAMITA_MPNET, else the Hub id. SST-2 has wrong labels of its own, which count against every row.
"""

from __future__ import annotations

import argparse
import os
import warnings
from typing import Any

import numpy as np
from rows import ROOT, Rows

KEPT = Rows(name="label_errors", command="python bench/label_errors.py --row ROW --seed N", first="--row words")
MODELS = {
    "minilm": "minilm", "smollm2": "smollm2", "mpnet": os.environ.get("LLAMITA_MPNET", "sentence-transformers/all-mpnet-base-v2")
}  # fmt: skip
ROWS = ("random", "words", "cleanlab", *MODELS)
SHARE = 0.05


def states(name: str) -> None:
    """Compute and keep a model's states of all sentences; they know nothing of labels, so that all seeds share them."""
    from llamita.data.label_errors import LAYERS
    from llamita.data.states import mean_states
    from llamita.workshop import open_engine

    file = KEPT.folder / f"{name}.npy"
    if not file.exists():
        found = mean_states(open_engine(MODELS[name]), sentences().texts, LAYERS)  # type: ignore[arg-type]
        np.save(file.with_suffix(".part.npy"), found)
        file.with_suffix(".part.npy").replace(file)


def sentences() -> Any:
    from llamita.data.read import read_table

    return read_table(ROOT / "examples" / "data" / "sst2_train.csv")


def run(row: str, seed: int) -> dict[str, Any]:
    """The share of the flips among the first suspects of this row."""
    from llamita.core.hardware import machine, versions
    from llamita.core.statistics import share_interval
    from llamita.data.label_errors import doubtful

    table = sentences()
    names = sorted(set(table.labels))
    true = np.array([names.index(label) for label in table.labels])
    flipped = np.random.default_rng(seed).choice(len(true), round(SHARE * len(true)), replace=False)
    gold = true.copy()
    gold[flipped] = 1 - gold[flipped]
    told: dict[str, Any] = {"row": row, "seed": seed, "n": len(true), "flips": len(flipped)}
    if row == "random":
        order = np.random.default_rng(seed + 1).permutation(len(true))
    elif row == "cleanlab":
        order = peer(table.texts, gold, seed)
    else:
        probabilities = ours(row, table, gold, seed)
        listed = doubtful(gold, probabilities)
        told |= {"accuracy": float((probabilities.argmax(1) == true).mean()), "listed": len(listed)}
        told |= {"flips_in_list": int(np.isin(listed, flipped).sum())}
        margin = probabilities[np.arange(len(gold)), gold] - probabilities[np.arange(len(gold)), 1 - gold]
        rest = [int(i) for i in np.argsort(margin, kind="stable") if i not in set(listed)]
        order = np.array([*listed, *rest])
    hits = np.isin(flipped, order[: len(flipped)])
    return told | {
        "found": float(hits.mean()), "interval": share_interval(hits), "machine": machine(), "versions": versions()
    }  # fmt: skip


def ours(row: str, table: Any, gold: np.ndarray, seed: int) -> np.ndarray:
    """The command's own probabilities, with the kept states."""
    from llamita.data.label_errors import _standardised, out_of_fold, views_of

    views = views_of(table)
    if row != "words":
        views[f"states {row}"] = _standardised(np.load(KEPT.folder / f"{row}.npy"))
    return out_of_fold(views, gold, seed=seed)


def peer(texts: list[str], gold: np.ndarray, seed: int) -> np.ndarray:
    """cleanlab's own ranking."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from cleanlab.classification import CleanLearning
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        features = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(texts)
        learner = CleanLearning(LogisticRegression(max_iter=500), seed=seed, find_label_issues_kwargs={"n_jobs": 1})
        return np.argsort(learner.find_label_issues(features, gold)["label_quality"].to_numpy(), kind="stable")


def table_of(rows: list[dict[str, Any]]) -> None:
    """Print each row's mean over seeds, and each seed."""
    print("SST-2 sentences, 6,920, 5 % (346) flipped: share of the flips among the first 346 suspects, in %")
    print(f"{'':10}{'mean':>6}  {'each seed, 95 %':50}{'accuracy':>9}{'listed':>8}{'right':>7}")
    for name in ROWS:
        found = [one for one in rows if one["row"] == name]
        if not found:
            continue
        each = "  ".join(
            f"{100 * f['found']:.1f} [{100 * f['interval'][0]:.1f}, {100 * f['interval'][1]:.1f}]" for f in found
        )
        more = ""
        if "accuracy" in found[0]:
            right = sum(f["flips_in_list"] for f in found) / sum(f["listed"] for f in found)
            listed = sum(f["listed"] for f in found) / len(found)
            more = f"{100 * np.mean([f['accuracy'] for f in found]):9.1f}{listed:8.0f}{100 * right:7.1f}"
        print(f"{name:10}{100 * np.mean([f['found'] for f in found]):6.1f}  {each:50}{more}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--states", choices=MODELS)
    parser.add_argument("--row", choices=ROWS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    KEPT.folder.mkdir(parents=True, exist_ok=True)
    if args.states:
        states(args.states)
    if args.row:
        KEPT.make(f"{args.row}-seed{args.seed}", lambda: run(args.row, args.seed))
    KEPT.publish(table_of)


if __name__ == "__main__":
    main()
