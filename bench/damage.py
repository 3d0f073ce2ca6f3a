"""Claim: `llamita data check` finds every kind of damage put into a clean corpus, names the lines, and calls nothing else damaged.

    python bench/damage.py     a minute; prints the tables, writes bench/results/damage.json

Into 1,000 sentences of SST-2 (and as many reviews of ChnSentiCorp, where ../shared/data is there) each kind of damage of
tests/damage.py is put alone, then all that one file can hold together. "lines": those that the finding names are the damaged
ones, no more and no less; "also": other findings beside it (near copies, which take seconds, are looked for in the clean corpus,
in all damage together, and where they are the damage). The clean rows were chosen without the checker:
English rows in ASCII, Chinese ones without the characters &<>, of any text the first row only; the same rule for the test file.
Dialogues made of the same texts have the damage of tests/damaged_talks.py. Labels that may be wrong: bench/label_errors.py.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
SHARED = ROOT.parent / "shared" / "data"
CORPORA = {
    "en": (ROOT / "examples" / "data" / "sst2_train.csv", ROOT / "examples" / "data" / "sst2_validation.csv"),
    "zh": (SHARED / "chnsenticorp" / "train.csv", SHARED / "chnsenticorp" / "test.csv"),
}
ROWS, TEST_ROWS = 1000, 300


def main() -> None:
    from llamita.core.hardware import machine, versions

    told: dict[str, Any] = {"command": "python bench/damage.py", "machine": machine(), "versions": versions()}
    for language, files in CORPORA.items():
        if all(file.exists() for file in files):
            told[language] = corpus(language, *files)
        else:
            print(f"skipped: {language} needs {SHARED}")
    out = ROOT / "bench" / "results" / "damage.json"
    out.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def corpus(language: str, train: Path, test: Path) -> dict[str, Any]:
    """Every row of the table for one corpus."""
    from tests.damage import DAMAGES
    from tests.damaged_corpus import Corpus

    seen: set[str] = set()
    clean = [clean_rows(file, language, most, seen) for file, most in ((train, ROWS), (test, TEST_ROWS))]
    alarms = findings(Corpus.of(*clean))[0]
    print(
        f"\n{language}: {len(clean[0]):,} + {len(clean[1])} clean rows, {len(alarms)} findings {[f.kind for f in alarms]}"
    )
    rows = [alone(damage, clean) for damage in DAMAGES if damage.language in ("", language)]
    print(f"{'damage, alone':60}{'found as':17}{'lines':>6}{'also':>20}")
    for row in rows:
        found = ("refused" if not row["kind"] else row["kind"]) if row["found"] else "NOT FOUND"
        print(f"{row['name']:60}{found:17}{'right' if row['lines_right'] else 'WRONG':>6}{', '.join(row['also']):>20}")
    joined = together([d for d in DAMAGES if not d.alone and d.language in ("", language)], clean)
    number, exact = sum(r["found"] for r in rows), sum(r["lines_right"] for r in rows)
    both = f"together {joined['found']} of {joined['of']}"
    print(f"{language}: alone {number} of {len(rows)} found, {exact} with the right lines; {both}")
    talked = talks([text for text, _ in clean[0]])
    print(f"{language}: dialogues {talked['found']} of {talked['of']}, missed: {talked['missed']}")
    return {
        "clean_rows": [len(part) for part in clean],
        "alarms_on_clean": len(alarms),
        "alone": rows,
        "together": joined,
        "dialogues": talked,
    }


def clean_rows(file: Path, language: str, most: int, seen: set[str]) -> list[tuple[str, str]]:
    """The first rows of the file that look clean to a rule that knows nothing of the checker."""
    rows = []
    with file.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            text, bare = row["text"].strip(), "".join(c for c in row["text"].lower() if c.isalnum())
            sound = (
                text.isascii() if language == "en" else not set(text) & set("&<>") and any(c > "\u4e00" for c in text)
            )
            if sound and text and bare not in seen and len(rows) < most:
                seen.add(bare)
                rows.append((text, row["label"]))
    accented = ("a charming little film in the café around the corner of a rainy street", rows[0][1])
    return [*rows, accented] if most == ROWS and language == "en" else rows


def findings(made: Any, near: bool = True) -> tuple[list[Any], str, list[int], dict[str, list[int]]]:
    """Findings, the refusal if there is one, and of each kind all lines."""
    from llamita.core.errors import UserError
    from llamita.data.check import check, faults_found
    from llamita.data.read import read_table

    with tempfile.TemporaryDirectory() as folder:
        files = made.write(Path(folder))
        faults: list[Any] = []
        try:
            train, test = (read_table(str(file), faults=faults) for file in files)
        except UserError as error:
            return [], str(error).replace(folder, ""), [], {}
        found = [*check(train, test, likeness=0.8 if near else None), *faults_found(faults)]
        lines: dict[str, list[int]] = {}
        for f in found:
            table = train if f.file == train.source else test
            lines.setdefault(f.kind, []).extend([table.lines[i] for i in f.rows] or f.lines)
        return found, "", [], lines


def alone(damage: Any, clean: list[list[tuple[str, str]]]) -> dict[str, Any]:
    """One kind of damage in the clean corpus."""
    from tests.damaged_corpus import Corpus

    made = Corpus.of(*clean)
    hurt = damage.put(made)
    wanted = sorted(made.lines(hurt))
    found, refusal, _, lines = findings(made, near="near" in damage.kind)
    also = [f.kind for f in found if f.kind != damage.kind]
    told = {"name": damage.name, "kind": damage.kind, "wanted": wanted[:10], "also": also}
    if not damage.kind:
        place = f"train.csv:{wanted[0] if wanted else 1}:"
        return told | {"found": bool(refusal), "lines_right": place in refusal, "remedy": refusal}
    first = next((f for f in found if f.kind == damage.kind), None)
    named = sorted(set(lines.get(damage.kind, [])))
    right = named == wanted or (not wanted and bool(named)) or (
        damage.kind == "one_class" and wanted[0] in named
    )  # fmt: skip
    return told | {
        "found": first is not None,
        "lines_right": right,
        "remedy": first.remedy if first else "",
        "named": named[:10],
    }


def together(damages: list[Any], clean: list[list[tuple[str, str]]]) -> dict[str, Any]:
    """All kinds in one file: each is found if a finding of its kind names its lines."""
    from tests.damaged_corpus import Corpus

    made = Corpus.of(*clean)
    hurt = {damage.name: (damage.kind, damage.put(made)) for damage in damages}
    lines = findings(made)[3]
    missed = [name for name, (kind, rows) in hurt.items() if not set(made.lines(rows)) <= set(lines.get(kind, []))]
    damaged = {line for kind, rows in hurt.values() for line in made.lines(rows)}
    strangers = {kind: sorted(set(found) - damaged)[:5] for kind, found in lines.items() if set(found) - damaged}
    print("together, missed:", missed, "; lines named that nothing was put into:", strangers)
    return {"of": len(hurt), "found": len(hurt) - len(missed), "missed": missed, "strangers": strangers}


def talks(texts: list[str]) -> dict[str, Any]:
    """Each kind of damage in dialogues of these texts: found if its line is named, and no other line."""
    from tests.damaged_talks import TALK_DAMAGES, talks_found, write_talks

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "talks.jsonl"
        write_talks(file, texts, [])
        alarms = sum(len(found) for found in talks_found(file).values())
        missed = []
        for name, (kind, _) in TALK_DAMAGES.items():
            lines = write_talks(file, texts, [name])
            missed += [] if talks_found(file) == {kind: {lines[name]}} else [name]
    return {
        "of": len(TALK_DAMAGES),
        "found": len(TALK_DAMAGES) - len(missed),
        "missed": missed,
        "alarms_on_clean": alarms,
    }


if __name__ == "__main__":
    main()
