"""What is wrong with the labels themselves: spelling, number, and a text that gives its label away."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from llamita.core.task import parts_of
from llamita.data.cells import plain_form, rows_text
from llamita.data.finding import DataFinding, found_in, shortened
from llamita.data.label_sets import parts
from llamita.data.table import Table
from llamita.data.text import han_share, simplified

NOTHING = frozenset(("nan", "null", "#n/a", "<na>", "undefined"))
"""Words for an empty cell; "none" is a label that people give."""
FEWEST = 10
"""Rows a label must have not to be called rare."""
SURE, MOST, ENOUGH = 0.99, 0.5, 50
"""A word at a text's end gives the label away when so many of the texts that have it have that label, and so many of that
label's texts, at least so many, have it."""
SHORT = range(2, 7)
"""Characters of a Chinese label that is compared one by one; a longer one is compared as words of letters are."""
OPPOSED = frozenset(
    "好坏差中优良劣正负反高低大小多少长短男女老幼是否有无不非真假对错上下左右前后内外东南西北春夏秋冬甲乙丙丁"
    "新旧强弱快慢冷热早晚公私买卖进出升降增减一二三四五六七八九十百千万零两"
)
"""Characters that tell labels apart: two of them are no slip for each other."""


def labels_found(table: Table) -> Iterator[DataFinding]:
    """Findings of a labelled table; of one with any labels a text each label is judged by itself."""
    if table.labels is None:
        return
    if table.several:
        yield from _several_found(table, table.labels)
        return
    missing = list(_missing(table, table.labels))
    yield from missing
    nothing = {row for finding in missing for row in finding.rows}
    counts = Counter(label for row, label in enumerate(table.labels) if row not in nothing)
    if not counts:
        return
    alone = list(_same_everywhere(table, counts))
    if alone:
        yield from alone
        return
    told = [*_swapped(table, table.labels, counts), *_misspelt(table, counts)]
    yield from told
    for label in {table.labels[row] for finding in told for row in finding.rows}:
        del counts[label]
    yield from _sizes(table, counts)
    yield from _given_away(table, table.labels, counts)


def _several_found(table: Table, cells: list[str]) -> Iterator[DataFinding]:
    """Findings about labels of which a text may have any, each judged by itself; a text without one is no fault."""
    if alone := list(_same_everywhere(table, Counter(cells))):
        yield from alone
        return
    counts = Counter(label for cell in cells for label in parts(cell))
    for label in [label for label in counts if label.casefold() in NOTHING]:
        rows = [i for i, cell in enumerate(cells) if label in parts(cell)]
        message = f"{rows_text(len(rows))} with {label!r} for a label, a word for nothing"
        yield found_in(table, rows, "empty_label", "warning", message, "fill it in, or take these rows out")
        del counts[label]
    told = list(_misspelt(table, counts))
    yield from told
    for finding in told:
        counts.pop(finding.given, None)
    if counts:
        yield from _sizes(table, counts)


def _rows_with(table: Table, labels: Collection[str]) -> list[int]:
    """Rows that have one of these labels."""
    return [i for i, names in enumerate(_labels_by_row(table)) if not names.isdisjoint(labels)]


def _same_everywhere(table: Table, counts: Counter[str]) -> Iterator[DataFinding]:
    if len(counts) == 1:
        message = f"every row has the label {next(iter(counts))!r}"
        yield found_in(table, range(len(table)), "one_class", "error", message, "add rows of another label")


def _missing(table: Table, labels: list[str]) -> Iterator[DataFinding]:
    rows = [i for i, label in enumerate(labels) if not label.strip()]
    if rows:
        message = f"{rows_text(len(rows))} with an empty label"
        remedy = "fill it in, or move these rows to a file of unlabelled texts"
        yield found_in(table, rows, "empty_label", "error", message, remedy)
    rows = [i for i, label in enumerate(labels) if label.strip().casefold() in NOTHING]
    if rows and len(rows) < len(labels) // 10 + 2:
        message = f"{rows_text(len(rows))} with {labels[rows[0]]!r} for a label, a word for nothing"
        yield found_in(table, rows, "empty_label", "warning", message, "fill it in, or take these rows out")


def _swapped(table: Table, labels: list[str], counts: Counter[str]) -> Iterator[DataFinding]:
    """Rows whose text is a common label while their label is no label that comes again."""
    known = {label for label, n in counts.items() if n >= FEWEST}
    rows = [
        i
        for i, (text, label) in enumerate(zip(table.texts, labels, strict=True))
        if counts[label] <= 2 and any(part.strip() in known for part in parts_of(text))
    ]
    if rows:
        first = shortened(table.texts[rows[0]])
        message = f"{rows_text(len(rows))} whose text is {first!r} and whose label reads like a text"
        remedy = "text and label stand in each other's column; swap them"
        yield found_in(table, rows, "swapped", "warning", message, remedy, quotes=(first,))


def _misspelt(table: Table, counts: Counter[str]) -> Iterator[DataFinding]:
    """Rare labels that differ from a common one by case, space, width, older characters, or a letter or two."""
    names = [label for label, _ in counts.most_common()]
    if len(names) > 1000:
        return
    keys = {label: folded(label) for label in names}
    for number, label in enumerate(names):
        for common in sorted(names[:number], key=lambda other: keys[other] != keys[label]):
            same = keys[label] == keys[common]
            near = counts[label] * 20 < counts[common] and (
                _nearly(label, common) or (counts[label] < FEWEST and _one_character_off(label, common, keys, counts))
            )
            if same or near:
                rows = _rows_with(table, [label])
                message = f"label {label!r} ({len(rows)}) looks like {common!r} ({counts[common]:,}) misspelt"
                meant = {"given": label} if table.several else {"given": label, "meant": common} if same else {}
                remedy = f"write {common!r} if it is meant"
                yield found_in(table, rows, "label_spelling", "warning", message, remedy, **meant)
                break


def folded(label: str) -> str:
    """A label without case, width and spaces, in simplified characters; 5.0 is 5."""
    plain = unicodedata.normalize("NFKC", label).casefold()
    return plain_form(simplified("".join(c for c in plain if not c.isspace() and c.isprintable())))


def _nearly(one: str, other: str) -> bool:
    if min(len(one), len(other)) < 5 or re.findall(r"\d+", one) != re.findall(r"\d+", other):
        return False
    return difflib.SequenceMatcher(None, one.casefold(), other.casefold()).ratio() >= 0.85


def _one_character_off(label: str, common: str, keys: Mapping[str, str], counts: Counter[str]) -> bool:
    """Whether two short Chinese labels differ by one character, at a place where no two common labels differ, too."""
    one, other = keys[label], keys[common]
    wrong = [i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b]
    if len(one) != len(other) or len(one) not in SHORT or len(wrong) != 1 or han_share(one + other) < 1:
        return False
    at = wrong[0]
    if {one[at], other[at]} <= OPPOSED:
        return False
    alike = {key for name, key in keys.items() if counts[name] >= FEWEST and len(key) == len(one)}
    return sum(key[:at] + key[at + 1 :] == one[:at] + one[at + 1 :] for key in alike) == 1


def _sizes(table: Table, counts: Counter[str]) -> Iterator[DataFinding]:
    if len(counts) > max(50, len(table) // 4):
        message = f"{len(counts):,} labels in {rows_text(len(table))}"
        remedy = "is this the column of the labels? name it: --columns label=COLUMN"
        yield found_in(table, range(len(table)), "many_labels", "warning", message, remedy)
        return
    rare = {label for label, n in counts.items() if n < FEWEST}
    if rare:
        rows = _rows_with(table, rare)
        listed = ", ".join(f"{shortened(label)!r} ({counts[label]})" for label in sorted(rare)[:5])
        message = f"{len(rare)} label{'s' * (len(rare) > 1)} with fewer than 10 rows: {listed}"
        yield found_in(table, rows, "rare_label", "warning", message, "add rows, or merge these labels with others")
    (most, many), (least, few) = counts.most_common()[0], counts.most_common()[-1]
    if many > 5 * few:
        rows = _rows_with(table, [least])
        message = f"{most!r} has {many:,} rows, {shortened(least)!r} only {few:,}"
        remedy = "look at macro-F1 as well as accuracy, and weigh the classes in finetune"
        yield found_in(table, rows, "imbalance", "warning", message, remedy)


def _given_away(table: Table, labels: list[str], counts: Counter[str]) -> Iterator[DataFinding]:
    """A word that nearly all texts of a label begin or end with, and no others: the label was written into the text."""
    for where, at in (("begin", 0), ("end", -1)):
        holders: dict[str, list[int]] = defaultdict(list)
        for row, text in enumerate(table.texts):
            words = parts_of(text)[0].split()
            if len(words) > 1:
                holders[words[at]].append(row)
        for word, rows in holders.items():
            label, n = Counter(labels[i] for i in rows).most_common(1)[0]
            if n >= max(ENOUGH, SURE * len(rows), MOST * counts[label]) and (counts.total() - counts[label]) >= ENOUGH:
                word = shortened(word)
                message = f"{rows_text(len(rows))} that {where} with {word!r}, nearly all of the label {label!r}"
                remedy = "take it out, unless users' texts have it too: a model learns this word and nothing else"
                yield found_in(table, rows, "label_in_text", "warning", message, remedy, quotes=(word,))


def labels_of_test(train: Table, test: Table, wrong: Collection[int] = ()) -> Iterator[DataFinding]:
    """What of the columns and labels of a file that is tested or chosen by doesn't go with the training file's.

    Args:
        wrong: Training rows whose labels are known to be wrong, which the test file need not have.
    """
    if isinstance(train.texts[0], str) != isinstance(test.texts[0], str):
        ours, theirs = ("single texts" if isinstance(t.texts[0], str) else "pairs of texts" for t in (train, test))
        message = f"training data has {ours}, {test.source} {theirs}"
        yield found_in(test, [0], "pairs", "error", message, "name the columns: --columns text=COLUMN,pair=COLUMN")
    if train.labels is None or test.labels is None:
        return
    if not test.several:
        yield from (finding for finding in _missing(test, test.labels) if finding.severity == "error")
    known_by_row, tested_by_row = _labels_by_row(train), _labels_by_row(test)
    known, tested = set().union(*known_by_row), set().union(*tested_by_row)
    for label in _in_order(tested - known):
        rows = [i for i, names in enumerate(tested_by_row) if label in names]
        same = [name for name in _in_order(known) if folded(name) == folded(label)]
        near = same or difflib.get_close_matches(label, known, n=1, cutoff=0.6)
        remedy = f"is {near[0]!r} meant?" if near else "add it to the training data, or take these rows out"
        message = f"label {label!r} stands in {rows_text(len(rows))} of {test.source} but nowhere in {train.source}"
        yield found_in(test, rows, "unknown_label", "error", message, remedy)
    absent = _in_order(set().union(*(names for row, names in enumerate(known_by_row) if row not in wrong)) - tested)
    if absent:
        listed = ", ".join(map(repr, absent[:5]))
        message = f"no row of {test.source} has the label {listed}"
        yield found_in(test, [0], "absent_label", "warning", message, "the score says nothing of it; add such rows")


def _labels_by_row(table: Table) -> list[set[str]]:
    """The labels of each row, without empty ones."""
    return [set(parts(cell)) if table.several else {cell} - {""} for cell in table.labels or ()]


def _in_order(labels: Iterable[str]) -> list[str]:
    return sorted(labels)
