"""Claim: from SmolLM2-135M and SST-2 sentences, lighten makes a folder of 12 MB at most that keeps the accuracy.

    python bench/sst2_pareto.py --seed 0      run one seed (resumable; about a quarter of an hour on 2 cores)
    python bench/sst2_pareto.py               print the table of the seeds that are there, write bench/results/

Every row of a seed comes from the same run: teacher, its best plain int8, the light model, the same shape without a
teacher, TF-IDF with a linear model, and all candidates after their short recovery (those scores are on `select`).
"""

from __future__ import annotations

import argparse
import json
import logging
import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
WORK = Path(os.environ.get("LLAMITA_BENCH", Path.home() / ".cache" / "llamita-bench"))
ROLES = {
    "teacher": "SmolLM2-135M, fine-tuned, torch", "teacher_int8": "its best plain int8 (onnxruntime)",
    "student_alone": "the same shape, no teacher", "linear": "TF-IDF + linear", "light": "light (onnxruntime)",
}  # fmt: skip
COLUMNS = ("quality.accuracy", "cost.size_bytes", "cost.latency_p50_ms", "cost.throughput", "calibration.ece")


def run(seed: int, minutes: float) -> None:
    """One seed of the demo's job."""
    from llamita.lighten import lighten

    data = ROOT / "examples" / "data"
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    lighten(
        "smollm2", data=str(data / "sst2_train.csv"), test=str(data / "sst2_validation.csv"), keep=0.98, max_size=12_000_000,
        minutes=minutes, seed=seed, out=WORK / f"sst2-seed{seed}",
        command=f"python bench/sst2_pareto.py --seed {seed}",
    )  # fmt: skip


def read(folder: Path) -> dict[str, Any]:
    """The rows of one seed."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    rows, kept = {}, {}
    for subject in report["subjects"]:
        kept[subject["role"]] = precision_of(subject)
        found = {f["name"]: f for f in subject["findings"]}
        rows[subject["role"]] = {
            name: {key: found[name][key] for key in ("value", "interval", "n")}
            for name in found
            if found[name]["value"] is not None
        }
    return {"rows": rows, "kept": kept, "candidates": report["candidates"], "machine": report["machine"],
            "versions": report["versions"],
            "goals": report["goals"], "seed": report["seed"]}  # fmt: skip


def precision_of(subject: dict[str, Any]) -> str:
    """What the weights of an exported model are kept in, such as "4 bits"; nothing for one that wasn't exported."""
    settings = (subject.get("lineage") or [{}])[-1].get("settings", {})
    bits = settings.get("bits")
    return f"{bits} bits" if bits else settings.get("precision", "")


def titled(role: str, seeds: list[dict[str, Any]]) -> str:
    """A row's name, and for those whose precision was searched what it came to."""
    kept = (
        dict.fromkeys(seed.get("kept", {}).get(role, "") for seed in seeds)
        if role in ("student_alone", "light")
        else {}
    )
    named = "/".join(name for name in kept if name)
    return f"{ROLES[role]}, {named}" if named else ROLES[role]


def dominating(rows: dict[str, Any]) -> list[str]:
    """Rows that are no worse than the light one in score, size and time, a little noise granted, and clearly better in one."""

    def of(role: str, name: str) -> float:
        return rows[role].get(name, {}).get("value", float("nan"))

    def dominates(role: str) -> bool:
        score, (size, time) = of(role, COLUMNS[0]), (of(role, c) / of("light", c) for c in COLUMNS[1:3])
        no_worse = score >= of("light", COLUMNS[0]) and size <= 1.01 and time <= 1.05
        return no_worse and (score > of("light", COLUMNS[0]) or size < 0.99 or time < 0.95)

    return [role for role in rows if role != "light" and dominates(role)]


ASKED = {
    "quality.accuracy": 0.87, "cost.size_ratio": 10.0, "cost.throughput_ratio": 7.0, "cost.latency_ratio": 7.0,
}  # fmt: skip
"""The least of the light model; ratios against the teacher's best plain int8."""
LARGEST = 12_000_000
"""Bytes of its folder."""


def missed(light: dict[str, Any]) -> list[str]:
    """What was asked of the light model and isn't there."""
    found = [
        f"{name} {light[name]['value']:.4g}, asked {least:g}"
        for name, least in ASKED.items()
        if light[name]["value"] < least
    ]
    size = light["cost.size_bytes"]["value"]
    return found + ([f"{size / 1e6:.1f} MB, asked {LARGEST / 1e6:g}"] if size > LARGEST else [])


def table(seeds: list[dict[str, Any]]) -> None:
    """Print the mean over seeds and each seed's value."""
    print(f"SST-2 validation, {len(seeds)} seed(s); accuracy in %, ± half the width of the mean interval")
    print(f"{'':40}{'accuracy':>22}{'MB':>8}{'p50 ms':>9}{'texts/s':>9}{'ECE':>8}")
    for role in ROLES:
        title = titled(role, seeds)
        values = {c: [s["rows"][role][c] for s in seeds if c in s["rows"].get(role, {})] for c in COLUMNS}
        mean = {
            c: sum(v["value"] for v in found) / len(found) if found else float("nan") for c, found in values.items()
        }
        accuracy = values["quality.accuracy"]
        half = sum((a["interval"][1] - a["interval"][0]) / 2 for a in accuracy) / max(1, len(accuracy))
        each = "/".join(f"{100 * a['value']:.1f}" for a in accuracy)
        print(
            f"{title:40}{100 * mean[COLUMNS[0]]:7.1f} ± {100 * half:.1f} {each:>8}{mean[COLUMNS[1]] / 1e6:8.1f}"
            f"{mean[COLUMNS[2]]:9.2f}{mean[COLUMNS[3]]:9.0f}{mean[COLUMNS[4]]:8.3f}"
        )
    for seed in seeds:
        light = seed["rows"]["light"]
        for name in ("headline.teacher_bought", "headline.compression_cost", "quality.loss_to_reference"):
            f = light[name]
            low, high = (100 * end for end in f["interval"])
            print(
                f"seed {seed['seed']}: {name} {100 * f['value']:+.1f} points, 95 % [{low:+.1f}, {high:+.1f}], n = {f['n']}"
            )
        for name in ("size", "throughput", "latency"):
            f, torch = light[f"cost.{name}_ratio"], light.get(f"cost.{name}_ratio_to_torch")
            also = f" (to torch fp32: {torch['value']:.1f} x)" if torch else ""
            interval = f" [{f['interval'][0]:.1f}, {f['interval'][1]:.1f}]" if f["interval"] else ""
            print(f"seed {seed['seed']}: {name} against the teacher's int8 {f['value']:.1f} x{interval}{also}")
        for role in dominating(seed["rows"]):
            print(
                f"seed {seed['seed']}: DOMINATED by: {ROLES[role]} (no worse in accuracy, bytes and time, better in one)"
            )
        for what in missed(light):
            print(f"seed {seed['seed']}: MISSED: {what}")
        best = max(seed["rows"], key=lambda role: seed["rows"][role]["quality.accuracy"]["value"])
        print(f"seed {seed['seed']}: highest accuracy of all rows: {ROLES[best]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="run this seed")
    parser.add_argument("--minutes", type=float, default=15)
    args = parser.parse_args()
    if args.seed is not None:
        run(args.seed, args.minutes)
    folders = sorted(folder for folder in WORK.glob("sst2-seed*") if (folder / "report.json").exists())
    out = ROOT / "bench" / "results" / "sst2_pareto.json"
    published = json.loads(out.read_text(encoding="utf-8"))["seeds"] if out.exists() else []
    by_seed = {one["seed"]: one for one in (*published, *map(read, folders))}
    if not by_seed:
        raise SystemExit("no seed has been run yet: python bench/sst2_pareto.py --seed 0")
    seeds = [by_seed[seed] for seed in sorted(by_seed)]
    table(seeds)
    out.write_text(
        json.dumps({"command": "python bench/sst2_pareto.py --seed N", "seeds": seeds}, ensure_ascii=False, indent=1)
    )


if __name__ == "__main__":
    main()
