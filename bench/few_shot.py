"""Claim: from eight texts a label, contrastive pairs teach an encoder more than plain fine-tuning, and the folder is stock.

    python bench/few_shot.py --row contrastive --seed 3    one row of AG News (resumable, minutes); --model minilm is quicker
    python bench/few_shot.py                               print the table of the rows that are there, write bench/results/

Rows, all from the same texts, cut to 64 tokens: contrastive (llamita's step as it comes), careful (the same without the
temperature, so with the same labels), finetune (llamita's fine-tuning, fifty
passes in batches of 16), frozen (logistic regression on the mean over the tokens of the untrained body, scaled to length 1),
setfit (the package of the paper with the paper's settings: 20 pairs a text of either kind, batches of 16 pairs, learning rate
2e-5, one epoch; in a Python of its own that SETFIT_PYTHON names). A seed draws the texts from the training file; the judged texts
are the same for all: --texts of the test file, which nothing else has seen. Skipped where ../shared/data is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rows import SHARED, Rows

KEPT = Rows(
    name="few_shot",
    command="python bench/few_shot.py --row ROW --seed N --model MODEL --texts N",
    first="--row contrastive",
)
DATA = SHARED / "agnews"
MODELS = {"mpnet": Path.home() / ".cache" / "llamita-models" / "mpnet", "minilm": "minilm"}
"""all-mpnet-base-v2 as ../shared/tools/models.py lays it down, and all-MiniLM-L6-v2 out of its package."""
ROWS = ("contrastive", "careful", "finetune", "frozen", "setfit")
SHOTS, LENGTH = 8, 64


def drawn(seed: int, texts: int) -> tuple[list[Any], list[str], list[Any], list[str]]:
    """Texts and labels to learn from, and those that are judged."""
    from llamita.data.read import read_table

    train, test = read_table(DATA / "train.csv"), read_table(DATA / "test.csv")
    assert train.labels is not None
    assert test.labels is not None
    labels = np.asarray(train.labels)
    random = np.random.default_rng(seed)
    few = [int(i) for one in np.unique(labels) for i in random.permutation(np.flatnonzero(labels == one))[:SHOTS]]
    judged = np.random.default_rng(0).permutation(len(test))[:texts]
    return (
        [train.texts[i] for i in few], [train.labels[i] for i in few],
        [test.texts[i] for i in judged], [test.labels[i] for i in judged],
    )  # fmt: skip


def run(args: argparse.Namespace) -> dict[str, Any]:
    """One row: what the method says of each judged text."""
    from llamita.core.hardware import machine, versions
    from llamita.core.statistics import share_interval

    few, gold, texts, truth = drawn(args.seed, args.texts)
    began = time.perf_counter()
    surely: dict[str, Any] = {}
    more: dict[str, str] = {}
    if args.row == "setfit":
        said, more = setfit(args, few, gold, texts), setfit_versions()
    elif args.row == "frozen":
        said = frozen(args, few, gold, texts)
    else:
        said, surely = taught(args, few, gold, texts, truth)
    right = np.asarray(said) == np.asarray(truth)
    return {
        "model": args.model, "row": args.row, "seed": args.seed, "n": len(right), "learned_from": len(few),
        "accuracy": float(right.mean()), "interval": share_interval(right), **surely, "seconds": time.perf_counter() - began,
        "machine": machine(), "versions": versions() | more,
    }  # fmt: skip


def taught(
    args: argparse.Namespace, few: list[str], gold: list[str], texts: list[str], truth: list[str]
) -> tuple[list[str], dict[str, Any]]:
    """llamita's own steps, saved and loaded with stock code before they are judged; and how sure they are for how right."""
    from llamita.core.context import Run
    from llamita.core.model import Model
    from llamita.core.task import Split
    from llamita.learn.contrastive import Contrastive
    from llamita.learn.finetune import Finetune
    from llamita.measure.calibration import calibration_findings
    from llamita.tasks.classify import Classify
    from llamita.workshop import set_threads

    set_threads(args.threads)
    labels = tuple(sorted(set(gold)))
    split = Split(texts=tuple(few), labels=tuple(labels.index(one) for one in gold))
    none = Split(texts=())
    task = Classify(labels=labels, train=split, select=none, test=none, max_length=LENGTH)
    folder = KEPT.folder / f"{args.model}-{args.row}-seed{args.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    steps = {
        "contrastive": Contrastive(), "careful": Contrastive(folds=0), "finetune": Finetune(epochs=50, batch_size=16),
    }  # fmt: skip
    step = steps[args.row]
    made = step.apply(Model.load(MODELS[args.model]), Run(folder=folder, task=task, seed=args.seed))
    made.save(folder / "saved")
    scores = Model.load(folder / "saved").scores(texts)
    shutil.rmtree(folder)
    sure = calibration_findings(scores, np.asarray([labels.index(one) for one in truth]))
    told = {one.name.removeprefix("calibration."): one.value for one in sure}
    return [labels[i] for i in scores.argmax(1)], told | {"ece_floor": sure[0].detail["floor"]}


def frozen(args: argparse.Namespace, few: list[str], gold: list[str], texts: list[str]) -> list[str]:
    """Logistic regression on embeddings as they come."""
    from sklearn.linear_model import LogisticRegression

    from llamita.core.model import Model
    from llamita.workshop import set_threads

    set_threads(args.threads)
    model = Model.load(MODELS[args.model])
    model.tokenizer.model_max_length = LENGTH
    cache = KEPT.folder / f"{args.model}-embedded-{len(texts)}.npy"
    if not cache.exists():
        np.save(cache, mean_states(model, texts))
    machine = LogisticRegression(max_iter=5000).fit(mean_states(model, few), gold)
    return list(machine.predict(np.load(cache)))


def mean_states(model: Any, texts: Sequence[str]) -> np.ndarray:
    """The mean over the tokens of what the last layer gives, of length 1 [texts, width]."""
    import torch

    from llamita.core.encoding import batches_of_like_length

    encoded = model.encoder.encode(texts)
    found: dict[int, np.ndarray] = {}
    for rows in batches_of_like_length([len(ids) for ids, _ in encoded], 2048):
        batch = model.encoder.pad([encoded[i] for i in rows])
        with torch.inference_mode():
            inputs = model.inputs(batch.token_ids, batch.mask, batch.type_ids)
            states = model.module.base_model(**inputs).last_hidden_state
        mask = torch.as_tensor(batch.mask)[..., None]
        means = (states * mask).sum(dim=1) / mask.sum(dim=1)
        found |= dict(zip(rows, torch.nn.functional.normalize(means, dim=-1).numpy(), strict=True))
    return np.stack([found[i] for i in range(len(texts))])


SETFIT = """
import json, sys
import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer
from setfit import SetFitModel, Trainer, TrainingArguments
given = json.load(open(sys.argv[1], encoding="utf-8"))
torch.set_num_threads(given["threads"])
labels = sorted(set(given["gold"]))
model = SetFitModel.from_pretrained(given["model"], labels=labels)
model.model_body.max_seq_length = given["length"]
arguments = TrainingArguments(
    output_dir=given["work"], batch_size=16, num_epochs=1, num_iterations=20, seed=given["seed"], body_learning_rate=2e-5,
    report_to="none", show_progress_bar=False, save_strategy="no", eval_strategy="no",
)
table = Dataset.from_dict({"text": given["few"], "label": [labels.index(one) for one in given["gold"]]})
Trainer(model=model, args=arguments, train_dataset=table).train()
said = model.predict(given["texts"])
json.dump([one if isinstance(one, str) else labels[int(one)] for one in said], open(sys.argv[2], "w"))
"""


def setfit(args: argparse.Namespace, few: list[str], gold: list[str], texts: list[str]) -> list[str]:
    """The package itself, in a process of its own."""
    from llamita.core.sources import locate

    where = KEPT.folder / f"setfit-{args.model}-{args.seed}"
    where.mkdir(parents=True, exist_ok=True)
    given = {
        "few": few, "gold": gold, "texts": texts, "model": str(locate(MODELS[args.model]).path), "seed": args.seed,
        "length": LENGTH, "threads": args.threads, "work": str(where),
    }  # fmt: skip
    (where / "given.json").write_text(json.dumps(given), encoding="utf-8")
    words = [os.environ["SETFIT_PYTHON"], "-c", SETFIT, str(where / "given.json"), str(where / "said.json")]
    subprocess.run(words, check=True, env={**os.environ, "PYTHONPATH": ""}, cwd=where)
    said = json.loads((where / "said.json").read_text(encoding="utf-8"))
    shutil.rmtree(where)
    return said


def setfit_versions() -> dict[str, str]:
    """Of the packages that SetFit ran with."""
    names = ("setfit", "sentence-transformers", "transformers", "torch")
    code = f"from importlib.metadata import version as v; print(*(v(n) for n in {names!r}))"
    told = subprocess.run([os.environ["SETFIT_PYTHON"], "-c", code], check=True, capture_output=True, text=True)
    return {f"setfit's {name}": one for name, one in zip(names, told.stdout.split(), strict=True)}


def table(rows: list[dict[str, Any]]) -> None:
    """Mean over the seeds of each model and row, with its interval over the seeds, and the seeds one by one."""
    from scipy import stats

    print(
        f"{'model, row':24}{'n':>6}{'seeds':>7}{'accuracy, 95 % over seeds':>28}{'log loss':>10}{'ECE':>7}{'floor':>7}  each seed"
    )
    groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for one in rows:
        groups.setdefault((one["model"], one["row"], one["n"]), []).append(one)
    for (model, name, n), group in sorted(groups.items(), key=lambda item: (item[0][0], ROWS.index(item[0][1]))):
        found = np.array([100 * one["accuracy"] for one in group])
        half = stats.t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / len(found) ** 0.5 if len(found) > 1 else None
        told = f"{found.mean():.1f}" + (
            "" if half is None else f" [{found.mean() - half:.1f}, {found.mean() + half:.1f}]"
        )
        each = ", ".join(f"{one['seed']}: {value:.1f}" for one, value in zip(group, found, strict=True))
        sure = [
            f"{np.mean(known):.3f}" if (known := [one[key] for one in group if key in one]) else ""
            for key in ("nll", "ece", "ece_floor")
        ]
        print(f"{model + ', ' + name:24}{n:6}{len(found):7}{told:>28}{sure[0]:>10}{sure[1]:>7}{sure[2]:>7}  {each}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", choices=ROWS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", choices=MODELS, default="mpnet")
    parser.add_argument("--texts", type=int, default=1500, help="judged texts of the test file; 7600 are all")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    if args.row == "setfit" and "SETFIT_PYTHON" not in os.environ:
        sys.exit("the row setfit needs SETFIT_PYTHON, a Python that has the package setfit")
    if args.row:
        KEPT.make(f"{args.model}-{args.row}-{args.texts}-seed{args.seed}", lambda: run(args), DATA)
    KEPT.publish(table)


if __name__ == "__main__":
    main()
