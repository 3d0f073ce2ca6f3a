"""An exported folder: what stands in it beside the graph, and how it gets its name only when it is whole."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llamita.core.errors import UserError
from llamita.core.exporter import ARTIFACT_FILE
from llamita.core.whole import whole_folder

if TYPE_CHECKING:
    from llamita.core.model import Model


def describe(model: Model) -> dict[str, Any]:
    """What artifact.json tells of the model, whatever the precision; only a classifier has it to tell."""
    name = type(model.module).__name__
    if "SequenceClassification" not in name:
        raise UserError(
            f"{model.name or 'the model'} is a {name} without labels to predict; ONNX export takes a classifier:"
            " fine-tune it first (llamita finetune MODEL --data train.csv --out DIR)"
        )
    from llamita.core.flops import attention_width, flops_per_token

    inputs = ["input_ids", "attention_mask", *(["token_type_ids"] if model.uses_type_ids else [])]
    return {
        "exporter": "export.onnx", "name": model.name, "labels": list(model.labels),
        "answers": model.answers.to_dict(), "max_length": model.max_length,
        "pad_id": model.module.config.pad_token_id, "inputs": inputs, "parameters": model.num_parameters,
        "flops_per_token": flops_per_token(model), "attention_width": attention_width(model),
    }  # fmt: skip


def write_small_files(folder: Path, model: Model, described: dict[str, Any]) -> None:
    """The tokenizer on one line, and the config's part that a client needs to name labels."""
    tokenizer = model.encoder.tokenizer
    (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=False), encoding="utf-8")
    config = model.module.config
    write_json(folder / "config.json", {
        "model_type": config.model_type, "architectures": [type(model.module).__name__],
        "id2label": dict(enumerate(described["labels"])),
        "label2id": {label: i for i, label in enumerate(described["labels"])},
        "pad_token_id": described["pad_id"], "max_position_embeddings": described["max_length"],
        "problem_type": model.answers.problem_type,
    })  # fmt: skip


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write plain data as JSON that people can read."""
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


@contextmanager
def new_folder(final: Path) -> Generator[Path]:
    """A temporary folder, renamed when the block ends well and removed when it doesn't; an earlier export gives way."""
    if final.is_dir() and any(final.iterdir()) and not (final / ARTIFACT_FILE).is_file():
        raise UserError(f"{final} is not empty and holds no export; name a new folder")
    with whole_folder(final) as work:
        yield work
