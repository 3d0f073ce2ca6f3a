"""Claim: a small Llama learns more of a language in twenty minutes here than in the plain Trainer, and each part helps.

    python bench/pretrain.py --pace                    every row's pace, one after another: on a machine that does nothing else
    python bench/pretrain.py --row llamita --seed 0    one row (resumable; --minutes 20 is the budget of its training)
    python bench/pretrain.py                           print the table of the rows that are there, write bench/results/

A Llama of 12.8 million parameters (10.2 without its head) and 8,000 pieces of its own, from fresh weights, on Shakespeare, the
validation part of WikiText-2 and LibreOffice's English messages and help; bits per byte on a twentieth of the documents that
nothing saw. The pace of a row is taken before it, three times beside the first row's, and its median says how many steps fit
the budget, so that a training can run beside other work; reading, tokenising and measuring are left out of it. Rows: llamita
(the step as it is), trainer-defaults (transformers.Trainer over blocks of joined documents, as run_clm.py cuts them, all its
settings), trainer (the same with our batch, window, learning rate and schedule, in bf16 where ours is), and ours with one part
changed: compiled (by torch, as a long training is by itself where it pays; what that takes counts), unpacked, mixed (causal and
masked rows), growing (windows that grow), copies (nothing is left out), weighted (books and WikiText count four times). These last
two differ in their documents alone, and have as many steps as the first row.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import statistics
import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rows import SHARED, Rows

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.model import Model
    from llamita.learn._rows import Windows
    from llamita.learn.pretrain import Pretrain


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What a row learns from, and where it works."""

    step: Pretrain
    where: Run
    texts: list[str]
    weights: list[float]

    def begun(self) -> Model:
        """The fresh model with a tokenizer of the documents; each seed has its own weights."""
        import torch

        from llamita.core.model import Model
        from llamita.train.language_head import with_language_head

        model = Model.load(MODEL)
        torch.manual_seed(self.where.seed)
        for parameter in model.module.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.02)
        self.step._retokenize(model, lambda: self.texts, self.where.folder)
        return with_language_head(model)

    def windows(self, model: Model, epochs: float) -> Windows:
        from llamita.learn._rows import encoded

        step = replace(self.step, epochs=epochs)
        return step._windows(model, encoded(model, self.texts), self.weights, self.where.seed)


KEPT = Rows(name="pretrain", command="python bench/pretrain.py --row ROW --seed N", first="--row llamita")
SOURCES = ("books", "wikitext2/validation_tokenized.txt", "gettext")
PARTS: dict[str, dict[str, Any]] = {
    "llamita": {},
    "compiled": {},
    "unpacked": {"packing": "off", "batch_size": 4096, "max_tokens": 4096},  # as many tokens a step as packed rows have
    "mixed": {"objective": "mixed"},
    "growing": {"growing": True},
    "copies": {"copies": "keep", "filtered": False},
    "weighted": {},
}
PEERS = ("trainer", "trainer-defaults")
STANDARD, ALIKE = "llamita", ("copies", "weighted")
"""Rows whose steps are those of the first, only of other documents: they have its pace, and as many steps."""
MODEL, PIECES, WINDOW = "config:llama:12.8m", 8000, 256
COMPILING = 60.0
"""Seconds that are taken off the budget for compiling, which takes 20 to 30 where nothing of it is kept."""
PILOT, TURNS = 12, 3
"""Steps by which a pace is taken, after a training of three that warms up, and how often; the median counts."""


@cache
def prepared(row: str, seed: int) -> Lesson:
    """The documents of a row, and the step or the settings it follows."""
    import torch

    from llamita.core.context import Run
    from llamita.core.hardware import num_cores
    from llamita.core.registry import build
    from llamita.learn._documents import own_documents
    from llamita.workshop import open_task

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(num_cores())
    weights = (4.0, 4.0, 1.0) if row == "weighted" else (1.0, 1.0, 1.0)
    train = {str(SHARED / name): weight for name, weight in zip(SOURCES, weights, strict=True)}
    task = open_task({"language": {"train": train, "seed": 0}})  # the same documents are held back whatever the seed
    folder = KEPT.folder / f"{row}-seed{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    where = Run(folder=folder, task=task, seed=seed, compile="on" if row == "compiled" else "off")
    settings = {"tokenizer": "bpe", "pieces": PIECES, "window": WINDOW, "batch_size": 16, **PARTS.get(row, {})}
    step = build("learn.pretrain", settings)
    texts, weights_of_texts = own_documents(task, copies=step.copies, filtered=step.filtered)
    return Lesson(step=step, where=where, texts=texts, weights=weights_of_texts)


def run(row: str, seed: int, minutes: float) -> dict[str, Any]:
    """Train one row for so long and measure it once."""
    from llamita.core.hardware import machine, versions
    from llamita.core.registry import build

    lesson = prepared(row, seed)
    model, told = trained(row, seed, minutes, lesson)
    task = lesson.where.task
    assert task is not None
    findings = build("measure.quality").measure(model, task, lesson.where)
    found = {f.name: {"value": f.value, "interval": f.interval, "n": f.n} for f in findings}
    return {
        "row": row, "seed": seed, "minutes": minutes, "findings": found, "parameters": model.num_parameters, **told,
        "documents": len(task.train), "machine": machine(), "versions": versions(),
    }  # fmt: skip


def by_step(lesson: Lesson, epochs: float, most: int, into: Run) -> tuple[Model, int, int, float]:
    """As `Pretrain` trains: the model, its steps, their tokens, and seconds."""
    from llamita.train.batches import batches_in_order
    from llamita.train.language import LanguageLoss, TokenExamples
    from llamita.train.loop import fit
    from llamita.train.pace import default_learning_rate
    from llamita.train.settings import loop_settings

    model = lesson.begun()
    rows = lesson.windows(model, epochs)
    cut = batches_in_order(
        rows.lengths,
        batch_size=lesson.step.batch_size or 16,
        max_tokens=lesson.step.max_tokens or 0,
        padded=rows.packed,
    )
    # a pilot sees of short rows and long ones as many as the whole
    number = min(most, len(cut))
    cut = [cut[i * len(cut) // number] for i in range(number)]
    source = TokenExamples(rows=rows, lengths=rows.lengths)  # type: ignore[arg-type]
    settings = loop_settings(lesson.step, 10 * default_learning_rate(model))
    began = time.perf_counter()
    fit(model, source, cut, LanguageLoss(), settings, into)
    return model, len(cut), sum(rows.lengths[i] for batch in cut for i in batch), time.perf_counter() - began


def by_trainer(lesson: Lesson, row: str, steps: int, into: Path) -> tuple[Model, float]:
    """transformers.Trainer over blocks of joined documents: the model, and seconds."""
    import torch
    from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments

    from llamita.core.hardware import has_fast_bf16
    from llamita.train.frame import document_frame
    from llamita.train.pace import default_learning_rate

    model, step, seed = lesson.begun(), lesson.step, lesson.where.seed
    before, after = document_frame(model)  # measured documents begin so too
    bare = model.tokenizer(lesson.texts, add_special_tokens=False, verbose=False)["input_ids"]
    ids = [i for row in bare for i in (*before, *row, *after)]
    width = WINDOW if row == "trainer" else model.max_length
    blocks = [{"input_ids": ids[i : i + width]} for i in range(0, len(ids) - width + 1, width)]
    ours: dict[str, Any] = {
        "learning_rate": 10 * default_learning_rate(model), "lr_scheduler_type": "cosine", "warmup_steps": steps // 20,
        "weight_decay": step.weight_decay, "per_device_train_batch_size": step.batch_size, "bf16": has_fast_bf16(),
    }  # fmt: skip
    arguments = TrainingArguments(
        output_dir=str(into), max_steps=steps, seed=seed, use_cpu=True, report_to="none", save_strategy="no",
        disable_tqdm=True, **(ours if row == "trainer" else {}),
    )  # fmt: skip
    collator = DataCollatorForLanguageModeling(model.tokenizer, mlm=False)
    torch.manual_seed(seed)
    trainer = Trainer(model=model.module, args=arguments, train_dataset=blocks, data_collator=collator)
    began = time.perf_counter()
    trainer.train()
    model.module.eval()
    return model, time.perf_counter() - began


def pace(row: str, turn: int) -> dict[str, float]:
    """Seconds of a whole pass over the documents (ours) or of a step (the peers), and before the first; measured once.

    A machine is faster on one day than on another: so a row's pace is told in the day's when the first row's was taken, which is
    taken once more beside it.
    """

    def taken() -> dict[str, float]:
        if row == STANDARD:
            return timed(row, turn)
        if row in ALIKE:
            return {
                "seconds": pace(STANDARD, turn)["seconds"]
                * whole(prepared(row, seed=0))
                / whole(prepared(STANDARD, seed=0))
            }
        then, now, own = (
            pace(STANDARD, turn)["seconds"],
            timed(STANDARD, turn, f"beside-{row}-")["seconds"],
            timed(row, turn),
        )
        return own | {"seconds": own["seconds"] * then / now, "standard_seconds": now}

    return kept(KEPT.folder / "pace" / f"{row}-{turn}.json", taken)


def whole(lesson: Lesson) -> int:
    """Tokens of a pass."""
    return sum(lesson.windows(lesson.begun(), 1.0).lengths)


def timed(row: str, turn: int, beside: str = "") -> dict[str, float]:
    """The pace of a row as the machine is now."""
    lesson, spent = prepared(row, seed=0), 0.0

    def pilot(steps: int) -> Run:
        """Where a pilot works, in no earlier one's checkpoints."""
        return lesson.where.at(lesson.where.folder / f"pilot-{beside}{turn}-{steps}")

    if row == "compiled":  # what is spent before the first step is told by a few and many of them
        by_step(lesson, 1.0, 3, pilot(3))  # torch keeps what it compiled: both below find it
        (few, brief), (many, long) = (by_step(lesson, 1.0, n, pilot(n))[2:] for n in (4, 4 * PILOT))
        each = (long - brief) / (many - few)
        return {"seconds": each * whole(lesson), "before": COMPILING}
    for steps in (3, PILOT) if turn == 0 else (PILOT,):  # three to warm up
        if row in PEERS:
            spent = by_trainer(lesson, row, steps, lesson.where.folder / "pilot")[1] / steps
        else:
            _, _, tokens, seconds = by_step(lesson, 1.0, steps, pilot(steps))
            spent = seconds * whole(lesson) / tokens
    return {"seconds": spent}


def trained(row: str, seed: int, minutes: float, lesson: Lesson) -> tuple[Model, dict[str, Any]]:
    """The model after as many steps as the budget has room for, and what is to be told of them."""
    taken = [pace(row, turn) for turn in range(TURNS)]
    unit = statistics.median(one["seconds"] for one in taken)
    before = max(
        one.get("before", 0.0) for one in taken
    )  # torch keeps what it compiled, so only the first turn shows it
    if row in PEERS:
        steps = max(1, round(60 * minutes / unit))
        model, spent = by_trainer(lesson, row, steps, lesson.where.folder / "trainer")
        return model, {"steps": steps, "seconds_per_step": unit, "seconds": spent}
    epochs = (60 * minutes - before) / unit
    into = lesson.where.at(lesson.where.folder / f"{minutes:g}min")
    model, steps, tokens, spent = by_step(lesson, epochs, 1 << 30, into)
    return model, {"steps": steps, "tokens": tokens, "epochs": epochs, "seconds_per_epoch": unit, "seconds_before": before,
                   "seconds": spent}  # fmt: skip


def kept(file: Path, make: Any) -> dict[str, float]:
    """What was written there, or is made and written now: a resumed row follows the plan it began with."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(make()), encoding="utf-8")
        part.replace(file)
    return json.loads(file.read_text(encoding="utf-8"))


def table(rows: list[dict[str, Any]]) -> None:
    """Print every row, and for rows with several seeds their spread."""
    print(f"{'':18}{'seed':>5}{'minutes':>9}{'bits per byte [95 %]':>26}{'n':>7}{'steps':>8}{'million tokens':>16}")
    for row in sorted(rows, key=lambda one: (one["minutes"], one["findings"]["quality.bits_per_byte"]["value"])):
        bits = row["findings"]["quality.bits_per_byte"]
        told = f"{bits['value']:.4f} [{bits['interval'][0]:.4f}, {bits['interval'][1]:.4f}]"
        tokens = f"{row['tokens'] / 1e6:.2f}" if "tokens" in row else ""
        print(f"{row['row']:18}{row['seed']:5}{row['minutes']:9g}{told:>26}{bits['n']:7,}{row['steps']:8,}{tokens:>16}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", choices=[*PARTS, *PEERS])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--pace", action="store_true", help="take the paces of all rows by turns, and train nothing")
    args = parser.parse_args()
    if args.pace and (SHARED / "books").exists():
        for turn, row in itertools.product(range(TURNS), (*PARTS, *PEERS)):
            print(f"{row:18} turn {turn}: {pace(row, turn)['seconds']:8.2f} s", flush=True)
        return
    if args.row:
        key = f"{args.row}-{args.minutes:g}min-seed{args.seed}"
        KEPT.make(key, lambda: run(args.row, args.seed, args.minutes), SHARED / "books")
    KEPT.publish(table)


if __name__ == "__main__":
    main()
