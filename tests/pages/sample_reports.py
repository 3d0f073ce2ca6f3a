"""Plausible reports for the pages' tests: a full one in English, and a hostile, gappy one in Chinese."""

# ruff: noqa: E501 -- findings read best one a line
from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, Literal

from llamita.core.measure import Finding
from llamita.core.report import Goal, Report, Subject

LABELS = ("negative", "positive")
SENTENCES = (
    ("a quietly moving story that never raises its voice and never needs to", 1),
    ("the jokes land about as often as a kite in a calm", 0),
    ("it is hard to dislike a film this generous with its minor characters", 1),
    ("two hours of handsome scenery in search of a reason to be filmed", 0),
    ("not without charm , though most of it belongs to the dog", 1),
    ("what might have been a sharp short has been stretched into a dull long one", 0),
    ("the lead gives the kind of performance that makes you forgive the script", 1),
    ("so predictable that the popcorn seemed to know what came next", 0),
    ("an uncommonly kind comedy , and a funny one", 1),
    ("it mistakes loudness for energy and confusion for depth", 0),
    ("there is more wit in the closing credits than in the whole of its rivals", 1),
    ("a remake that remembers everything about the original except why it was good", 0),
)
TEXTS = 872


def texts_of(index: int) -> tuple[str, int]:
    sentence, label = SENTENCES[index % len(SENTENCES)]
    return f"{sentence} ( take {index // len(SENTENCES) + 1} )", label


def predictions(accuracy: float, seed: int, names: tuple[str, ...] = LABELS) -> tuple[dict[str, Any], ...]:
    """Rows as a classification task writes them."""
    dice, order = random.Random(seed), random.Random(99)
    hard = sorted(range(TEXTS), key=lambda index: order.random() + 0.11 * dice.random())
    known = set(hard[: round(accuracy * TEXTS)])
    rows = []
    for index in range(TEXTS):
        text, label = texts_of(index)
        right = index in known
        guess = label if right else 1 - label
        sure = min(0.999, max(0.5, dice.betavariate(9, 1.3) if right else dice.betavariate(4, 2)))
        rows.append(
            {
                "index": index,
                "text": text,
                "label": names[label],
                "predicted": names[guess],
                "confidence": round(sure, 6),
                "probabilities": [round(1 - sure, 6), round(sure, 6)],
            }
        )
    return tuple(rows)


def quality(
    rows: tuple[dict[str, Any], ...], names: tuple[str, ...] = LABELS, *, keep_rows: bool = True
) -> list[Finding]:
    n = len(rows)
    table = [[sum(r["label"] == a and r["predicted"] == b for r in rows) for b in names] for a in names]
    accuracy = sum(table[i][i] for i in range(len(names))) / n
    half = 1.96 * (accuracy * (1 - accuracy) / n) ** 0.5
    interval = (accuracy - half, accuracy + half)
    per_class = {
        name: {
            "precision": table[i][i] / max(1, sum(t[i] for t in table)),
            "recall": table[i][i] / max(1, sum(table[i])),
            "f1": 2 * table[i][i] / max(1, sum(table[i]) + sum(t[i] for t in table)),
            "n": sum(table[i]),
        }
        for i, name in enumerate(names)
    }
    detail = {"labels": list(names), "confusion": table, "per_class": per_class}
    command = "llamita evaluate light-reviews/light/onnx --task classify --data sst2_validation.csv"
    return [
        Finding(
            name="quality.accuracy",
            value=accuracy,
            unit="share",
            interval=interval,
            better="higher",
            n=n,
            detail=detail,
            rows=rows if keep_rows else (),
            command=command,
        ),
        Finding(
            name="quality.macro_f1",
            value=accuracy - 0.001,
            unit="share",
            interval=(interval[0], interval[1]),
            better="higher",
            n=n,
        ),
    ]


def cost(size: float, parameters: float, p50: float, throughput: float, memory: float) -> list[Finding]:
    return [
        Finding(name="cost.size_bytes", value=size, unit="bytes", better="lower", n=1),
        Finding(name="cost.parameters", value=parameters, better="lower", n=1),
        Finding(name="cost.flops", value=parameters * 58, better="lower", n=TEXTS),
        Finding(
            name="cost.latency_p50_ms", value=p50, unit="ms", interval=(p50 * 0.98, p50 * 1.03), better="lower", n=500
        ),
        Finding(
            name="cost.latency_p95_ms",
            value=p50 * 1.7,
            unit="ms",
            interval=(p50 * 1.6, p50 * 1.85),
            better="lower",
            n=500,
        ),
        Finding(
            name="cost.throughput",
            value=throughput,
            unit="1/s",
            interval=(throughput * 0.97, throughput * 1.02),
            better="higher",
            n=5,
        ),
        Finding(name="cost.peak_memory_bytes", value=memory, unit="bytes", better="lower", n=1),
    ]


def calibration(rows: tuple[dict[str, Any], ...]) -> list[Finding]:
    bins = []
    for b in range(15):
        inside = [r for r in rows if b / 15 < r["confidence"] <= (b + 1) / 15]
        n = len(inside)
        bins.append(
            {
                "low": b / 15,
                "high": (b + 1) / 15,
                "n": n,
                "confidence": sum(r["confidence"] for r in inside) / n if n else None,
                "accuracy": sum(r["label"] == r["predicted"] for r in inside) / n if n else None,
            }
        )
    ece = sum(b["n"] * abs(b["accuracy"] - b["confidence"]) for b in bins if b["n"]) / len(rows)
    return [
        Finding(
            name="calibration.ece",
            value=ece,
            interval=(ece * 0.8, ece * 1.3),
            better="lower",
            n=len(rows),
            detail={"floor": 0.019, "bins": bins},
        ),
        Finding(name="calibration.brier", value=0.162, interval=(0.14, 0.185), better="lower", n=len(rows)),
        Finding(name="calibration.nll", value=0.284, unit="nats", interval=(0.25, 0.32), better="lower", n=len(rows)),
    ]


def occlusion(rows: tuple[dict[str, Any], ...], seed: int, indices: range) -> Finding:
    dice = random.Random(seed)
    told = []
    for row in (rows[i] for i in indices):
        parts = [w for w in row["text"].split() if w.isalpha()]
        told.append(
            {
                "index": row["index"],
                "text": row["text"],
                "words": parts,
                "scores": [round(dice.gauss(0.02, 0.12) ** 3 * 40, 4) for _ in parts],
                "predicted": row["predicted"],
                "label": row["label"],
                "confidence": row["confidence"],
            }
        )
    return Finding(name="explain.occlusion", value=0.3, unit="share", n=len(told), rows=tuple(told))


def noise(clean: float, noisy: float, rows: tuple[dict[str, Any], ...] = ()) -> Finding:
    shown = tuple(
        {
            "text": r["text"],
            "noisy": r["text"].replace("the", "teh").replace("story", "sotry").replace("film", "fylm"),
            "label": r["label"],
            "clean_predicted": r["predicted"],
            "predicted": LABELS[1 - LABELS.index(r["predicted"])],
        }
        for r in rows[:6]
    )
    return Finding(
        name="attack.noise",
        value=noisy,
        unit="share",
        interval=(noisy - 0.025, noisy + 0.024),
        better="higher",
        n=TEXTS,
        detail={
            "clean": clean,
            "fall": clean - noisy,
            "fall_interval": (clean - noisy - 0.02, clean - noisy + 0.02),
            "changed": 90,
            "rate": 0.1,
            "rates": {"words": 0.1, "characters": None},
        },
        rows=shown,
    )


def cascade() -> Finding:
    curve = []
    for step in range(41):
        share = step / 40
        accuracy = 0.882 + 0.016 * min(1, share * 3.2) ** 0.7 - 0.004 * max(0, share - 0.3)
        curve.append({"threshold": 0.5 + share / 2, "teacher_share": share, "accuracy": accuracy})
    return Finding(
        name="agreement.cascade", value=0.898, unit="share", better="higher", n=TEXTS, detail={"curve": curve}
    )


def candidates() -> tuple[dict[str, Any], ...]:
    made = []
    grid = [("minilm", layers, vocabulary) for layers in (6, 4, 3, 2) for vocabulary in (30522, 12000, 7000)]
    grid += [("teacher", layers, vocabulary) for layers in (20, 10, 5) for vocabulary in (49152, 16000)]
    for i, (student, layers, vocabulary) in enumerate(grid):
        hidden, per_layer = (384, 1.77e6) if student == "minilm" else (576, 3.54e6)
        parameters = layers * per_layer + vocabulary * hidden
        score = (
            0.80 + 0.03 * (layers if student == "minilm" else layers / 3) ** 0.55 - (0.004 if vocabulary < 8000 else 0)
        )
        made.append(
            {
                "name": f"{student} · {layers} layers · {vocabulary} pieces",
                "student": student,
                "layers": layers,
                "ffn": 1536,
                "vocabulary": vocabulary,
                "parameters": parameters,
                "size_bytes": parameters * 1.03,
                "latency_ms": 0.3 * layers * (1 if student == "minilm" else 2.2) + 0.2,
                "score": score,
                "interval": [score - 0.024, score + 0.023],
                "n": 692,
                "on_front": False,
                "chosen": i == 2,
                "note": "smallest that keeps 99 %" if i == 2 else "",
            }
        )
    best = 0.0
    for item in sorted(made, key=lambda c: c["size_bytes"]):
        item["on_front"], best = item["score"] > best, max(best, item["score"])
    return tuple(made)


def ratio(name: str, value: float, interval: tuple[float, float], reference: str) -> Finding:
    return Finding(
        name=f"cost.{name}", value=value, interval=interval, better="higher", n=5, detail={"reference": reference}
    )


def share(name: str, value: float, interval: tuple[float, float], better: Literal["higher", "lower"]) -> Finding:
    return Finding(name=name, value=value, unit="share", interval=interval, better=better, n=TEXTS)


def step(name: str, parameters: int, size_bytes: int = 0, seconds: float = 0, **settings: object) -> dict[str, Any]:
    """A step of a lineage; what it doesn't tell is left out."""
    told = {"step": name, "settings": settings, "parameters": parameters, "size_bytes": size_bytes, "seconds": seconds}
    return {key: value for key, value in told.items() if value or key == "settings"}


def english_light(rows: dict[str, tuple[dict[str, Any], ...]], clean: dict[str, float]) -> Subject:
    explained = range(0, TEXTS, 9)
    return Subject(
        name="MiniLM-L6 · 6 layers · 7,000 pieces, int8",
        role="light",
        path="light-reviews/light/onnx",
        lineage=(
            step("load", 22_713_216, 90_900_000, model="sentence-transformers/all-MiniLM-L6-v2"),
            step("prune.vocabulary", 13_681_152, 54_700_000, 3.2, keep=7000, every_text=True),
            step("prune.width", 11_321_856, 45_300_000, 9.0, ffn=1024),
            step(
                "distill.logits", 11_322_626, 45_300_000, 214.0, temperature=2.0, gold=0.5, epochs=4, learning_rate=5e-5
            ),
            step("learn.calibrate", 11_322_626, 45_300_000, 0.4),
            step("export.onnx", 11_322_626, 10_420_000, 21.0, precision="int8"),
        ),
        findings=(
            *quality(rows["light"]),
            share("quality.loss_to_reference", 0.0083, (-0.0042, 0.0204), "lower"),
            Finding(name="agreement.same_label", value=0.931, unit="share", interval=(0.913, 0.947), n=TEXTS),
            share("headline.teacher_bought", 0.0146, (-0.0012, 0.0301), "higher"),
            share("headline.compression_cost", 0.0083, (-0.0042, 0.0204), "lower"),
            *cost(10.42e6, 9.98e6, 1.956, 1322, 117e6),
            ratio("latency_ratio", 9.41, (9.12, 9.71), "teacher_int8"),
            ratio("throughput_ratio", 8.63, (8.41, 8.86), "teacher_int8"),
            ratio("latency_ratio_to_torch", 32.0, (30.9, 33.2), "SmolLM2"),
            *calibration(rows["light"]),
            cascade(),
            occlusion(rows["light"], 2, explained),
            replace(occlusion(rows["teacher"], 1, explained), name="explain.reference_occlusion"),
            Finding(
                name="explain.same_reasons",
                value=0.61,
                unit="correlation",
                interval=(0.55, 0.67),
                better="higher",
                n=97,
            ),
            noise(clean["light"], 0.816, rows["light"]),
            replace(noise(clean["teacher"], 0.861), name="attack.reference_noise"),
        ),
    )


def english_subjects() -> tuple[Subject, ...]:
    accuracies = {"teacher": 0.893, "teacher_int8": 0.888, "student_alone": 0.869, "linear": 0.806, "light": 0.884}
    rows = {role: predictions(accuracy, seed) for seed, (role, accuracy) in enumerate(accuracies.items(), 1)}
    clean = {role: quality(rows[role])[0].value or 0 for role in rows}
    costs = {
        "teacher": (538.1e6, 134.5e6, 62.6, 36.1, 1.42e9),
        "teacher_int8": (137.9e6, 134.5e6, 18.4, 153, 412e6),
        "student_alone": (10.4e6, 9.98e6, 1.96, 1310, 118e6),
        "linear": (3.1e6, 0.19e6, 0.21, 21400, 71e6),
    }
    found = {role: (*quality(rows[role]), *cost(*costs[role]), *calibration(rows[role])) for role in costs}
    unasked = Finding(name="attack.noise", value=None, reason="no noise was put to this model")
    return (
        Subject(
            name="SmolLM2-135M-Instruct, fine-tuned",
            role="teacher",
            path="stages/4c1-finetune",
            lineage=(
                step("load", 134_515_008, model="HuggingFaceTB/SmolLM2-135M-Instruct"),
                step("learn.finetune", 134_516_160, 0, 402.0, epochs=1, learning_rate=2e-5, precision="bf16"),
            ),
            findings=found["teacher"],
        ),
        Subject(
            name="onnxruntime, int8 weights",
            role="teacher_int8",
            findings=(*found["teacher_int8"], noise(clean["teacher_int8"], 0.853)),
        ),
        Subject(
            name="MiniLM-L6, same shape",
            role="student_alone",
            findings=(*found["student_alone"], noise(clean["student_alone"], 0.792)),
        ),
        Subject(name="word 1-2-grams", role="linear", findings=(*found["linear"], unasked)),
        english_light(rows, clean),
    )


def data_finding(
    kind: str, severity: str, place: tuple[str, int], message: str, remedy: str, **more: Any
) -> dict[str, Any]:
    file, line = place
    told = {"kind": kind, "severity": severity, "file": file, "line": line, "message": message, "remedy": remedy}
    return told | more


def english_report() -> Report:
    """Everything measured, one goal missed."""
    advice = "relax it: --max-latency 3.5ms, or more --threads"
    return Report(
        title="SmolLM2-135M-Instruct → light, on sst2_train.csv",
        task={
            "task": "classify",
            "labels": list(LABELS),
            "pairs": False,
            "sizes": {"train": 6228, "select": 692, "test": TEXTS, "unlabelled": 0},
            "label_counts": {"train": {"negative": 2979, "positive": 3249}},
            "sources": {"train": "sst2_train.csv", "test": "sst2_validation.csv"},
            "max_length": None,
            "notes": [],
        },
        subjects=english_subjects(),
        candidates=candidates(),
        goals=(
            Goal(name="keep", limit=0.99, unit="share", value=0.9907, met=True),
            Goal(name="max_size", limit=12e6, unit="bytes", value=10.42e6, met=True),
            Goal(name="max_latency", limit=3.0, unit="ms", value=3.33, met=False, advice=advice),
        ),
        machine={"processor": "x86_64, 2 cores, AVX512-VNNI, AMX", "threads": 2, "memory_gb": 24, "system": "Linux"},
        versions={
            "llamita": "0.1.0",
            "python": "3.11.7",
            "torch": "2.13.0",
            "transformers": "5.23.0",
            "onnxruntime": "1.32.0",
        },
        command="llamita lighten smollm2 --data sst2_train.csv --test sst2_validation.csv --keep 0.99 --max-size 12MB --max-latency 3ms --out light-reviews",
        notes=("The student trained without a teacher lies within the interval of the light model.",),
        data_findings=(
            data_finding(
                "duplicate", "info", ("sst2_train.csv", 113), "9 rows that repeat an earlier text and label",
                "keep one of each, unless they are meant", count=9, lines=[113],
            ),
            data_finding(
                "leakage", "warning", ("sst2_train.csv", 2041),
                "3 rows whose text also stands in sst2_validation.csv (first: its line 88)",
                "take them out of the training data: a score on texts seen in training says nothing", count=3, lines=[2041],
            ),
        ),
    )  # fmt: skip


TOPICS = ("体育", "财经<b>", "娱乐", "科技")
HOSTILE = "<script>alert('owned')</script> <img src=https://example.invalid/x.png onerror=alert(1)> | `tick` **bold** [a](javascript:alert(1))"
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
CHINESE = (
    "这支球队终于在加时赛里赢下了关键的一场比赛。",
    "央行宣布下调存款准备金率，市场反应平淡。",
    "导演说新片讲的是一个普通家庭的故事。",
    "新的手机处理器功耗更低，但价格更高。",
    HOSTILE,
    LONG_WORD,
)


def chinese_rows(accuracy: float, dice: random.Random) -> tuple[dict[str, Any], ...]:
    made = []
    for index in range(240):
        label = index % 4
        guess = label if dice.random() < accuracy else (label + 1) % 4
        text = CHINESE[index % len(CHINESE)] if index < 60 else f"第{index}条：{CHINESE[index % 4]}"
        sure = 0.5 + dice.random() / 2
        made.append(
            {"index": index, "text": text, "label": TOPICS[label], "predicted": TOPICS[guess], "confidence": sure}
        )
    return tuple(made)


def characters(rows: tuple[dict[str, Any], ...], dice: random.Random) -> Finding:
    told = [
        {
            **{key: row[key] for key in ("text", "label", "predicted", "confidence")},
            "words": list(row["text"]) if "，" in row["text"] or "。" in row["text"] else row["text"].split(),
        }
        for row in rows[:60]
    ]
    told = [t | {"scores": [dice.gauss(0, 0.1) for _ in t["words"]]} for t in told]
    return Finding(name="explain.occlusion", value=0.2, unit="share", n=len(told), rows=tuple(told))


def chinese_report() -> Report:
    """No goals, no candidates, hostile texts, and findings without a value."""
    dice = random.Random(3)
    theirs, ours = chinese_rows(0.93, dice), chinese_rows(0.9, dice)
    missing = Finding(name="cost.peak_memory_bytes", value=None, reason="本系统无法读取峰值内存 <i>")
    swapped = {
        "text": CHINESE[0],
        "noisy": CHINESE[0].replace("球", "求").replace("关", "官"),
        "label": TOPICS[0],
        "clean_predicted": TOPICS[0],
        "predicted": TOPICS[2],
    }
    costs = (cost(471e6, 118e6, 9.1, 260, 9e8)[:-1], cost(31e6, 29e6, 2.2, 990, 1.5e8))
    teacher = (*quality(theirs, TOPICS), *costs[0], missing, *calibration(theirs), characters(theirs, dice))
    light = (*quality(ours, TOPICS), *costs[1], *calibration(ours), characters(ours, dice))
    light += (
        Finding(name="agreement.cascade", value=None, reason="没有教师模型的概率"),
        Finding(
            name="attack.noise", value=0.71, unit="share", interval=(0.65, 0.77), n=240, detail={"clean": 0.9},
            rows=(swapped,),
        ),
    )  # fmt: skip
    return Report(
        title="e5 → 轻量模型，thucnews.csv <script>",
        task={"task": "classify", "labels": list(TOPICS), "sizes": {"train": 9000, "test": 240}},
        subjects=(
            Subject(name="e5-small", role="teacher", findings=teacher),
            Subject(name="e5 · 4 层", role="light", path="出品/light/onnx", findings=light),
        ),
        data_findings=(
            data_finding(
                "empty", "error", ("thucnews.csv", 7), "1 row with an empty text", "delete them", count=1, text=HOSTILE
            ),
        ),
    )


def comparison_report() -> Report:
    """Two compared models beside a teacher; some measures were not taken."""
    rows = [predictions(a, s) for a, s in ((0.9, 1), (0.88, 2), (0.8, 3))]
    losses = [
        Finding(name="quality.loss_to_reference", value=v, unit="share", interval=i, better="lower", n=TEXTS)
        for v, i in ((0.004, (-0.01, 0.018)), (0.09, (0.06, 0.12)))
    ]
    return Report(
        title="compare",
        task={"task": "classify", "labels": list(LABELS), "sizes": {"test": TEXTS}},
        subjects=(
            Subject(
                name="teacher-folder", role="teacher", findings=(*quality(rows[0]), *cost(5e8, 1.3e8, 60, 40, 1e9))
            ),
            Subject(
                name="light-a/onnx",
                role="model",
                findings=(*quality(rows[1]), losses[0], *cost(1e7, 1e7, 2, 1200, 1e8)),
            ),
            Subject(
                name="light-b/onnx",
                role="model",
                findings=(*quality(rows[2]), losses[1], *cost(4e6, 4e6, 1, 2200, 8e7)),
            ),
        ),
    )
