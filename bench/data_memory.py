"""Claim: `llamita data sample`, `split`, `dedup` and `convert` go through a file of any size in memory that its texts don't fill.

    python bench/data_memory.py --mb 300     one row: make a CSV of so many MB (10^6 bytes), carry out each verb, measure, delete it
    python bench/data_memory.py              print the table of the rows that are there, write bench/results/

Rows are an id, a text of AG News with the beginning of another behind it (in ../shared/data), its label and a source; two in a
hundred repeat the row before. Near copies are not looked for. Peak memory is the largest resident set of the command's process
as the system counted it (ru_maxrss). Of 300 MB all verbs together take some five minutes on a core.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rows import SHARED, Rows

KEPT = Rows(name="data_memory", command="python bench/data_memory.py --mb MB", first="--mb 10")
NEWS = SHARED / "agnews" / "train.csv"
VERBS = {
    "sample": ("big.csv", "--rows", "10000", "--out", "few.csv"),
    "dedup": ("big.csv", "--near", "0", "--out", "once.csv"),
    "split": ("big.csv", "--out", "parts"),
    "convert": ("big.csv", "--out", "big.jsonl"),
    "convert back": ("big.jsonl", "--out", "again.csv"),
}


def write_news(file: Path, size: int) -> int:
    """A CSV of at least `size` bytes; how many rows it has."""
    with NEWS.open(encoding="utf-8", newline="") as stream:
        news = [(row["text"], row["label"]) for row in csv.DictReader(stream)]
    draw = random.Random(0)
    rows, last = 0, ("", "")
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["id", "text", "label", "source"])
        while rows % 1000 or stream.tell() < size:
            text, label = news[draw.randrange(len(news))]
            text += " " + news[draw.randrange(len(news))][0][: draw.randrange(20, 120)]
            if rows and draw.random() < 0.02:
                text, label = last
            last = text, label
            writer.writerow([rows, text, label, "agnews"])
            rows += 1
    return rows


def peak_of(words: tuple[str, ...], folder: Path) -> int:
    """The command's largest resident set in bytes."""
    process = subprocess.Popen([sys.executable, "-m", "llamita", "data", *words], cwd=folder, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, words
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def run(mb: int) -> dict[str, Any]:
    """One row."""
    from llamita.core.hardware import machine, versions

    with tempfile.TemporaryDirectory(prefix="llamita-data-") as name:
        folder = Path(name)
        rows = write_news(folder / "big.csv", mb * 10**6)
        peaks, seconds = {}, {}
        for verb, words in VERBS.items():
            began = time.perf_counter()
            peaks[verb] = peak_of((verb.split()[0], *words), folder)
            seconds[verb] = time.perf_counter() - began
            print(f"{verb}: {peaks[verb] / 1e6:.0f} MB, {seconds[verb]:.0f} s", flush=True)
        size = (folder / "big.csv").stat().st_size
    return {
        "mb": mb, "bytes": size, "rows": rows, "peak_bytes": peaks, "seconds": seconds, "machine": machine(),
        "versions": versions(),
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> None:
    """Print all rows."""
    print(f"{'MB':>6}{'rows':>12}" + "".join(f"{verb:>14}" for verb in VERBS) + "  peak memory, MB")
    for one in sorted(rows, key=lambda one: one["mb"]):
        peaks = "".join(f"{one['peak_bytes'][verb] / 1e6:14.0f}" for verb in VERBS)
        print(f"{one['mb']:6}{one['rows']:12,}{peaks}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=int)
    args = parser.parse_args()
    if args.mb:
        KEPT.make(f"{args.mb}mb", lambda: run(args.mb), NEWS)
    KEPT.publish(table)


if __name__ == "__main__":
    main()
