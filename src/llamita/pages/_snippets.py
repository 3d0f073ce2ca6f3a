"""How to run the result: lines to copy, with the folder as it lies on disk."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from llamita.core.exporter import ARTIFACT_FILE
from llamita.core.report import Report

CLI = """\
llamita predict {folder} {text}
llamita predict {folder} --file texts.csv"""

PYTHON = """\
import llamita

model = llamita.load({folder!r})
print(model.classify([{text!r}])[0])"""

ONNXRUNTIME = """\
import json
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

folder = Path({folder!r})
about = json.loads((folder / "artifact.json").read_text(encoding="utf-8"))
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
tokenizer.enable_truncation(about["max_length"])
session = onnxruntime.InferenceSession(str(folder / about["file"]))

encoded = tokenizer.encode({text!r})
columns = {{"input_ids": encoded.ids, "attention_mask": encoded.attention_mask, "token_type_ids": encoded.type_ids}}
logits = session.run(None, {{name: np.array([columns[name]], dtype=np.int64) for name in about["inputs"]}})[0][0]
shares = np.exp(logits - logits.max())
print({{label: round(float(share), 3) for label, share in zip(about["labels"], shares / shares.sum())}})"""

TRANSFORMERS = """\
from transformers import pipeline

classify = pipeline("text-classification", {folder!r})
print(classify({text!r}))"""


def snippets(report: Report, words: Mapping[str, str], folder: Path | None) -> list[tuple[str, str]]:
    """Heading and code of each way to run the light model (or the only one)."""
    subject = report.subject("light") or report.subject("model")
    if subject is None:
        return []
    stock, exported = places(folder, subject.path)
    text = words["run_text"]
    best = exported or stock
    made = [
        (words["run_cli"], CLI.format(folder=shlex.quote(best), text=shlex.quote(text))),
        (words["run_python"], PYTHON.format(folder=best, text=text)),
    ]
    if exported:
        made.append((words["run_onnx"], ONNXRUNTIME.format(folder=exported, text=text)))
    if stock:
        made.append((words["run_transformers"], TRANSFORMERS.format(folder=stock, text=text)))
    return made if best else []


def places(folder: Path | None, known: str) -> tuple[str, str]:
    """The stock folder and the exported one: those beside the page, else the one the report names."""
    light = folder / "light" if folder is not None else None
    if light is not None and light.is_dir():
        artifacts = sorted(p.parent for p in light.glob(f"*/{ARTIFACT_FILE}"))
        return light.as_posix(), artifacts[0].as_posix() if artifacts else ""
    path = Path(known)
    exported = known and ((path / ARTIFACT_FILE).exists() or path.name == "onnx")
    return ("", path.as_posix()) if exported else (path.as_posix() if known else "", "")
