"""The data doctor: what in the files would spoil a model or its measurement, with line and remedy."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from llamita.core.encoding import TextEncoder
from llamita.core.task import Text
from llamita.data.copies import near_pairs, same_texts
from llamita.data.read import Table, rows_text
from llamita.data.text import text_key

MANY_CHARACTERS = 10_000
"""A text longer than this is over-long whatever the model."""
SHOWN_LINES = 10
MOJIBAKE = re.compile(
    "\ufffd|Ã[\u0080-\u00bf©¨¤¶¼]|â€[™œ\u009d“”˜]|锟斤拷|烫烫烫|ï»¿|(?:[æåäçè][\u0080-\u00bf\u2010-\u203a]){2}"
)
Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, kw_only=True)
class DataFinding:
    """One thing found in the data."""

    kind: str
    """empty · duplicate · conflict · leakage · one_class · unknown_label · absent_label · label_spelling · rare_label ·
    imbalance · long · encoding · pairs · near_duplicate · near_leakage"""
    severity: Severity
    file: str
    line: int | None
    """Where it is first seen."""
    message: str
    remedy: str
    count: int = 1
    lines: tuple[int, ...] = ()
    """The first lines it is seen in."""
    rows: tuple[int, ...] = ()
    """All rows of its table it is seen in, numbered from 0."""
    given: str = ""
    """A label that is written wrongly."""
    meant: str = ""
    """How it is written elsewhere, where there is no doubt."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without what only mending needs."""
        return {key: value for key, value in asdict(self).items() if key not in ("rows", "given", "meant")}


def check(
    train: Table,
    test: Table | None = None,
    unlabelled: Table | None = None,
    *,
    max_length: int | None = None,
    encoder: TextEncoder | None = None,
    allow_leakage: bool = False,
    likeness: float | None = None,
) -> list[DataFinding]:
    """Everything found in the splits, errors first.

    Args:
        max_length: Tokens a text is cut to; needs an encoder, whose own limit is taken when this is None.
        encoder: Counts tokens; without it only texts of very many characters are called over-long.
        likeness: Also look for near copies, texts with at least this share of their character n-grams in common.
        allow_leakage: Make texts that training and test share a warning, not an error.
    """
    found: list[DataFinding] = []
    for table in (train, test, unlabelled):
        if table is not None:
            found += [*_empty(table), *_damaged(table), *_over_long(table, encoder, max_length)]
    found += [*_copies(train), *_labels(train)]
    if test is not None:
        found += [*_copies(test), *_leakage(train, test, allow_leakage), *_labels_of_test(train, test)]
        if unlabelled is not None:
            found += _leakage(unlabelled, test, True)
    if likeness is not None:
        found += _near(train, test, likeness)
    order = {"error": 0, "warning": 1, "info": 2}
    return sorted(found, key=lambda finding: order[finding.severity])


def leaking_rows(train: Table, test: Table) -> list[int]:
    """Indices of the training rows whose text also stands in the test data."""
    known = {text_key(text) for text in test.texts}
    return [i for i, text in enumerate(train.texts) if text_key(text) in known]


def _finding(
    kind: str,
    severity: Severity,
    table: Table,
    rows: Sequence[int],
    message: str,
    remedy: str,
    **label: str,
) -> DataFinding:
    lines = tuple(table.lines[i] for i in rows[:SHOWN_LINES])
    file = table.files[rows[0]] if table.files and rows else table.source
    return DataFinding(
        kind=kind, severity=severity, file=file, line=lines[0] if lines else None, lines=lines,
        message=message, remedy=remedy, count=len(rows), rows=tuple(rows), **label,
    )  # fmt: skip


def _place(table: Table, row: int) -> str:
    return table.place(row) if table.files else f"line {table.lines[row]}"


def _parts(text: Text) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text


def _empty(table: Table) -> Iterator[DataFinding]:
    rows = [i for i, text in enumerate(table.texts) if not all(part.strip() for part in _parts(text))]
    if rows:
        severity = "error" if len(rows) == len(table) else "warning"
        yield _finding(
            "empty", severity, table, rows, f"{rows_text(len(rows))} with an empty text", "delete them or fill them in"
        )


def _damaged(table: Table) -> Iterator[DataFinding]:
    rows = [i for i, text in enumerate(table.texts) if any(MOJIBAKE.search(part) for part in _parts(text))]
    if rows:
        part = next(p for p in _parts(table.texts[rows[0]]) if MOJIBAKE.search(p))
        match = MOJIBAKE.search(part)
        shown = match.group() if match else ""
        message = f"{rows_text(len(rows))} with characters of a wrong encoding such as {shown!r}"
        remedy = "these texts were once decoded wrongly; save the original file again as UTF-8"
        yield _finding("encoding", "warning", table, rows, message, remedy)


def _over_long(table: Table, encoder: TextEncoder | None, max_length: int | None) -> Iterator[DataFinding]:
    rows = [i for i, text in enumerate(table.texts) if sum(map(len, _parts(text))) > MANY_CHARACTERS]
    what, remedy = f"more than {MANY_CHARACTERS:,} characters", "cut them, or check that a row holds one text"
    if encoder is not None:
        limit = max_length or encoder.max_length
        uncut = TextEncoder(tokenizer=encoder.tokenizer, pad_id=encoder.pad_id, max_length=1 << 20).cut()
        rows = [i for i, (ids, _) in enumerate(uncut.encode(table.texts)) if len(ids) > limit]
        what, remedy = (
            f"more than {limit} tokens",
            "what lies beyond is not read; cut the texts yourself if their end matters",
        )
    if rows:
        share = f" ({100 * len(rows) / len(table):.1f} %)"
        yield _finding("long", "warning", table, rows, f"{rows_text(len(rows))}{share} of {what}", remedy)


def _near(train: Table, test: Table | None, likeness: float) -> Iterator[DataFinding]:
    """Texts that are nearly, but not wholly, like another one in training, or like one in training and one in test."""
    start = len(train)
    texts = [*train.texts, *(test.texts if test else ())]
    keys = [text_key(text) for text in texts]
    alike: dict[str, set[str]] = defaultdict(set)
    for one, other in near_pairs(texts, likeness):
        alike[keys[one]].add(keys[other])
        alike[keys[other]].add(keys[one])
    of_test = {key: row for row, key in reversed(list(enumerate(keys[start:])))}
    seen: set[str] = set()
    again: list[int] = []
    shared: dict[int, int] = {}
    for i, key in enumerate(keys[:start]):
        again += [i] if key not in seen and alike[key] & seen else []
        seen.add(key)
        if key not in of_test and (twins := [of_test[other] for other in alike[key] if other in of_test]):
            shared[i] = min(twins)
    if test is not None and shared:
        rows = sorted(shared)
        first = f"first: much like {_place(test, shared[rows[0]])} of {test.source}"
        message = f"{rows_text(len(rows))} that say nearly what a text of the test data says ({first})"
        remedy = "take them out of the training data, or the score is too good"
        yield _finding("near_leakage", "warning", train, rows, message, remedy)
    if again:
        message = f"{rows_text(len(again))} that nearly repeat an earlier text"
        yield _finding(
            "near_duplicate",
            "info",
            train,
            sorted(again),
            message,
            "keep one of each: llamita data dedup FILE --out NEW",
        )


def _copies(table: Table) -> Iterator[DataFinding]:
    """The same text again: under the same label (duplicate) or under another (conflict)."""
    copies = same_texts(table.texts)
    labels = table.labels or [""] * len(table)
    clashing = [rows for rows in copies if len({labels[i] for i in rows}) > 1]
    if clashing:
        first = clashing[0]
        other = next(i for i in first if labels[i] != labels[first[0]])
        places = f"{_place(table, first[0])} and {_place(table, other)}"
        where = f"{places}: {labels[first[0]]!r} and {labels[other]!r}"
        number = f"{len(clashing):,} text{'s' * (len(clashing) > 1)}"
        message = f"{number} under different labels (first: {where})"
        yield _finding(
            "conflict", "warning", table, [rows[0] for rows in clashing], message, "decide which label is right"
        )
    repeated = [i for rows in copies for i in rows[1:] if labels[i] == labels[rows[0]]]
    if repeated:
        severity = "warning" if len(repeated) > len(table) // 20 else "info"
        message = f"{rows_text(len(repeated))} that repeat an earlier text and label"
        yield _finding(
            "duplicate", severity, table, sorted(repeated), message, "keep one of each, unless they are meant"
        )


def _leakage(train: Table, test: Table, allowed: bool) -> Iterator[DataFinding]:
    rows = leaking_rows(train, test)
    if rows:
        seen: dict[str, int] = {}
        for i, text in enumerate(test.texts):
            seen.setdefault(text_key(text), i)
        twin = seen[text_key(train.texts[rows[0]])]
        message = f"{rows_text(len(rows))} whose text also stands in {test.source} (first: its {_place(test, twin)})"
        remedy = "take them out of the training data: a score on texts seen in training says nothing"
        yield _finding("leakage", "warning" if allowed else "error", train, rows, message, remedy)


def _labels(table: Table) -> Iterator[DataFinding]:
    if table.labels is None:
        return
    counts = Counter(table.labels)
    if len(counts) == 1:
        message = f"every row has the label {table.labels[0]!r}"
        yield _finding("one_class", "error", table, range(len(table)), message, "add rows of another label")
        return
    yield from _misspelt(table, counts)
    rare = {label for label, n in counts.items() if n < 10}
    if rare and len(table) >= 100:
        rows = [i for i, label in enumerate(table.labels) if label in rare]
        listed = ", ".join(f"{label!r} ({counts[label]})" for label in sorted(rare)[:5])
        message = f"{len(rare)} label{'s' * (len(rare) > 1)} with fewer than 10 rows: {listed}"
        yield _finding("rare_label", "warning", table, rows, message, "add rows, or merge these labels with others")
    (most, many), (least, few) = counts.most_common()[0], counts.most_common()[-1]
    if many > 5 * few:
        rows = [i for i, label in enumerate(table.labels) if label == least]
        message = f"{most!r} has {many:,} rows, {least!r} only {few:,}"
        remedy = "look at macro-F1 as well as accuracy, and weigh the classes in finetune"
        yield _finding("imbalance", "warning", table, rows, message, remedy)


def _misspelt(table: Table, counts: Counter[str]) -> Iterator[DataFinding]:
    """Rare labels that differ from a common one by case, space, width, or a letter or two."""
    names = [label for label, _ in counts.most_common()]
    for place, label in enumerate(names):
        for common in sorted(names[:place], key=lambda other: _folded(other) != _folded(label)):
            same = _folded(label) == _folded(common)
            if same or (counts[label] * 20 < counts[common] and _nearly(label, common)):
                rows = [i for i, name in enumerate(table.labels or []) if name == label]
                message = f"label {label!r} ({len(rows)}) looks like {common!r} ({counts[common]:,}) misspelt"
                meant = {"given": label, "meant": common} if same else {}
                remedy = f"write {common!r} if it is meant"
                yield _finding("label_spelling", "warning", table, rows, message, remedy, **meant)
                break


def _folded(label: str) -> str:
    return "".join(unicodedata.normalize("NFKC", label).casefold().split())


def _nearly(one: str, other: str) -> bool:
    if min(len(one), len(other)) < 5 or re.findall(r"\d+", one) != re.findall(r"\d+", other):
        return False
    return difflib.SequenceMatcher(None, one.casefold(), other.casefold()).ratio() >= 0.85


def _labels_of_test(train: Table, test: Table) -> Iterator[DataFinding]:
    if isinstance(train.texts[0], str) != isinstance(test.texts[0], str):
        kinds = ("single texts" if isinstance(t.texts[0], str) else "pairs of texts" for t in (train, test))
        message = "training data has {}, test data {}".format(*kinds)
        yield _finding("pairs", "error", test, [0], message, "name the columns: --columns text=COLUMN,pair=COLUMN")
    if train.labels is None or test.labels is None:
        return
    known, tested = set(train.labels), set(test.labels)
    for label in _in_order(tested - known):
        rows = [i for i, name in enumerate(test.labels) if name == label]
        near = difflib.get_close_matches(label, known, n=1, cutoff=0.6)
        remedy = f"is {near[0]!r} meant?" if near else "add it to the training data, or take these rows out"
        message = f"label {label!r} stands in {rows_text(len(rows))} of the test data but nowhere in {train.source}"
        yield _finding("unknown_label", "error", test, rows, message, remedy)
    absent = _in_order(known - tested)
    if absent:
        listed = ", ".join(map(repr, absent[:5]))
        message = f"no row of the test data has the label {listed}"
        yield _finding("absent_label", "warning", test, [0], message, "the score says nothing of it; add such rows")


def _in_order(labels: Iterable[str]) -> list[str]:
    return sorted(labels)
