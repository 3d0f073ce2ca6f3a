"""The data doctor's findings as a self-contained page: by severity, with rows as examples, labels and lengths as pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from llamita.core.messages import translated
from llamita.core.task import parts_of
from llamita.core.whole import write_whole
from llamita.data.finding import DataFinding, shortened
from llamita.data.label_sets import parts
from llamita.data.table import Table
from llamita.pages import _svg as svg
from llamita.pages import format as write
from llamita.pages.report import html_of
from llamita.pages.strings import words

SHOWN_ROWS, SHOWN_LABELS, SHOWN_SUSPECTS = 3, 12, 25
SEVERITIES = ("error", "warning", "info")
BINS = 24
CODE_POINT = Markup('<span class="code-point">U+{:04X}</span>')
ROLES = {"train": "light", "select": "linear", "test": "teacher", "unlabelled": "candidate"}
"""Colours of the page for the files."""


def write_data_page(
    tables: Mapping[str, Table], findings: Sequence[DataFinding], out: Path, *, language: str = "en", command: str = ""
) -> None:
    """Write the page, whole or not at all.

    Raises:
        UserError: for a language the pages don't have.
    """
    t = words(language)
    groups = [
        (level, [_shown(f, tables, t, language) for f in findings if f.severity == level]) for level in SEVERITIES
    ]
    shown = {
        "t": t, "language": language, "command": command, "title": Path(tables["train"].source).name,
        "headline": _headline(findings, t), "tiles": _tiles(tables, findings, t),
        "groups": [(level, found) for level, found in groups if found],
        "labels": _labels(tables, t), "lengths": [_lengths(name, table, t) for name, table in tables.items() if len(table)],
        "files": [_file(name, table, t, language) for name, table in tables.items()],
    }  # fmt: skip
    write_whole(out, html_of("data.html.j2", shown))


def _headline(findings: Sequence[DataFinding], t: Mapping[str, str]) -> str:
    if not findings:
        return t["check_none"]
    errors = sum(f.severity == "error" for f in findings)
    return t["check_errors"].format(n=errors) if errors else t["check_warnings"].format(n=len(findings))


def _tiles(tables: Mapping[str, Table], findings: Sequence[DataFinding], t: Mapping[str, str]) -> list[tuple[str, str]]:
    train = tables["train"]
    own = {train.source, *(train.files or ())}
    touched = {row for f in findings if f.file in own and f.kind not in ("one_class", "many_labels") for row in f.rows}
    share = 1 - len(touched) / max(1, len(train))
    counts = Counter(f.severity for f in findings)
    return [
        (t["check_rows"], write.whole(len(train))),
        (t["check_clean_share"], f"{write.percent(share)}{write.NO_BREAK}%"),
        *((t[f"check_{level}"], str(counts[level])) for level in SEVERITIES),
    ]


def _shown(finding: DataFinding, tables: Mapping[str, Table], t: Mapping[str, str], language: str) -> dict[str, Any]:
    """A finding as the template shows it."""
    table = next((one for one in tables.values() if finding.file in {one.source, *(one.files or ())}), None)
    examples = [] if table is None or finding.suspects else [_row(table, row) for row in finding.rows[:SHOWN_ROWS]]
    more = finding.count - len(finding.lines)
    key = "check_where" if len(finding.lines) == 1 else "check_lines"
    lines = ", ".join(map(str, finding.lines))
    where = t[key].format(line=lines, lines=lines) if finding.lines else ""
    chinese = language == "zh"
    return {
        "title": t.get(f"found_{finding.kind}", finding.kind), "file": Path(finding.file).name,
        "count": _rows(finding.count, t), "where": where,
        "more": t["check_more"].format(n=write.whole(more)) if more > 0 and finding.lines else "",
        "message": "" if chinese else _sentence(finding.message),
        "remedy": t.get(f"do_{finding.kind}", finding.remedy) if chinese else _sentence(finding.remedy),
        "examples": examples, "suspects": _suspects(finding, table),
    }  # fmt: skip


def _row(table: Table, row: int) -> tuple[int, Markup, Markup]:
    label = table.labels[row] if table.labels else ""
    return table.lines[row], visible(" | ".join(parts_of(table.texts[row]))), visible(label, 24)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + ("" if words.endswith(("?", ".", "!")) else ".")


def _rows(number: int, t: Mapping[str, str]) -> str:
    return t["check_one_row"] if number == 1 else t["check_row_count"].format(n=write.whole(number))


def _suspects(finding: DataFinding, table: Table | None) -> list[tuple[int, str, str, str, Markup]]:
    if table is None:
        return []
    rows = (
        zip(finding.rows[:SHOWN_SUSPECTS], finding.suspects[:SHOWN_SUSPECTS], strict=True) if finding.suspects else ()
    )
    return [
        (one["line"], one["label"], one["likely"], f"{write.percent(one['probability_of_likely'], 0)}{write.NO_BREAK}%",
         visible(" | ".join(parts_of(table.texts[row]))))
        for row, one in rows
    ]  # fmt: skip


def visible(text: str, most: int = 220) -> Markup:
    """A text whose control, invisible and other odd characters are marked by their code."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    pieces = [Markup.escape(c) if c.isprintable() or c in "\n\t" else CODE_POINT.format(ord(c)) for c in cut]
    return Markup("").join(pieces)


def _file(name: str, table: Table, t: Mapping[str, str], language: str) -> tuple[str, str, str]:
    roles = translated(", ".join(f"{role} = {column}" for role, column in table.columns.items()), language)
    return t[f"split_{name}"], _rows(len(table), t), f"{table.source} · {t['check_columns']} {roles}"


def _labels(tables: Mapping[str, Table], t: Mapping[str, str]) -> dict[str, Any] | None:
    """Bars of each label's rows, and the same as a table; None without labels."""
    labelled = {
        name: Counter(label for cell in table.labels for label in (parts(cell) if table.several else (cell,)))
        for name, table in tables.items() if table.labels
    }  # fmt: skip
    if not labelled:
        return None
    total = sum(labelled.values(), Counter())
    names = [label for label, _ in total.most_common(SHOWN_LABELS)]
    rows = [(shortened(label) or "—", *(write.whole(counts[label]) for counts in labelled.values())) for label in names]
    pictures = {
        kind: _bars(names, labelled, t, width, names_width)
        for kind, width, names_width in (("wide", 620, 150), ("narrow", 336, 96))
    }
    rest = len(total) - len(names)
    return pictures | {
        "rows": rows, "heads": [t["check_col_label"], *(t[f"split_{name}"] for name in labelled)],
        "key": [(ROLES[name], t[f"split_{name}"]) for name in labelled],
        "rest": t["check_others"].format(n=rest) if rest > 0 else "",
    }  # fmt: skip


def _bars(
    names: Sequence[str], labelled: Mapping[str, Counter[str]], t: Mapping[str, str], width: int, start: int
) -> Markup:
    thick, gap = 11, 14
    step = thick * len(labelled) + gap
    height = step * len(names) + 6
    most = max((counts[name] for counts in labelled.values() for name in names), default=1)
    across = svg.Scale(low=0, high=max(1, most), start=start, end=width - 52)
    drawn = []
    for number, name in enumerate(names):
        top = number * step + 4
        middle = top + thick * len(labelled) / 2 + 4
        drawn.append(svg.text(start - 8, middle, shortened(name, start // 8) or "—", anchor="end", class_="axis-name"))
        for place, (file, counts) in enumerate(labelled.items()):
            y = top + place * thick
            bar = svg.element(
                "rect", x=float(start), y=float(y), width=max(1.0, across(counts[name]) - start), height=float(thick - 2), rx=2.0,
                class_=f"count role-{ROLES[file]}",
            )  # fmt: skip
            drawn += [bar, svg.text(across(counts[name]) + 5, y + thick - 2, write.whole(counts[name]), class_="tiny")]
    described = "; ".join(f"{t[f'split_{file}']}: {counts.total()}" for file, counts in labelled.items())
    return svg.drawing(width, height, *drawn, title=t["check_labels"], description=described)


def _lengths(name: str, table: Table, t: Mapping[str, str]) -> dict[str, Any]:
    """A histogram of the characters a text has; the last bar holds the longest hundredth's tail."""
    sizes = sorted(sum(map(len, parts_of(text))) for text in table.texts)
    middle, longest = sizes[len(sizes) // 2], sizes[-1]
    end = max(BINS, min(longest, round(1.3 * sizes[int(0.99 * (len(sizes) - 1))])))
    width = end / BINS
    counts = Counter(min(BINS - 1, int(size / width)) for size in sizes)
    pictures = {kind: _histogram(counts, width, name, t, wide) for kind, wide in (("wide", 620), ("narrow", 336))}
    hint = t["check_lengths_hint"].format(
        file=t[f"split_{name}"], middle=write.whole(middle), longest=write.whole(longest)
    )
    return pictures | {"hint": hint}


def _histogram(counts: Counter[int], width: float, name: str, t: Mapping[str, str], wide: int) -> Markup:
    across = svg.Scale(low=0, high=BINS * width, start=46, end=wide - 14)
    up = svg.Scale(low=0, high=max(counts.values()) * 1.05, start=150, end=8)
    ticks = svg.even_ticks(0, BINS * width, 6 if wide > 400 else 4)
    drawn = svg.grid(
        across, up, x_ticks=ticks, y_ticks=svg.even_ticks(0, up.high, 3), write_x=write.whole, write_y=write.whole
    )
    for place, count in counts.items():
        left, right = across(place * width), across((place + 1) * width)
        place_of = {"x": left + 0.5, "y": up(count), "width": right - left - 1, "height": 150 - up(count)}
        drawn.append(svg.element("rect", **place_of, class_=f"count role-{ROLES[name]}"))
    drawn.append(svg.text(wide - 14, 184, t["check_characters"], anchor="end", class_="axis-name"))
    described = t[f"split_{name}"]
    return svg.drawing(wide, 190, *drawn, title=t["check_lengths"], description=described)
