"""Count words of openly licensed English and Chinese text into the lists that llamita ships.

    python tools/build_frequency_list.py DATA_FOLDER

DATA_FOLDER holds wikitext2/, tatoeba/, gettext/, squad/, cmrc2018/ and books/; SOURCES.md beside the lists says more.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

OUT = Path(__file__).parent.parent / "src" / "llamita" / "core" / "frequent"
ENGLISH_WORD = re.compile(r"[A-Za-zÀ-ÿ]+(?:['’][A-Za-z]+)*|\d+|[^\w\s]+")
HAN_RUN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
CHINESE_MARK = re.compile(r"[，。！？、；：“”‘’（）《》…—·]")
ENGLISH_ENTRIES = 40_000
CHINESE_ENTRIES = 40_000
LONGEST_GRAM = 4
SAMPLE_SENTENCES = 400


def main(data: Path) -> None:
    english, chinese = list(english_texts(data)), list(chinese_texts(data))
    write("en", english_words(english).most_common(ENGLISH_ENTRIES))
    write("zh", chinese_grams(chinese))
    write_sample("en.sample", sentences(data / "squad" / "validation.json", r"(?<=[.!?])\s+"), data, "en")
    write_sample("zh.sample", sentences(data / "cmrc2018" / "validation.json", r"(?<=[。！？])"), data, "zh")


def english_texts(data: Path) -> Iterator[str]:
    yield wikitext(data / "wikitext2" / "test.txt")
    yield wikitext(data / "wikitext2" / "validation_tokenized.txt")
    yield (data / "books" / "shakespeare.txt").read_text(encoding="utf-8")
    yield from contexts(data / "squad" / "train.json")
    yield from column(data / "tatoeba" / "train.csv", "en")
    yield from column(data / "gettext" / "libreoffice_help.csv", "en")


def chinese_texts(data: Path) -> Iterator[str]:
    yield from contexts(data / "cmrc2018" / "train.json")
    yield from column(data / "tatoeba" / "train.csv", "zh")
    yield from column(data / "gettext" / "libreoffice_help.csv", "zh")


def wikitext(path: Path) -> str:
    """Undo WikiText's spaced marks, so that words are counted as people write them."""
    text = path.read_text(encoding="utf-8").replace("<unk>", " ")
    return re.sub(r" @(.)@ ", r"\1", text)


def contexts(path: Path) -> Iterator[str]:
    """Passages and questions of a SQuAD-like file, each once."""
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            yield paragraph["context"]
            yield from (question["question"] for question in paragraph["qas"])


def column(path: Path, name: str) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="") as stream:
        yield from (row[name] for row in csv.DictReader(stream))


def english_words(texts: Iterable[str]) -> Counter[str]:
    """Words with their case, numbers and marks, with their counts; what occurs once is left out."""
    counts = Counter(word for text in texts for word in ENGLISH_WORD.findall(text) if len(word) < 25)
    return Counter({word: n for word, n in sorted(counts.items()) if n > 1})


def chinese_grams(texts: Iterable[str]) -> list[tuple[str, int]]:
    """All characters, then the most frequent runs of 2 to 4 that aren't a mere part of a longer one."""
    runs = Counter(run for text in texts for run in HAN_RUN.findall(text))
    marks = Counter(mark for text in texts for mark in CHINESE_MARK.findall(text))
    grams: Counter[str] = Counter()
    for run, n in runs.items():
        for size in range(1, LONGEST_GRAM + 1):
            for i in range(len(run) - size + 1):
                grams[run[i : i + size]] += n
    singles = {gram: n for gram, n in grams.items() if len(gram) == 1 and n > 1} | dict(marks)
    frequent = {gram: n for gram, n in grams.items() if len(gram) > 1 and n >= 5}
    whole: Counter[str] = Counter()
    for gram, n in frequent.items():
        for part in (gram[1:], gram[:-1]):
            whole[part] = max(whole[part], n)
    ranked = sorted(((g, n) for g, n in frequent.items() if whole[g] < 0.8 * n), key=lambda item: (-item[1], item[0]))
    kept = dict(ranked[: CHINESE_ENTRIES - len(singles)]) | singles
    return sorted(kept.items(), key=lambda item: (-item[1], item[0]))


def sentences(path: Path, ending: str) -> list[str]:
    found = [s.strip() for text in contexts(path) for s in re.split(ending, text)]
    return [s for s in dict.fromkeys(found) if 10 <= len(s) <= 200 and "\n" not in s]


def write(name: str, entries: Iterable[tuple[str, int]]) -> None:
    ordered = sorted(entries, key=lambda item: (-item[1], item[0]))
    write_gzip(OUT / f"{name}.txt.gz", "".join(f"{word}\t{n}\n" for word, n in ordered))


def write_sample(name: str, passages: list[str], data: Path, language: str) -> None:
    """Evenly spaced sentences of text that wasn't counted: half encyclopaedic, half everyday."""
    everyday = list(dict.fromkeys(column(data / "tatoeba" / "test.csv", language)))
    half = SAMPLE_SENTENCES // 2
    chosen = [texts[i * len(texts) // half] for texts in (passages, everyday) for i in range(half)]
    write_gzip(OUT / f"{name}.txt.gz", "\n".join(chosen) + "\n")


def write_gzip(path: Path, text: str) -> None:
    path.write_bytes(gzip.compress(text.encode("utf-8"), compresslevel=9, mtime=0))
    print(path.name, text.count("\n"), "lines,", path.stat().st_size, "bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tools/build_frequency_list.py DATA_FOLDER")
    main(Path(sys.argv[1]))
