"""Claim: which order of steps leaves the best small model, at the same number of passes over the texts?

    python bench/four_steps.py --row four-steps --seed 0    one row (resumable: its steps are stages)
    python bench/four_steps.py                              print the table of the rows that are there, write bench/results/

MiniLM fine-tuned on SST-2's sentences teaches three of its own six layers; every row has six passes of training over the
same texts, in the same order of steps as its name, and a calibration and an int8 export at the end: `four-steps` is the recipe
of that name (cut, learn the teacher's states, pretrain on the task's own texts, fine-tune), `prune-distil-quantise` the order
that one study found best (arXiv 2511.19495), `distil-prune-quantise` the whole model taught first and cut then, with a third
of the passes to mend it, `prune-finetune-quantise` the cut model without a teacher. Accuracy and log loss are of the
validation split, touched once a step for `four-steps`, whose steps are rows of their own, and once at the end for the others.
"""

from __future__ import annotations

import argparse
import logging
from typing import Any

import yaml
from rows import ROOT, Rows

KEPT = Rows(name="four_steps", command="python bench/four_steps.py --row ROW --seed N", first="--row four-steps")
RECIPE = ROOT / "recipes" / "four-steps.yaml"
CUT = {"prune.depth": {"keep": 3}}
HIDDEN, LOGITS, ALONE = "distill.hidden", "distill.logits", "learn.finetune"
ORDERS: dict[str, list[dict[str, dict[str, Any]]]] = {
    "four-steps": [],
    "prune-distil-quantise": [CUT, {HIDDEN: {"epochs": 2, "max_length": 64}}, {LOGITS: {"epochs": 4, "max_length": 64}}],
    "distil-prune-quantise": [{LOGITS: {"epochs": 4, "max_length": 64}}, CUT, {LOGITS: {"epochs": 2, "max_length": 64}}],
    "prune-finetune-quantise": [CUT, {ALONE: {"epochs": 6, "max_length": 64}}],
}  # fmt: skip
"""Steps of each row; none: those of the recipe."""
SHOWN = ("quality.accuracy", "calibration.nll")


def run(row: str, seed: int) -> dict[str, Any]:
    """One row by way of `llamita.run`."""
    from llamita.core.recipe import Recipe
    from llamita.run import execute

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    told = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    steps = ORDERS[row] or told["steps"]
    data = {name: str(ROOT / file) for name, file in told["task"]["classify"].items()}
    told |= {
        "task": {"classify": data | {"seed": seed}}, "steps": [*steps, "learn.calibrate"], "seed": seed,
        "measures": ["measure.quality", "measure.calibration"], "measure_each": row == "four-steps",
    }  # fmt: skip
    recipe = Recipe.from_dict(told)
    report = execute(recipe, KEPT.folder / f"{row}-seed{seed}", stages=KEPT.folder / "stages")
    subjects = [
        {"name": s.name, "role": s.role}
        | {
            name: {"value": f.value, "interval": f.interval, "n": f.n}
            for name in SHOWN
            if (f := s.finding(name)) and f.value is not None
        }
        for s in report.subjects
    ]
    return {"row": row, "seed": seed, "subjects": subjects, "machine": report.machine, "versions": report.versions}


def table(rows: list[dict[str, Any]]) -> None:
    """Each row's end, int8; before it the teacher and the way there, of one seed."""
    print(f"{'':26}{'seed':>5}{'accuracy [95 %]':>24}{'n':>6}{'NLL':>9}")
    for row in sorted(rows, key=lambda one: (list(ORDERS).index(one["row"]), one["seed"])):
        for subject in row["subjects"]:
            if SHOWN[0] not in subject:
                continue
            score, nll = subject[SHOWN[0]], subject.get(SHOWN[1], {}).get("value", float("nan"))
            last = subject is row["subjects"][-1]
            title = row["row"] if last else f"  {'teacher' if subject['role'] == 'teacher' else subject['name']}"
            ends = f"{100 * score['value']:.1f} [{100 * score['interval'][0]:.1f}, {100 * score['interval'][1]:.1f}]"
            print(f"{title:26}{row['seed']:5}{ends:>24}{score['n']:6,}{nll:9.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", choices=list(ORDERS))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.row:
        KEPT.make(f"{args.row}-seed{args.seed}", lambda: run(args.row, args.seed))
        return
    KEPT.publish(table)


if __name__ == "__main__":
    main()
