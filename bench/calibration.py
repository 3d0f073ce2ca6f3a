"""Are probabilities more honest after a temperature, a vector or isotonic curves? Drawn halves of one test set, one fitted model.

    python bench/calibration.py MODEL DATA.csv [--halvings 20] [--name NAME]

Each halving fits every method on one half of the texts and measures it on the other: calibration error minus the floor that
chance alone gives, and log loss. The model has seen none of the texts. Results go to bench/results/calibration-NAME.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from llamita._cli.models import test_task
from llamita.core.hardware import machine, versions
from llamita.core.measure import order_for
from llamita.core.scaling import fit_curves, fit_scales
from llamita.core.statistics import bootstrap_interval
from llamita.measure.calibration import calibration_findings
from llamita.workshop import open_engine

METHODS = ("none", "temperature", "vector", "isotonic")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--halvings", type=int, default=20)
    parser.add_argument("--name", default="films")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    engine = open_engine(args.model, threads=args.threads)
    task = test_task(argparse.Namespace(data=args.data, columns=None, task="classify"), engine)
    logits, gold = engine.text_logits(task.test.texts)[:, order_for(engine, task)], task.gold(task.test)
    draws = np.random.default_rng(0)
    rows: dict[str, list[tuple[float, float]]] = {method: [] for method in METHODS}
    for _ in range(args.halvings):
        order = draws.permutation(len(gold))
        fitted, measured = order[: len(gold) // 2], order[len(gold) // 2 :]
        for method in METHODS:
            scaled, answers = logits, task.answers
            if method == "isotonic":
                curves = fit_curves(answers.probabilities(logits[fitted]), gold[fitted])
                answers = replace(answers, curves=curves)
            elif method != "none":
                scale, shift = fit_scales(method, logits[fitted], gold[fitted])
                scaled = logits * scale + shift
            found = answers.probabilities(scaled[measured])
            ece, _, nll = calibration_findings(found, gold[measured], answers=answers)
            assert nll.value is not None
            rows[method].append((ece.value - ece.detail["floor"], nll.value))
    n = len(gold) - len(gold) // 2
    print(f"{args.model} on {args.data}: {args.halvings} halvings, fitted on {len(gold) // 2} texts, measured on {n}")
    print(f"{'':<12} ECE - floor (mean, 95 % interval of the mean over halvings)   log loss")
    table: dict[str, dict[str, Any]] = {}
    for method, values in rows.items():
        above, nll = np.array(values).T
        table[method] = {
            "above_floor": float(above.mean()), "above_floor_interval": bootstrap_interval(above),
            "nll": float(nll.mean()), "nll_interval": bootstrap_interval(nll), "halvings": args.halvings, "n": n,
        }  # fmt: skip
        low, high = table[method]["above_floor_interval"]
        print(f"{method:<12} {above.mean():+.4f} [{low:+.4f}, {high:+.4f}]   {nll.mean():.4f}")
    about = {"model": args.model, "data": args.data, "rows": table, "machine": machine(), "versions": versions()}
    out = Path(__file__).parent / "results" / f"calibration-{args.name}.json"
    out.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
