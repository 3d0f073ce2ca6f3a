"""Claim: a small Llama learns more of a language in twenty minutes here than in the plain Trainer, and each part helps.

    python bench/pretrain.py --row llamita --seed 0    one row (resumable; --minutes 20 is the budget of its training)
    python bench/pretrain.py                           print the table of the rows that are there, write bench/results/

A Llama of about 10 million parameters and 8,000 pieces of its own, from fresh weights, on Shakespeare, the validation part of
WikiText-2 and LibreOffice's English messages and help; bits per byte on a twentieth of the documents that nothing saw. The
pace of a row is taken once, before it, and says how many steps fit the budget; reading, tokenising and measuring are left
out of it. Rows: llamita (the step as it is), trainer-defaults (transformers.Trainer over blocks of joined documents, as
run_clm.py cuts them, all its settings), trainer (the same with our batch, window, learning rate and schedule, in bf16 where
ours is), and ours with one part changed: unpacked, mixed (causal and masked rows), growing (windows that grow), copies
(nothing is left out), weighted (books and WikiText count four times).
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from dataclasses import dataclass, replace
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
    "unpacked": {"packing": "off", "batch_size": 4096, "max_tokens": 4096},  # as many tokens a step as packed rows have
    "mixed": {"objective": "mixed"},
    "growing": {"growing": True},
    "copies": {"copies": "keep", "filtered": False},
    "weighted": {},
}
PEERS = ("trainer", "trainer-defaults")
MODEL, PIECES, WINDOW = "config:llama:10m", 8000, 256
PILOT = 20
"""Steps by which the pace is taken, after a training of three that warms up."""


def run(row: str, seed: int, minutes: float) -> dict[str, Any]:
    """Train one row for so long and measure it once."""
    import torch

    from llamita.core.context import Run
    from llamita.core.hardware import machine, num_cores, versions
    from llamita.core.registry import build
    from llamita.workshop import open_task

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(num_cores())
    weights = (4.0, 4.0, 1.0) if row == "weighted" else (1.0, 1.0, 1.0)
    train = {str(SHARED / name): weight for name, weight in zip(SOURCES, weights, strict=True)}
    task = open_task({"language": {"train": train, "seed": 0}})  # the same documents are held back whatever the seed
    folder = KEPT.folder / f"{row}-seed{seed}-{minutes:g}min"
    folder.mkdir(parents=True, exist_ok=True)
    where = Run(folder=folder, task=task, seed=seed)
    step = build("learn.pretrain", {"tokenizer": "bpe", "pieces": PIECES, "window": WINDOW, **PARTS.get(row, {})})
    texts, weights_of_texts = step._documents(where)
    lesson = Lesson(step=step, where=where, texts=texts, weights=weights_of_texts)
    model, told = by_trainer(lesson, 60 * minutes, row) if row in PEERS else by_step(lesson, 60 * minutes)
    findings = build("measure.quality").measure(model, task, where)
    found = {f.name: {"value": f.value, "interval": f.interval, "n": f.n} for f in findings}
    return {
        "row": row, "seed": seed, "minutes": minutes, "findings": found, "parameters": model.num_parameters, **told,
        "documents": len(task.train), "machine": machine(), "versions": versions(),
    }  # fmt: skip


def by_step(lesson: Lesson, seconds: float) -> tuple[Model, dict[str, Any]]:
    """As `Pretrain` trains, with as many epochs as the budget has room for."""
    from llamita.train.batches import batches_in_order
    from llamita.train.language import LanguageLoss, TokenExamples
    from llamita.train.loop import fit
    from llamita.train.pace import default_learning_rate
    from llamita.train.settings import loop_settings

    where, size = lesson.where, lesson.step.batch_size

    def trained(epochs: float, most: int, into: Run) -> tuple[Model, int, int, float]:
        model = lesson.begun()
        rows = lesson.windows(model, epochs)
        cut = batches_in_order(
            rows.lengths, batch_size=size, seed=where.seed, max_tokens=lesson.step.max_tokens or 0,
            alike_within=() if rows.packed else rows.plan.borders,
        )  # fmt: skip
        # a pilot sees of short rows and long ones as many as the whole
        number = min(most, len(cut))
        cut = [cut[i * len(cut) // number] for i in range(number)]
        source = TokenExamples(rows=rows, lengths=rows.lengths)  # type: ignore[arg-type]
        settings = loop_settings(lesson.step, 10 * default_learning_rate(model))
        began = time.perf_counter()
        fit(model, source, cut, LanguageLoss(), settings, into)
        return model, len(cut), sum(rows.lengths[i] for batch in cut for i in batch), time.perf_counter() - began

    def pace() -> dict[str, float]:
        _, _, tokens, spent = [trained(1.0, n, where.at(where.folder / f"pilot-{n}")) for n in (3, PILOT)][-1]
        whole = sum(lesson.windows(lesson.begun(), 1.0).lengths)
        return {"tokens_per_second": tokens / spent, "tokens_per_epoch": whole}

    known = kept(where.folder / "pace.json", pace)
    epochs = seconds * known["tokens_per_second"] / known["tokens_per_epoch"]
    model, steps, tokens, spent = trained(epochs, 1 << 30, where)
    return model, {"epochs": epochs, "steps": steps, "tokens": tokens, "seconds": spent, **known}


def by_trainer(lesson: Lesson, seconds: float, row: str) -> tuple[Model, dict[str, Any]]:
    """transformers.Trainer over blocks of joined documents, with as many steps as the budget has room for."""
    import torch
    from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments

    from llamita.core.hardware import has_fast_bf16
    from llamita.train.frame import document_frame
    from llamita.train.pace import default_learning_rate

    step, where = lesson.step, lesson.where

    def trained(steps: int, into: Path) -> tuple[Model, float]:
        model = lesson.begun()
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
            output_dir=str(into), max_steps=steps, seed=where.seed, use_cpu=True, report_to="none", save_strategy="no",
            disable_tqdm=True, **(ours if row == "trainer" else {}),
        )  # fmt: skip
        collator = DataCollatorForLanguageModeling(model.tokenizer, mlm=False)
        torch.manual_seed(where.seed)
        trainer = Trainer(model=model.module, args=arguments, train_dataset=blocks, data_collator=collator)
        began = time.perf_counter()
        trainer.train()
        model.module.eval()
        return model, time.perf_counter() - began

    def pace() -> dict[str, float]:
        spent = [trained(n, where.folder / "pilot")[1] for n in (3, PILOT)]
        return {"seconds_per_step": spent[-1] / PILOT}

    steps = max(1, round(seconds / kept(where.folder / "pace.json", pace)["seconds_per_step"]))
    model, spent = trained(steps, where.folder / "trainer")
    return model, {"steps": steps, "seconds": spent}


def kept(file: Path, make: Any) -> dict[str, float]:
    """What was written there, or is made and written now: a resumed row follows the plan it began with."""
    if not file.exists():
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
    args = parser.parse_args()
    if args.row:
        key = f"{args.row}-{args.minutes:g}min-seed{args.seed}"
        KEPT.make(key, lambda: run(args.row, args.seed, args.minutes), SHARED / "books")
    KEPT.publish(table)


if __name__ == "__main__":
    main()
