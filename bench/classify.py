"""Claim: small classifiers reach published scores: MiniLM taught by mpnet, and a multilingual encoder cut to Chinese.

    python bench/classify.py --row agnews-student --seed 0    one row (resumable; what it rests on is made first)
    python bench/classify.py                                  print the table of the rows that are there, write bench/results/

Data sets: sst2 (phrases; GLUE's validation), agnews (9,991 texts), chnsenticorp, thucnews; all in ../shared/data, skipped
where that is missing. Rows of each: teacher, student (distilled from it), alone (the same student and steps without a
teacher), int8 (the student exported to ONNX), linear (TF-IDF, tuned on select), static (model2vec's token embeddings of the
student's base, with a linear model tuned on select). Nothing is chosen on the test split; temperatures are fitted on select.
"""

from __future__ import annotations

import argparse
import csv
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rows import SHARED, Rows

if TYPE_CHECKING:
    from llamita.core.step import Step
    from llamita.workshop import Stage, Workshop

KEPT = Rows(name="classify", command="python bench/classify.py --row ROW --seed N", first="--row agnews-linear")
ROWS = ("teacher", "student", "alone", "int8", "linear", "static")


@dataclass(frozen=True, kw_only=True)
class Contest:
    """A data set, who teaches it and who learns it."""

    test: str
    teacher: str
    student: str
    target: float
    """Accuracy asked of the student."""
    teacher_epochs: float
    epochs: float
    """Of the student, with and without a teacher."""
    max_length: int
    """Tokens a text is cut to."""
    teacher_batch: int = 32
    select: str = ""
    """The file for choices; none: a tenth of the training texts is cut off."""
    reviews: str = ""
    """A data set whose training texts, cut into sentences and without their labels, the teacher answers for the student too."""
    cut: bool = False
    """Whether the student's vocabulary is cut to the texts."""
    fresh: bool = True
    """Whether the student begins as it came; else as the teacher, which has learned the task."""


CONTESTS = {
    "sst2": Contest(
        test="validation.csv", teacher="mpnet", student="minilm", target=0.915, teacher_epochs=1, teacher_batch=64, epochs=4,
        max_length=56, reviews="imdb",
    ),
    "agnews": Contest(
        test="test.csv", teacher="mpnet", student="minilm", target=0.91, teacher_epochs=2, epochs=6, max_length=96
    ),
    "chnsenticorp": Contest(
        test="test.csv", teacher="e5", student="e5", target=0.93, teacher_epochs=3, epochs=6, max_length=192, cut=True,
        select="validation.csv",
    ),
    "thucnews": Contest(
        test="test.csv", teacher="e5", student="e5", target=0.89, teacher_epochs=5, epochs=1, max_length=48, cut=True,
        fresh=False,
    ),
}  # fmt: skip


def sentences(file: Path) -> Iterator[str]:
    """The sentences of reviews, of four to forty words, cut into words as SST-2's are (it 's, is n't)."""
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            for sentence in re.split(r"(?<=[.!?])\s+|(?:<br\s*/?>\s*)+", row["text"]):
                apart = re.sub(r"n't\b", " n't", re.sub(r"(?<=\w)('(?:s|re|ve|ll|d|m)\b)", r" \1", sentence.lower()))
                words = re.findall(r"n't|'\w+|\w+(?:-\w+)*|\.+|[^\w\s]", apart)
                if 4 <= len(words) <= 40:
                    yield " ".join(words)


def laid(model: str) -> str:
    """A packaged model's name, or the folder where ../shared/tools/models.py lays one that no package of ours carries."""
    if model not in ("mpnet", "e5"):
        return model
    folder = Path.home() / ".cache" / "llamita-models" / model
    if not (folder / "config.json").exists():
        subprocess.run([sys.executable, str(SHARED.parent / "tools" / "models.py"), model], check=True)
    return str(folder)


def run(name: str, row: str, seed: int) -> dict[str, Any]:
    """One row: its model is made, or found where it was made, and asked for the test split once."""
    from llamita.core.hardware import machine, versions
    from llamita.core.registry import build
    from llamita.core.store import Store
    from llamita.workshop import Workshop, open_task, set_threads

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    contest, folder = CONTESTS[name], SHARED / name
    data: dict[str, Any] = {"train": str(folder / "train.csv"), "test": str(folder / contest.test)}
    if contest.select:
        data["select"] = str(folder / contest.select)
    if contest.reviews and row in ("student", "int8"):
        data["unlabelled"] = list(sentences(SHARED / contest.reviews / "train.csv"))
    task = open_task({"classify": data | {"seed": seed, "max_length": contest.max_length}})
    shop = Workshop(store=Store(folder=KEPT.folder / name), task=task, threads=set_threads(None), seed=seed)
    chosen: dict[str, Any] = {}
    if row == "static":
        found = static(shop, contest)
        size, parameters = found.pop("size_bytes"), found.pop("parameters")
    else:
        stage = made(shop, contest, row)
        measures = [build("quality"), build("calibration")]
        findings = shop.measure(stage, measures)
        chosen = {f.name: f.value for f in shop.measure(stage, measures, split="select")}
        found = {f.name: {"value": f.value, "interval": f.interval, "n": f.n} for f in findings}
        engine = shop.open(stage)
        size, parameters = engine.size_bytes, engine.num_parameters
    return {
        "data": name, "row": row, "seed": seed, "findings": found, "size_bytes": size, "parameters": parameters,
        "select_findings": chosen, "train": len(task.train), "unlabelled": len(task.unlabelled), "select": len(task.select),
        "machine": machine(), "versions": versions(),
    }  # fmt: skip


def made(shop: Workshop, contest: Contest, row: str) -> Stage:
    """The model or artifact of a row."""
    from llamita.core.registry import build
    from llamita.core.task import Split
    from llamita.proof import LinearBaseline

    if row == "linear":
        return LinearBaseline.fit(shop).artifact
    if row == "int8":
        return shop.export(made(shop, contest, "student"), build("export.onnx"))
    calibrated = build("calibrate")
    learned = build("finetune", {"epochs": contest.teacher_epochs, "batch_size": contest.teacher_batch})
    if row == "teacher":
        assert shop.task is not None
        plain = replace(shop, task=replace(shop.task, unlabelled=Split(texts=())))
        return plain.chain(shop.start(laid(contest.teacher)), (learned, calibrated))
    taught = row == "student"
    lesson = build("distill.logits" if taught else "finetune", {"epochs": contest.epochs})
    cut: tuple[Step, ...] = (build("prune.vocabulary"),) if contest.cut else ()
    before: tuple[Step, ...] = () if contest.fresh else (learned,)
    teacher = made(shop, contest, "teacher") if taught else None
    return shop.chain(shop.start(laid(contest.student)), (*before, *cut, lesson, calibrated), teacher)


def static(shop: Workshop, contest: Contest) -> dict[str, Any]:
    """model2vec's embeddings of the student's base, and logistic regression on them, its strength chosen on select."""
    task = shop.task
    assert task is not None
    import numpy as np
    from model2vec.distill import distill_from_model
    from sklearn.linear_model import LogisticRegression
    from transformers import AutoModel, AutoTokenizer

    from llamita.core.measure import Finding
    from llamita.core.registry import build
    from llamita.measure.calibration import calibration_findings

    base = shop.start(laid(contest.student))
    path = shop.apply(base, build("prune.vocabulary")).folder if contest.cut else base.folder
    vectors = distill_from_model(
        model=AutoModel.from_pretrained(path, dtype="float32"),
        tokenizer=AutoTokenizer.from_pretrained(path),
        device="cpu",
    )
    train, select, test = (vectors.encode(list(split.texts)) for split in (task.train, task.select, task.test))

    def fitted(strength: float) -> LogisticRegression:
        return LogisticRegression(C=strength, max_iter=2000, random_state=shop.seed).fit(train, task.train.labels)

    def doubt(model: LogisticRegression) -> float:
        shares = model.predict_proba(select)[np.arange(len(select)), np.asarray(task.select.labels)]
        return float(-np.log(np.clip(shares, 1e-12, 1)).mean())

    best = min((fitted(strength) for strength in (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)), key=doubt)
    scores = best.predict_proba(test)
    found: list[Finding] = [*task.score(scores, task.test), *calibration_findings(scores, np.asarray(task.test.labels))]
    numbers = vectors.embedding.size + best.coef_.size + best.intercept_.size
    rows = {f.name: {"value": f.value, "interval": f.interval, "n": f.n} for f in found}
    return {**rows, "size_bytes": vectors.embedding.nbytes + best.coef_.nbytes, "parameters": int(numbers)}


def table(rows: list[dict[str, Any]]) -> None:
    """Print every row: seeds beside each other, their mean last."""
    print(f"{'':24}{'accuracy, each seed [95 %]':60}{'mean':>7}{'ECE':>7}{'NLL':>7}{'million':>9}{'MB':>8}")
    for name, contest in CONTESTS.items():
        for row in ROWS:
            here = [one for one in rows if (one["data"], one["row"]) == (name, row)]
            if not here:
                continue
            scores = [one["findings"]["quality.accuracy"] for one in here]
            each = ", ".join(
                f"{100 * s['value']:.1f} [{100 * s['interval'][0]:.1f}, {100 * s['interval'][1]:.1f}]" for s in scores
            )
            each += f", n = {scores[0]['n']:,}"

            def mean(finding: str, here: list[dict[str, Any]] = here) -> float:
                return sum(one["findings"][finding]["value"] for one in here) / len(here)

            print(
                f"{name + ' ' + row:24}{each:60}{100 * mean('quality.accuracy'):7.1f}"
                f"{mean('calibration.ece'):7.3f}{mean('calibration.nll'):7.3f}{here[0]['parameters'] / 1e6:9.1f}"
                f"{here[0]['size_bytes'] / 1e6:8.1f}"
            )
            if row == "student":
                met = "met" if mean("quality.accuracy") >= contest.target else "missed"
                print(
                    f"{'':24}asked of the student: {100 * contest.target:.1f}, {met} by the mean of {len(here)} seed(s)"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", choices=[f"{name}-{row}" for name in CONTESTS for row in ROWS])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.row:
        name, row = args.row.split("-")
        KEPT.make(f"{args.row}-seed{args.seed}", lambda: run(name, row, args.seed), SHARED / name)
    KEPT.publish(table)


if __name__ == "__main__":
    main()
