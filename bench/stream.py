"""Claim: `llamita predict` labels a CSV of 1 GB in less than 1 GB of memory, and a larger file takes no more than a small one.

    python bench/stream.py --mb 10       one row: make a file of so many MB (10^6 bytes), predict it, measure, delete it
    python bench/stream.py               print the table of the rows that are there, write bench/results/stream.json

Rows have a number, a title, which is one of examples/data's SST-2 sentences, and a body of about 2,000 characters; the title is
predicted, all is read. The model is TF-IDF of words with logistic
regression, fitted here and opened as the artifact it is, since the reading and writing is what is measured; peak memory is the
largest resident set of the command's process as the system counted it (ru_maxrss).
"""

from __future__ import annotations

import argparse
import csv
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rows import ROOT, Rows

KEPT = Rows(name="stream", command="python bench/stream.py --mb MB", first="--mb 10")
REVIEW = 2000


def model(folder: Path) -> None:
    """A small artifact that predicts without torch."""
    from llamita.data.read import read_table
    from llamita.learn._tfidf import View
    from llamita.learn.linear import WORDS, LinearEngine, _features, _fit_weights

    table = read_table(ROOT / "examples" / "data" / "sst2_train.csv")
    labels = sorted(set(table.labels or ()))
    view = View.fit(table.texts, WORDS, 20_000)  # type: ignore[arg-type]
    assert view is not None
    import numpy as np

    gold = np.array([labels.index(label) for label in table.labels or ()])
    weights, bias = _fit_weights(_features([view], table.texts), gold, len(labels), 3.0, 0)  # type: ignore[arg-type]
    LinearEngine([view], weights, bias, labels).save(folder)


def write_reviews(file: Path, size: int) -> int:
    """A CSV of at least `size` bytes; how many rows it has."""
    from llamita.data.read import read_table

    sentences = read_table(ROOT / "examples" / "data" / "sst2_train.csv").texts
    whole = " ".join(sentences)  # type: ignore[arg-type]
    rows = at = 0
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["id", "title", "body"])
        while rows % 1000 or stream.tell() < size:
            body = whole[at : at + REVIEW]
            writer.writerow([rows, sentences[rows % len(sentences)], body])
            rows, at = rows + 1, (at + REVIEW) % (len(whole) - REVIEW)
    return rows


def run(megabytes: int) -> dict[str, Any]:
    """Make the file, predict it with the command, and measure."""
    from llamita.core.hardware import machine, versions

    with tempfile.TemporaryDirectory(prefix="llamita-stream-") as name:
        folder = Path(name)
        model(folder / "linear")
        rows = write_reviews(folder / "big.csv", megabytes * 10**6)
        size = (folder / "big.csv").stat().st_size
        words = [sys.executable, "-m", "llamita", "predict", "linear", "--file", "big.csv", "--columns", "text=title"]
        words += ["--out", "answers.csv"]
        began = time.perf_counter()
        subprocess.run(words, cwd=folder, check=True)
        seconds = time.perf_counter() - began
        with (folder / "answers.csv").open(encoding="utf-8", newline="") as stream:
            answered = sum(1 for _ in csv.reader(stream)) - 1
    assert answered == rows, (answered, rows)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "megabytes": megabytes, "bytes": size, "rows": rows, "peak_bytes": peak, "seconds": seconds, "machine": machine(),
        "versions": versions(),
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> None:
    """Print all rows."""
    print(f"{'MB':>6}{'rows':>10}{'peak memory, MB':>17}{'rows a second':>15}")
    for row in rows:
        speed = row["rows"] / row["seconds"]
        print(f"{row['bytes'] / 1e6:6.0f}{row['rows']:10,}{row['peak_bytes'] / 1e6:17.0f}{speed:15,.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=int, choices=(10, 100, 1000))
    args = parser.parse_args()
    if args.mb:
        KEPT.make(f"{args.mb:04d}", lambda: run(args.mb))
    KEPT.publish(table)


if __name__ == "__main__":
    main()
