"""How to run the result: lines to copy, with the folder as it lies on disk."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

from llamita.core.answers import ANSWERS_FILE, AnyLabels
from llamita.core.exporter import ARTIFACT_FILE
from llamita.core.report import Report

CLI = """\
llamita predict {folder} {text}{pair}
llamita predict {folder} --file texts.csv"""

PYTHON = """\
import llamita

model = llamita.load({folder!r})
print(model.classify([{given}])[0])"""

ONNXRUNTIME = """\
import json
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

folder = Path({folder!r})
about = json.loads((folder / "artifact.json").read_text(encoding="utf-8"))
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
side = (tokenizer.truncation or {{}}).get("direction", "right")
tokenizer.enable_truncation(about["max_length"], direction=side)
session = onnxruntime.InferenceSession(str(folder / about["file"]))

encoded = tokenizer.encode({given})
columns = {{"input_ids": encoded.ids, "attention_mask": encoded.attention_mask, "token_type_ids": encoded.type_ids}}
logits = session.run(None, {{name: np.array([columns[name]], dtype=np.int64) for name in about["inputs"]}})[0][0]
"""

ONE_LABEL = """\
shares = np.exp(logits - logits.max())
{curves}print({{label: round(float(share), 3) for label, share in zip(about["labels"], shares / shares.sum())}})"""

ANY_LABELS = """\
shares = 1 / (1 + np.exp(-logits))
{curves}limits = about["answers"]["thresholds"] or [0.5] * len(shares)
print([(label, round(float(share), 3)) for label, share, limit in zip(about["labels"], shares, limits) if share >= limit])"""

CURVES = """\
shares = np.array([np.interp(share, x, y) for share, (x, y) in zip({shares}, about["answers"]["curves"])])
"""

TRANSFORMERS = """\
from transformers import pipeline

classify = pipeline("text-classification", {folder!r}, truncation=True)
print(classify({given}{every}))"""

CHAT = """\
from transformers import pipeline

chat = pipeline("text-generation", {folder!r})
print(chat([{{"role": "user", "content": {text!r}}}], max_new_tokens=60)[0]["generated_text"][-1]["content"])"""

MEASURE = {
    "language": "llamita measure quality {folder} --task language --data texts.txt",
    "chat": "llamita chat {folder}",
}
"""What a model that writes is asked by a command line."""

LANGUAGE = {
    "text-generation": """\
from transformers import pipeline

write = pipeline("text-generation", {folder!r})
print(write({text!r}, max_new_tokens=60, do_sample=True, top_k=50)[0]["generated_text"])""",
    "fill-mask": """\
from transformers import pipeline

fill = pipeline("fill-mask", {folder!r})
print(fill({text!r} + " " + fill.tokenizer.mask_token)[0]["sequence"])""",
    "text2text-generation": """\
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

tokenizer, model = AutoTokenizer.from_pretrained({folder!r}), AutoModelForSeq2SeqLM.from_pretrained({folder!r})
written = model.generate(**tokenizer({text!r}, return_tensors="pt"), max_new_tokens=60)
print(tokenizer.decode(written[0], skip_special_tokens=True))""",
}
"""By what the Hub calls the model's job."""


def job_of(report: Report) -> str:
    """What the Hub calls the job of the light model (or the only one)."""
    if report.task.get("task") == "chat":
        return "text-generation"
    if report.task.get("task") != "language":
        return "text-classification"
    subject = report.delivered
    if subject and subject.finding("quality.masked_perplexity"):
        return "fill-mask"
    bits = subject.finding("quality.bits_per_byte") if subject else None
    return "text2text-generation" if bits is None or bits.value is None else "text-generation"


def transformers_lines(
    report: Report, folder: str, text: str, words: Mapping[str, str], *, at: Path | None = None
) -> str:
    """The model's job with Transformers alone, and what that leaves out of it.

    Args:
        folder: the model's folder as the lines name it.
        at: where it is now; as they name it when left out.
    """
    every = ", top_k=None" if has_any_labels(report) else ""
    given = {"text": text, "text_pair": text} if report.task.get("pairs") else text
    lines = CHAT if report.task.get("task") == "chat" else LANGUAGE.get(job_of(report), TRANSFORMERS)
    notes = "".join(f"# {note}\n" for note in left_out(at or Path(folder), words))
    return notes + lines.format(folder=folder, text=text, every=every, given=repr(given))


def left_out(folder: Path, words: Mapping[str, str]) -> list[str]:
    """What stock code doesn't do with a model that was calibrated: curves, and thresholds other than a half."""
    file, notes = folder / ANSWERS_FILE, []
    if not file.exists():
        return []
    kept = json.loads(file.read_text(encoding="utf-8"))
    if kept.get("curves"):
        notes.append(words["stock_curves"])
    if any(limit != 0.5 for limit in kept.get("thresholds", ())):
        names = json.loads((folder / "config.json").read_text(encoding="utf-8"))["id2label"]
        told = ", ".join(f"{' '.join(names[str(i)].split())} {limit:.3f}" for i, limit in enumerate(kept["thresholds"]))
        notes.append(words["stock_thresholds"].format(told=told))
    return notes


def command_lines(report: Report, folder: str, text: str) -> str:
    """A text and a file labelled by the command line."""
    pair = f" --pair {shlex.quote(text)}" if report.task.get("pairs") else ""
    return CLI.format(folder=shlex.quote(folder), text=shlex.quote(text), pair=pair)


def onnxruntime_lines(report: Report, folder: str, text: str, *, curves: bool) -> str:
    """An exported model's answer with onnxruntime alone, through its calibrating curves where it has some."""
    ending, shares = (ANY_LABELS, "shares") if has_any_labels(report) else (ONE_LABEL, "shares / shares.sum()")
    through = CURVES.format(shares=shares) if curves else ""
    given = ", ".join([repr(text)] * (2 if report.task.get("pairs") else 1))
    return ONNXRUNTIME.format(folder=folder, given=given) + ending.format(curves=through)


def has_curves(folder: Path) -> bool:
    """Whether probabilities go through fitted curves there."""
    file = folder / ARTIFACT_FILE
    return file.exists() and bool(json.loads(file.read_text(encoding="utf-8")).get("answers", {}).get("curves"))


def has_any_labels(report: Report) -> bool:
    """Whether a text may have several labels, each with a probability of its own."""
    return report.task.get("task") == AnyLabels.task


def snippets(report: Report, words: Mapping[str, str], folder: Path | None) -> list[tuple[str, str]]:
    """Heading and code of each way to run the light model (or the only one)."""
    subject = report.delivered
    if subject is None:
        return []
    stock, exported = places(folder, subject.path)
    text = words["run_text"]
    pair = f" --pair {shlex.quote(text)}" if report.task.get("pairs") else ""
    best = exported or stock or opened_alone(folder, subject.path)
    if job_of(report) in LANGUAGE:
        lines = transformers_lines(report, stock, text, words)
        return (
            [
                (words["run_cli"], MEASURE[report.task["task"]].format(folder=shlex.quote(stock))),
                (words["run_transformers"], lines),
            ]
            if stock
            else []
        )
    made = [
        (words["run_cli"], command_lines(report, best, text)),
        (words["run_python"], PYTHON.format(folder=best, given=repr((text, text) if pair else text))),
    ]
    if exported:
        made.append((words["run_onnx"], onnxruntime_lines(report, exported, text, curves=has_curves(Path(exported)))))
    if stock:
        made.append((words["run_transformers"], transformers_lines(report, stock, text, words)))
    return made if best else []


def places(folder: Path | None, known: str) -> tuple[str, str]:
    """The stock folder and the exported one: those beside the page, else the one the report names."""
    light = folder / "light" if folder is not None else None
    if light is not None and light.is_dir():
        return _inside(light)
    path = Path(known)
    if known and (path / "light").is_dir() and not (path / "config.json").exists():
        return _inside(path / "light")
    if known and (_is_graph(path) or (path.name == "onnx" and not path.is_dir())):
        return "", path.as_posix()
    is_stock = known and (not path.is_dir() or (path / "config.json").exists())
    return (path.as_posix() if is_stock else ""), ""


def _inside(light: Path) -> tuple[str, str]:
    """What of a delivered folder stock code opens, and what onnxruntime does."""
    graphs = [path.parent for path in sorted(light.glob(f"*/{ARTIFACT_FILE}")) if _is_graph(path.parent)]
    return light.as_posix() if (light / "config.json").exists() else "", graphs[0].as_posix() if graphs else ""


def _is_graph(folder: Path) -> bool:
    """Whether onnxruntime runs what stands there; a linear model or one that is asked has no graph."""
    file = folder / ARTIFACT_FILE
    return file.exists() and json.loads(file.read_text(encoding="utf-8")).get("exporter") == "export.onnx"


def opened_alone(folder: Path | None, known: str) -> str:
    """A folder that only llamita opens, such as one of a model that is asked; nothing where there is none."""
    for path in ([folder / "light"] if folder is not None else []) + ([Path(known)] if known else []):
        if (path / ARTIFACT_FILE).exists():
            return path.as_posix()
    return ""
