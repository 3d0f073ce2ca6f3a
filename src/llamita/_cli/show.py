"""Tables, numbers and progress for the terminal."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from llamita._cli.harmless import harmless
from llamita._cli.language import said
from llamita.pages.format import MINUS, percent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from llamita.core.measure import Finding

TITLES = {
    "quality.accuracy": "accuracy",
    "quality.micro_f1": "micro-F1",
    "quality.macro_f1": "macro-F1",
    "quality.exact_match": "all labels right",
    "quality.hamming_loss": "wrong marks (Hamming loss)",
    "quality.bits_per_byte": "bits per byte",
    "quality.perplexity": "perplexity a token",
    "quality.masked_perplexity": "perplexity a masked token",
    "quality.denoising_perplexity": "perplexity a token, text with gaps",
    "samples.distinct": "3-grams of samples that are different",
    "samples.filled": "hidden tokens filled in rightly",
    "train.loss": "loss of the last steps",
    "quality.loss_to_reference": "loss to the teacher",
    "quality.bits_lost_to_reference": "bits lost to the teacher",
    "cost.size_bytes": "size",
    "cost.parameters": "parameters",
    "cost.flops": "FLOPs a text",
    "cost.peak_memory_bytes": "peak memory",
    "cost.latency_p50_ms": "latency p50",
    "cost.latency_p95_ms": "latency p95",
    "cost.throughput": "throughput",
    "cost.latency_ratio": "latency, teacher / this",
    "cost.throughput_ratio": "throughput, this / teacher",
    "cost.size_ratio": "size, teacher / this",
    "calibration.ece": "calibration error (ECE)",
    "calibration.brier": "Brier score",
    "calibration.nll": "negative log-likelihood",
    "coverage.share": "right labels that sets hold",
    "coverage.set_size": "labels in a set",
    "coverage.unsure": "texts that it is unsure of",
    "agreement.same_label": "same label as the teacher",
    "agreement.kl": "KL from the teacher",
    "agreement.cascade": "accuracy with the teacher's help",
    "attack.clean": "accuracy, texts as they are",
    "attack.noise": "accuracy under noise",
    "attack.fall": "fall",
    "explain.occlusion": "fall of the answer without its weightiest word",
    "explain.same_reasons": "same reasons as the teacher (rank correlation)",
}
MICRO = "quality.micro_f1"
OF_SEVERAL = {
    "agreement.cascade": "micro-F1 with the teacher's help",
    "attack.clean": "micro-F1, texts as they are",
    "attack.noise": "micro-F1 under noise",
}
"""What the score is where a text may have any labels."""

UNITS = ("times", "correlation", "nats")
"""Units that are words, which other languages have words of their own for."""
DIFFERENCES = ("quality.loss_to_reference", "attack.fall", "attack.reference_fall")
"""Of two shares: points, which a percent sign would make shares of the other."""


def console(*, error: bool = False) -> Console:
    """A rich console; wide when it doesn't write to a terminal, so that lines aren't cut."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else 160
    return Console(file=stream, width=width, highlight=False, emoji=False, markup=False)


def print_json(data: Any) -> None:
    """Print plain data as JSON that people can read."""
    print(json.dumps(data, ensure_ascii=False, indent=1))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], title: str = "", right: Sequence[int] = ()) -> None:
    """Print a table; the columns in `right` are set flush right."""
    from rich import box
    from rich.table import Table

    grid = Table(
        box=box.SIMPLE_HEAD, title=harmless(title) or None, title_justify="left", title_style="bold", pad_edge=False
    )
    for i, name in enumerate(header):
        grid.add_column(harmless(name), justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*map(harmless, row))
    console().print(grid)


def findings_table(named: Sequence[tuple[str, Sequence[Finding]]], title: str = "") -> None:
    """One row per finding, one column per model; intervals in brackets; the reference's own values are left out."""
    order: dict[str, None] = {}
    for _, findings in named:
        order |= dict.fromkeys(f.name for f in findings if ".reference_" not in f.name)
    found = [{f.name: f for f in findings} for _, findings in named]
    several = any(MICRO in (f.name, f.detail.get("score")) for _, findings in named for f in findings)
    titles = TITLES | (OF_SEVERAL if several else {})
    rows = []
    for name in order:
        counts = sorted({f[name].n for f in found if name in f and f[name].n})
        cells = [written(f[name]) if name in f else "" for f in found]
        rows.append([said(titles.get(name, name)), *cells, "–".join(f"{n:,}" for n in (*counts[:1], *counts[1:][-1:]))])
    table(["", *(said(name) for name, _ in named), "n"], rows, said(title), right=range(1, len(named) + 2))


def written(finding: Finding) -> str:
    """Value, unit and interval of a finding, or the reason why there is none."""
    if finding.value is None:
        return f"— {said(finding.reason)}".strip()
    unit = "points" if finding.name in DIFFERENCES else finding.unit
    text = quantity(finding.value, unit)
    if finding.interval:
        low, high = (quantity(v, unit, unit=False) for v in finding.interval)
        text += f" [{low}, {high}]"
    if isinstance(floor := finding.detail.get("floor"), float):
        text += said(f" (floor {quantity(floor, finding.unit)})")
    return text


def quantity(value: float, kind: str, *, unit: bool = True, more: int = 0) -> str:
    """A number in its unit, with so many digits more: shares as percent, bytes with MB = 10^6."""
    if kind in ("share", "points"):
        sign = "%" if kind == "share" else said("points")
        return f"{percent(value, 1 + more).replace(MINUS, '-')}{f' {sign}' if unit else ''}"
    if kind == "bytes":
        return bytes_text(value, 3 + more)
    return f"{value:,.{_digits(value, more)}f}{f' {said(kind) if kind in UNITS else kind}' if unit and kind else ''}"


def _digits(value: float, more: int) -> int:
    """Digits after the point; a small number shows two that aren't 0."""
    if not math.isfinite(value) or float(value).is_integer():
        return 0
    size = abs(value)
    if size < 0.001:
        return 1 - math.floor(math.log10(size))
    return more + (0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 4)


def bytes_text(value: float, digits: int = 3) -> str:
    """Bytes as "11.7 MB"; MB are 10⁶ bytes."""
    for power, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= power * 0.9995:
            return f"{value / power:.{digits}g} {name}"
    return f"{value:.0f} B"


def progress() -> Progress:
    """A progress bar on stderr; silent where stderr is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    shown = console(error=True)
    return Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=shown,
        transient=True, disable=not shown.is_terminal,
    )  # fmt: skip
