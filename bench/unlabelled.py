"""Claim: texts without labels and a language model that can be asked are enough for a light classifier.

    python bench/unlabelled.py --row zero     one teacher and what learns from it (resumable; a quarter of an hour)
    python bench/unlabelled.py                print the table of the rows that are there, write bench/results/

AG News: 600 training texts whose labels nobody is shown, 400 test texts with hidden labels (--texts, --tests for more).
Rows, by the teacher: zero, SmolLM2-135M-Instruct asked without examples; eight, with eight labelled examples; mpnet,
all-mpnet-base-v2 fine-tuned on 1,000 other labelled texts, a better one for comparison. "Calibrated" teachers are fitted to
67 hand labels (a third of 200), which are neither examples nor texts of the other sets. MiniLM learns from the calibrated
teacher's probabilities, and, for comparison, from its answers alone; TF-IDF with a linear model learns from its answers.
"By hand labels": the student's temperature is fitted to the 67 hand labels too, as `lighten` does.
"""

from __future__ import annotations

import argparse
import logging
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from rows import SHARED, Rows, judged

KEPT = Rows(
    name="unlabelled", command="python bench/unlabelled.py --row ROW --seed N --texts N --tests N", first="--row zero"
)
DATA = SHARED / "agnews"
LABELS = ("Business", "Sci/Tech", "Sports", "World")
WORDS = {"Sci/Tech": "Technology"}
PROMPT = "News: {text}\nTopic:"
ROWS = ("zero", "eight", "mpnet")
HAND, TAUGHT, EPOCHS = 67, 1000, 4.0


def sets(seed: int, texts: int, tests: int) -> dict[str, Any]:
    """Disjoint tables: examples, hand labels, the better teacher's lessons, texts without labels, and the test."""
    from llamita.data.read import read_table

    train, test = read_table(DATA / "train.csv"), read_table(DATA / "test.csv")
    order = np.random.default_rng(seed).permutation(len(train)).tolist()
    ends = np.cumsum([64, HAND, TAUGHT, texts])
    names = ("examples", "hand", "lessons", "texts")
    cut = {
        name: train.take(order[end - size : end])
        for name, end, size in zip(names, ends, (64, HAND, TAUGHT, texts), strict=True)
    }
    known = set(test.texts)
    assert not any(text in known for text in cut["texts"].texts)
    return cut | {"test": test.take(np.random.default_rng(seed).permutation(len(test))[:tests].tolist())}


def teacher_of(row: str, cut: dict[str, Any], seed: int, threads: int) -> Any:
    """The row's teacher, ready to answer."""
    from llamita.core.registry import build
    from llamita.core.store import Store
    from llamita.tasks.asking import Shots, ask
    from llamita.tasks.likelihood import Prompt
    from llamita.workshop import Workshop, open_engine, open_task

    if row != "mpnet":
        model = open_engine("smollm2", threads=threads)
        more = {"examples": Shots(data=cut["examples"], seed=seed)} if row == "eight" else {}
        return ask(model, LABELS, words=WORDS, prompt=Prompt(start="", text=PROMPT), **more)  # type: ignore[arg-type]
    task = open_task({"classify": {"train": cut["lessons"], "test": cut["hand"], "labels": LABELS, "seed": seed}})
    shop = Workshop(store=Store(folder=KEPT.folder / "stages"), task=task, threads=threads, seed=seed)
    path = os.environ.get("LLAMITA_MPNET", "sentence-transformers/all-mpnet-base-v2")
    return shop.open(shop.chain(shop.start(path), [build("finetune", {"epochs": 3.0}), build("calibrate")]))


def answers(row: str, cut: dict[str, Any], seed: int, threads: int) -> Path:
    """The teacher's answers to all texts, kept as they come."""
    from llamita.tasks.recorded import recorded

    folder = KEPT.folder / f"answers-{row}-{seed}-{len(cut['texts'])}-{len(cut['test'])}"
    if folder.exists():
        return folder
    texts = [*cut["hand"].texts, *cut["texts"].texts, *cut["test"].texts]
    engine, rows, seconds = None, [], 0.0
    part = folder.with_name(f".{folder.name}.part")
    part.mkdir(parents=True, exist_ok=True)
    engine = teacher_of(row, cut, seed, threads)
    for start in range(0, len(texts), 64):
        file = part / f"{start}.npz"
        if not file.exists():
            began = time.perf_counter()
            found = engine.text_logits(texts[start : start + 64])
            np.savez(part / ".new.npz", logits=found, seconds=time.perf_counter() - began)
            (part / ".new.npz").replace(file)
        with np.load(file) as kept:
            rows.append(kept["logits"])
            seconds += float(kept["seconds"])
    recorded(engine, texts, np.concatenate(rows), seconds=seconds).save(part)
    for file in part.glob("*.npz"):
        file.unlink()
    part.replace(folder)
    return folder


def run(row: str, seed: int, texts: int, tests: int, threads: int) -> dict[str, Any]:
    """Everything of one row."""
    from llamita.core.hardware import machine, versions
    from llamita.core.scaling import fit_vector
    from llamita.tasks.recorded import open_folder

    cut = sets(seed, texts, tests)
    plain = open_folder(answers(row, cut, seed, threads))
    order = [plain.labels.index(label) for label in LABELS]
    gold = np.array([LABELS.index(label) for label in cut["test"].labels])
    hand = np.array([plain.labels.index(label) for label in cut["hand"].labels])
    fitted = plain.scaled(*fit_vector(plain.as_given(cut["hand"].texts), hand))
    found: dict[str, Any] = {}
    for name, teacher in {"as it comes": plain, "calibrated": fitted}.items():
        found[f"teacher, {name}"] = judged(teacher.scores(cut["test"].texts)[:, order], gold)
        print(row, f"teacher, {name}", shown(found[f"teacher, {name}"]), flush=True)
    for student, scores in learned(fitted, cut, seed, threads).items():
        found[student] = judged(scores, gold)
        print(row, student, shown(found[student]), flush=True)
    asked = len(plain.keys)
    return {
        "row": row, "seed": seed, "texts": texts, "n": len(gold), "found": found, "threads": threads,
        "seconds_a_text": plain.about["seconds"] / asked, "asked": asked, "machine": machine(), "versions": versions(),
    }  # fmt: skip


def learned(teacher: Any, cut: dict[str, Any], seed: int, threads: int) -> dict[str, np.ndarray]:
    """The students' probabilities on the test texts, columns in the order of LABELS; the task holds the teacher's labels only."""
    from llamita.core.engine import softmax
    from llamita.core.registry import build
    from llamita.core.scaling import fit_scales
    from llamita.core.store import Store, address
    from llamita.learn.linear import fit_linear
    from llamita.workshop import Stage, Workshop, open_task

    texts = cut["texts"].texts
    given = [teacher.labels[i] for i in teacher.scores(texts).argmax(axis=1)]
    unused = ([cut["hand"].texts[0]], [LABELS[0]])
    task = open_task({"classify": {"train": (texts, given), "test": unused, "labels": LABELS, "seed": seed}})
    key = address({"answers": [list(map(float, row)) for row in teacher.text_logits(texts)]})
    store = Store(folder=KEPT.folder / "stages")
    folder = store.stage(key, "teacher", teacher.save)
    shop = Workshop(store=store, task=task, threads=threads, seed=seed)
    student, said = shop.start("minilm"), Stage(key=key, folder=folder, name=teacher.name)
    soft = [build("distill.logits", {"epochs": EPOCHS, "alpha": 1.0}), build("distill.temperature")]
    stages = {
        "MiniLM": shop.chain(student, soft, said),
        "MiniLM, answers alone": shop.chain(student, [build("finetune", {"epochs": EPOCHS}), build("calibrate")]),
    }
    engines = {name: shop.open(stage) for name, stage in stages.items()}
    engines["TF-IDF + linear"] = fit_linear(task, seed=seed)
    found = {name: engine.scores(cut["test"].texts) for name, engine in engines.items()}
    hand = np.array([LABELS.index(label) for label in cut["hand"].labels])
    for name in stages:
        scale, _ = fit_scales("temperature", engines[name].text_logits(cut["hand"].texts), hand)
        found[f"{name}, by hand labels"] = softmax(engines[name].text_logits(cut["test"].texts) * scale)
    return found


def shown(found: dict[str, Any]) -> dict[str, float]:
    return {key: round(value, 4) for key, value in found.items() if isinstance(value, float)}


def table(rows: list[dict[str, Any]]) -> None:
    """Print all rows."""
    print(f"{'row, seed, texts, n':24}{'':38}{'accuracy, 95 %':>22}{'NLL':>8}{'ECE':>8}{'- floor':>9}{'s a text':>10}")
    for one in rows:
        start, pace = f"{one['row']}, {one['seed']}, {one['texts']}, {one['n']}", f"{one['seconds_a_text']:.3f}"
        for kind, f in one["found"].items():
            low, high = (100 * end for end in f["interval"])
            print(
                f"{start:24}{kind:38}{100 * f['accuracy']:8.1f} [{low:.1f}, {high:.1f}]{f['nll']:8.3f}{f['ece']:8.3f}"
                f"{f['ece_above_floor']:9.3f}{pace:>10}"
            )
            start = pace = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", choices=ROWS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--texts", type=int, default=600)
    parser.add_argument("--tests", type=int, default=400)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if args.row:
        key = f"{args.row}-seed{args.seed}-{args.texts}-{args.tests}"
        KEPT.make(key, lambda: run(args.row, args.seed, args.texts, args.tests, args.threads), DATA)
    KEPT.publish(table)


if __name__ == "__main__":
    main()
