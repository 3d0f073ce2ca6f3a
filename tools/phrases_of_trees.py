"""Sentences whose every phrase has a label of 0 to 4, as a table of phrases: negative (0, 1), neutral (2), positive (3, 4).

    python tools/phrases_of_trees.py train.txt --out phrases.csv
    python tools/phrases_of_trees.py dev.txt --sentences --out sentences.csv

A line of the file is a tree such as (3 (2 It) (4 (3 's) (4 good))), the form of the Stanford Sentiment Treebank.
A phrase that occurs with different labels is left out.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Iterator
from pathlib import Path

LABELS = ("negative", "negative", "neutral", "positive", "positive")


def phrases(tree: str) -> Iterator[tuple[str, int]]:
    """Each phrase of a tree and its label, the whole sentence last."""
    open_phrases: list[tuple[int, list[str]]] = []
    for mark in re.findall(r"\(|\)|[^\s()]+", tree):
        if mark == "(":
            open_phrases.append((-1, []))
        elif mark == ")":
            label, words = open_phrases.pop()
            yield " ".join(words).replace("-LRB-", "(").replace("-RRB-", ")").replace("\\/", "/"), label
            if open_phrases:
                open_phrases[-1][1].extend(words)
        elif open_phrases[-1][0] < 0:
            open_phrases[-1] = (int(mark), open_phrases[-1][1])
        else:
            open_phrases[-1][1].append(mark)


def table(trees: list[str], *, sentences: bool) -> dict[str, str]:
    """Phrases, or whole sentences alone, with the one label each has."""
    found: dict[str, set[str]] = {}
    for tree in filter(str.strip, trees):
        every = list(phrases(tree))
        for text, label in every[-1:] if sentences else every:
            found.setdefault(text, set()).add(LABELS[label])
    return {text: next(iter(labels)) for text, labels in found.items() if len(labels) == 1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", type=Path)
    parser.add_argument("--sentences", action="store_true", help="whole sentences only")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    try:
        rows = table(args.trees.read_text(encoding="utf-8").splitlines(), sentences=args.sentences)
        with args.out.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([("text", "label"), *rows.items()])
    except OSError as error:
        parser.exit(2, f"{parser.prog}: can't open {error.filename}: {error.strerror}\n")
    except UnicodeDecodeError as error:
        parser.exit(2, f"{parser.prog}: {args.trees} is not UTF-8 ({error}); save it anew in UTF-8\n")
    print(f"written: {args.out}, {len(rows):,} rows")


if __name__ == "__main__":
    main()
