"""Claim: fine-tuning here takes in more tokens of text a second than the plain Hugging Face Trainer, at the same loss.

    python bench/train_speed.py --row minilm-sst2      one row (resumable: each round is kept), minutes on 2 cores
    python bench/train_speed.py --row smollm2-sst2     about a quarter of an hour; also minilm-wiki, smollm2-wiki
    python bench/train_speed.py                        print the table of the rows that are there, write bench/results/

The same model, texts, number of texts in a batch, learning rates and dropout for each; they take turns in one process, round
by round, each round on other texts from the same start: batches drawn from a whole epoch that Trainer has grouped by length,
so that its grouping has all texts to choose from, as in a training, and not those of twenty steps (rows without "epoch" in
their name are older and had those alone). On SST-2 a classifier is fine-tuned, on WikiText the pretraining goes on (masked
for MiniLM, causal for SmolLM2) on the same paragraphs, ours in packed rows of as many tokens a batch. "default": Trainer as
it comes, padding to the longest of random batches. "grouped": the batches as they were grouped, and bf16 autocast where the
machine is fast at it. Padding counts as nothing: what is compared is tokens of texts a second, between the beginning of the
second step and that of the last, by the clock and in CPU seconds of the process (on one thread these say the same, also while
others keep the machine busy). "compiled" is ours with the layers compiled beforehand, as a training of some minutes has them
by itself where that pays; the seconds it takes to compile them stand beside and are in no other figure. The share of the
matmul rate takes 6 floating-point operations for a parameter of the body and a token of text, against products of 1024 x
1024.
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rows import ROOT, SHARED, Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamita.core.model import Model

KEPT = Rows(name="train_speed", command="python bench/train_speed.py --row ROW", first="--row minilm-sst2")
TRAIN, WIKITEXT = ROOT / "examples" / "data" / "sst2_train.csv", SHARED / "wikitext2" / "validation_tokenized.txt"
ROWS = ("minilm-sst2", "minilm-wiki", "smollm2-sst2", "smollm2-wiki")
WINDOW, LEAST = 256, 16
"""Tokens of a row of WikiText, and of the shortest paragraph that is taken."""
KINDS = ("default", "grouped", "ours", "compiled")
TURNS = ("ours", "grouped", "compiled", "default")


class Clock:
    """Notes of each training step, of whichever Trainer, when it begins, what it reads and its loss."""

    def __init__(self) -> None:
        from transformers import Trainer

        self.notes: list[tuple[float, float, int, int, float]] = []
        plain = Trainer.training_step

        def noted(trainer: Any, model: Any, inputs: dict[str, Any], *given: Any, **named: Any) -> Any:
            began, spent = time.perf_counter(), time.process_time()
            read = inputs.get("inputs", inputs)
            useful, held = int(read["attention_mask"].sum()), read["input_ids"].numel()
            loss = plain(trainer, model, inputs, *given, **named)
            self.notes.append((began, spent, useful, held, float(loss)))
            return loss

        Trainer.training_step = noted  # type: ignore[method-assign]

    def taken(self) -> dict[str, Any]:
        """Of the steps since the last call: seconds, tokens of text and tokens in all from the second to the last, losses."""
        notes, self.notes = self.notes, []
        inner = notes[1:-1]
        return {
            "seconds": notes[-1][0] - notes[1][0], "cpu_seconds": notes[-1][1] - notes[1][1],
            "useful": sum(n[2] for n in inner), "held": sum(n[3] for n in inner), "losses": [n[4] for n in notes],
        }  # fmt: skip


class Films:
    """Fine-tuning a classifier on SST-2's sentences."""

    def __init__(self, model: str):
        from llamita.core.model import Model
        from llamita.core.sources import locate
        from llamita.tasks.classify import open_task

        self.task = open_task(train=str(TRAIN), test=[])
        self.start = self.task.fit_head(Model.load(locate(model)))
        self.texts: Sequence[Any] = self.task.train.texts
        self.lengths = [len(ids) for ids, _ in self.start.encoder.encode(self.texts)]

    def ours(self, model: Model, chosen: np.ndarray, how: Pace, folder: Path, compile: Any) -> None:
        from llamita.core.context import Run
        from llamita.learn.finetune import Finetune

        task = copy.copy(self.task)
        object.__setattr__(task, "train", self.task.train.take(chosen.tolist()))
        step = Finetune(epochs=1, batch_size=how.batch, learning_rate=how.rate)
        step.apply(model, Run(folder=folder, task=task, compile=compile))

    def theirs(self, model: Model, chosen: np.ndarray) -> tuple[list[dict[str, Any]], Any]:
        """Rows as `Trainer` takes them, and what makes batches of them."""
        from transformers import DataCollatorWithPadding

        from llamita.train.examples import encode

        part = self.task.train.take(chosen.tolist())
        rows = [
            {"input_ids": ids, "labels": label}
            for (ids, _), label in zip(encode(model, part.texts, self.task), part.labels, strict=True)
        ]
        return rows, DataCollatorWithPadding(model.tokenizer)


class Wiki:
    """Going on with pretraining on paragraphs of WikiText-2 that fit into a window: ours packs them, Trainer pads them."""

    def __init__(self, model: str):
        from llamita.core.model import Model
        from llamita.core.sources import locate
        from llamita.train.language_head import objective_of, with_language_head

        self.start = with_language_head(Model.load(locate(model)))
        self.objective = objective_of(self.start.module)
        lines = (line.strip() for line in WIKITEXT.read_text(encoding="utf-8").splitlines())
        paragraphs = [line for line in lines if line and not line.startswith("=")]
        self.ids = [ids for ids in self.start.tokenizer(paragraphs)["input_ids"] if LEAST < len(ids) <= WINDOW]
        self.texts = [self.start.tokenizer.decode(ids, skip_special_tokens=True) for ids in self.ids]
        self.lengths = [len(ids) for ids in self.ids]

    def ours(self, model: Model, chosen: np.ndarray, how: Pace, folder: Path, compile: Any) -> None:
        from llamita.core.context import Run
        from llamita.learn.pretrain import Pretrain
        from llamita.tasks.language import open_task

        texts = [self.texts[i] for i in chosen]
        held = sum(len(self.ids[i]) for i in chosen) / len(chosen) * how.batch
        step = Pretrain(
            window=WINDOW, batch_size=max(1, round(held / WINDOW)), learning_rate=how.rate, weight_decay=0.01, warmup=0.06,
            schedule="linear", dropout=True, copies="keep", filtered=False,
        )  # fmt: skip
        task = open_task(train=texts, test=["Nobody learns from this sentence."])
        step.apply(model, Run(folder=folder, task=task, compile=compile))

    def theirs(self, model: Model, chosen: np.ndarray) -> tuple[list[dict[str, Any]], Any]:
        from transformers import DataCollatorForLanguageModeling

        return [{"input_ids": self.ids[i]} for i in chosen], DataCollatorForLanguageModeling(
            model.tokenizer, mlm=self.objective == "masked"
        )


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What all kinds share."""

    batch: int
    """Texts in a batch, on average."""
    rate: float


def train_theirs(
    lesson: Films | Wiki, model: Model, chosen: np.ndarray, how: Pace, folder: Path, grouped: bool
) -> None:
    from transformers import Trainer, TrainingArguments

    from llamita.core.hardware import has_fast_bf16

    rows, pad = lesson.theirs(model, chosen)
    more: dict[str, Any] = {"train_sampling_strategy": "sequential", "bf16": has_fast_bf16()} if grouped else {}
    arguments = TrainingArguments(
        output_dir=str(folder), num_train_epochs=1, per_device_train_batch_size=how.batch, learning_rate=how.rate,
        weight_decay=0.01, warmup_steps=0.06, use_cpu=True, save_strategy="no", report_to="none", disable_tqdm=True,
        remove_unused_columns=False, **more,
    )  # fmt: skip
    Trainer(model=model.module, args=arguments, train_dataset=rows, data_collator=pad).train()  # type: ignore[arg-type]


def run(row: str, args: argparse.Namespace, file: Path) -> dict[str, Any]:
    """Rounds that are missing, each kept as soon as it is done; then what they say."""
    from llamita.core.hardware import machine, versions
    from llamita.core.model import Model
    from llamita.train.pace import default_learning_rate
    from llamita.workshop import set_threads

    threads = set_threads(args.threads)
    name, _, data = row.partition("-")
    lesson = {"sst2": Films, "wiki": Wiki}[data](name)
    how, body = Pace(batch=args.batch, rate=default_learning_rate(lesson.start)), body_size(lesson.start)
    found = (
        json.loads(file.read_text()) if file.exists() else {"rounds": [], "machine": machine(), "versions": versions()}
    )
    if found["machine"] != machine() or found["versions"] != versions():
        raise SystemExit(f"{file} holds rounds of another machine or other versions; remove it to begin again")
    found |= {"row": row, "batch": args.batch, "steps": args.steps, "threads": threads, "body": body, "rate": how.rate}
    clock = Clock()
    for turn in range(len(found["rounds"]), args.rounds):
        chosen = grouped_batches(lesson.lengths, args.batch, args.steps, turn)
        one: dict[str, Any] = {"matmul": matmul_rate()}
        first = turn % len(TURNS)
        for kind in TURNS[first:] + TURNS[:first]:
            torch.manual_seed(turn)
            model = Model(copy.deepcopy(lesson.start.module), lesson.start.tokenizer)
            began = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                if kind in ("ours", "compiled"):
                    lesson.ours(model, chosen, how, Path(folder), "on" if kind == "compiled" else "off")
                else:
                    train_theirs(lesson, model, chosen, how, Path(folder), kind == "grouped")
            one[kind] = clock.taken() | {"whole": time.perf_counter() - began}
        found["rounds"].append(one)
        file.write_text(json.dumps(found, indent=1))
        print(row, turn, {kind: round(one[kind]["useful"] / one[kind]["seconds"]) for kind in KINDS}, flush=True)
    return summary(found)


def grouped_batches(lengths: Sequence[int], batch: int, number: int, seed: int) -> np.ndarray:
    """The texts of so many batches, one batch after the other, out of a whole epoch that Trainer has grouped by length."""
    from transformers.trainer_pt_utils import get_length_grouped_indices

    epoch = np.array(get_length_grouped_indices(lengths, batch, generator=torch.Generator().manual_seed(seed)))
    batches = epoch[: len(epoch) // batch * batch].reshape(-1, batch)
    return batches[np.random.default_rng(seed).choice(len(batches), number, replace=False)].ravel()


def body_size(model: Any) -> int:
    """Parameters but for the tables of embeddings."""
    tables = {id(part.weight) for part in model.module.modules() if isinstance(part, torch.nn.Embedding)}
    return sum(p.numel() for p in model.module.parameters() if id(p) not in tables)


def matmul_rate() -> float:
    """Floating-point operations a second of a large product, in what ours computes in."""
    from llamita.core.hardware import has_fast_bf16

    left = torch.randn(1024, 1024, dtype=torch.bfloat16 if has_fast_bf16() else torch.float32)
    seconds = []
    for _ in range(20):
        began = time.perf_counter()
        left @ left
        seconds.append(time.perf_counter() - began)
    return 2 * 1024**3 / float(np.median(seconds))


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """Tokens a second of each, how many times as fast ours is, the share of the matmul rate, losses beside each other."""
    from llamita.core.statistics import ratio_interval

    rounds = found["rounds"]
    pace = {kind: np.array([r[kind]["useful"] / r[kind]["seconds"] for r in rounds]) for kind in KINDS}
    padding = {
        kind: 1 - sum(r[kind]["useful"] for r in rounds) / sum(r[kind]["held"] for r in rounds) for kind in KINDS
    }
    cpu = {kind: np.array([r[kind]["cpu_seconds"] / r[kind]["useful"] for r in rounds]) for kind in KINDS}
    speed = {kind: ratio_interval(1 / pace[kind], 1 / pace["ours"]) for kind in KINDS if kind != "ours"}
    cpu_speed = {kind: ratio_interval(cpu[kind], cpu["ours"]) for kind in KINDS if kind != "ours"}
    compiled = {kind: ratio_interval(1 / pace[kind], 1 / pace["compiled"]) for kind in KINDS[:3]}
    before = {kind: [r[kind]["whole"] - r[kind]["seconds"] for r in rounds] for kind in ("ours", "compiled")}
    compiling = [more - less for more, less in zip(before["compiled"], before["ours"], strict=True)]
    shares = {
        kind: [6 * found["body"] * p / r["matmul"] for p, r in zip(pace[kind], rounds, strict=True)] for kind in KINDS
    }
    thirds = {
        kind: [float(np.mean([np.array_split(r[kind]["losses"], 3)[part].mean() for r in rounds])) for part in range(3)]
        for kind in KINDS
    }
    return {
        "row": found["row"], "batch": found["batch"], "n": len(rounds), "threads": found["threads"],
        "tokens_per_second": {kind: float(np.median(pace[kind])) for kind in KINDS}, "padding": padding,
        "times_as_fast": {kind: [s.value, *(s.interval or ())] for kind, s in speed.items()},
        "times_less_cpu": {kind: [s.value, *(s.interval or ())] for kind, s in cpu_speed.items()},
        "compiled_times_as_fast": {kind: [s.value, *(s.interval or ())] for kind, s in compiled.items()},
        "seconds_to_compile": [round(seconds, 1) for seconds in compiling],
        "share_of_matmul": {kind: float(np.median(shares[kind])) for kind in KINDS}, "loss_by_thirds": thirds,
        "steps": found["steps"], "machine": found["machine"], "versions": found["versions"],
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> None:
    """Print all rows."""
    heads = f"{'row-texts-steps-bits, rounds':34}{'':9}{'tokens/s':>9}{'padding':>9}{'of matmul':>10}  loss by thirds"
    print(heads + f"{'ours is':>30}{'in CPU seconds':>24}")
    for one in rows:
        for kind in one["tokens_per_second"]:
            start = f"{one['key']}, {one['n']}" if kind == KINDS[0] else ""
            times = one["times_as_fast"].get(kind)
            speed = f"{times[0]:.2f}x [{times[1]:.2f}, {times[2]:.2f}]" if times else ""
            spared = one["times_less_cpu"].get(kind)
            cpu = f"{spared[0]:.2f}x [{spared[1]:.2f}, {spared[2]:.2f}]" if spared else ""
            losses = "  ".join(f"{loss:.3f}" for loss in one["loss_by_thirds"][kind])
            print(
                f"{start:34}{kind:9}{one['tokens_per_second'][kind]:9.0f}{100 * one['padding'][kind]:8.1f}%"
                f"{100 * one['share_of_matmul'][kind]:9.0f}%  {losses}{speed:>24}{cpu:>24}"
            )
        for kind, (value, low, high) in one.get("compiled_times_as_fast", {}).items():
            print(f"{'':34}compiled is {value:.2f}x [{low:.2f}, {high:.2f}] {kind}")
        if seconds := one.get("seconds_to_compile"):
            print(f"{'':34}seconds to compile, round by round: {', '.join(f'{s:.0f}' for s in seconds)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", choices=ROWS)
    parser.add_argument("--batch", type=int, default=32, help="texts in a batch")
    parser.add_argument("--steps", type=int, default=20, help="of each training")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    if args.row:
        from llamita.core.hardware import has_fast_bf16

        key = f"{args.row}-{args.batch}-{args.steps}-{'bf16' if has_fast_bf16() else 'fp32'}-epoch"
        rounds = KEPT.folder / "rounds" / f"{key}.json"
        rounds.parent.mkdir(parents=True, exist_ok=True)
        KEPT.make(key, lambda: run(args.row, args, rounds), WIKITEXT if args.row.endswith("wiki") else None)
        return
    KEPT.publish(table)


if __name__ == "__main__":
    main()
