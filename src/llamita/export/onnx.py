"""ONNX for onnxruntime on any CPU: fp32, or int8 in which embeddings, too, take a byte a parameter."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.encoding import TextEncoder
from llamita.core.engine import Engine
from llamita.core.errors import UserError, did_you_mean, require
from llamita.core.exporter import ARTIFACT_FILE, Artifact, Exporter
from llamita.core.hardware import num_cores
from llamita.export import _check as check

if TYPE_CHECKING:
    import onnx_ir as ir

    from llamita.core.context import Run
    from llamita.core.model import Model
    from llamita.core.task import Text

log = logging.getLogger(__name__)

PRECISIONS = ("auto", "fp32", "int8-dynamic", "int8-weights")
FILES = {"fp32": "model.onnx", "int8-dynamic": "model_quantized.onnx", "int8-weights": "model_quantized.onnx"}
FAST_ENOUGH_TO_PREFER = {"kl": 0.005, "same_label": 0.99}
"""int8-dynamic runs about twice as fast as int8-weights: within these bounds it is kept although it is less exact."""


@dataclass(frozen=True, kw_only=True)
class Onnx(Exporter):
    """An ONNX folder that predicts with onnxruntime, tokenizers and numpy alone."""

    precision: str = "auto"
    """"fp32"; "int8-dynamic": products of int8, activations rounded with one scale a token; "int8-weights": weights
    alone in int8, more exact and slower; "auto": the better of the two int8."""
    max_divergence: float = 0.05
    """Mean Kullback-Leibler divergence from the model, in nats, on a sample of texts, above which no file is written."""
    reduce_range: bool = False
    """Seven instead of eight bits for the weights of int8-dynamic: for x86 processors without VNNI (before 2019),
    whose int8 sums can overflow."""
    tolerance: float = 1e-3
    """Largest difference between logits of the model and of the graph before it is quantised, relative to the largest
    logit above 1."""

    def __post_init__(self) -> None:
        require(
            self.precision in PRECISIONS,
            f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}."
            f"{did_you_mean(str(self.precision), PRECISIONS)}",
        )
        require(self.max_divergence > 0, f"max_divergence must be above 0, got {self.max_divergence}")
        require(self.tolerance > 0, f"tolerance must be above 0, got {self.tolerance}")

    def export(self, model: Model, run: Run) -> Artifact:
        """Trace, check, quantise, check again; the folder gets its name when everything has held."""
        name = type(model.module).__name__
        if "SequenceClassification" not in name:
            raise UserError(
                f"{model.name or 'the model'} is a {name} without labels to predict; ONNX export takes a classifier:"
                " fine-tune it first (llamita finetune MODEL --data train.csv --out DIR)"
            )
        try:
            from llamita.export._graph import quiet, trace, write
        except ModuleNotFoundError as error:
            raise UserError(f"ONNX export needs {error.name}: pip install 'llamita[train,onnx]'") from None
        encoder = model.encoder
        texts = check.sample_texts(run.task, encoder)
        batches = check.shaped_batches(encoder, texts)
        with quiet(), _new_folder(run.folder) as work:
            graph = trace(model, batches[1])
            described = describe(model)
            _write_small_files(work, model, described)
            files = write(graph.clone(), work / FILES["fp32"])
            plain = OnnxEngine(work, {**described, "file": FILES["fp32"]}, threads=run.threads)
            check.require_equal(plain, batches, check.logits_of(model, batches), self.tolerance)
            precision, considered = "fp32", {}
            if self.precision != "fp32":
                del plain
                for file in files:
                    file.unlink()
                precision, considered = self._quantise(graph, model, texts, work, run)
            about = {**described, "precision": precision, "file": FILES[precision], "considered": considered}
            _write_json(work / ARTIFACT_FILE, about)
        return Artifact(folder=run.folder, exporter=described["exporter"])

    def _quantise(
        self, graph: ir.Model, model: Model, texts: Sequence[Text], work: Path, run: Run
    ) -> tuple[str, dict[str, Any]]:
        """Write each int8 kind asked for, compare it with the model on texts, keep the better under the final name."""
        from llamita.export._graph import write
        from llamita.export._quantize_onnx import LEVELS, quantize

        described, found = describe(model), {}
        source = check.cut_logits(model, model.encoder, texts)
        kinds = PRECISIONS[2:] if self.precision == "auto" else (self.precision,)
        for kind in kinds:
            levels = LEVELS // 2 if self.reduce_range else LEVELS
            (work / kind).mkdir()
            write(quantize(graph, kind, levels=levels, head=len(model.labels)), work / kind / FILES[kind])  # pyrefly: ignore
            engine = OnnxEngine(work, {**described, "file": f"{kind}/{FILES[kind]}"}, threads=run.threads)
            found[kind] = check.compare(source, check.cut_logits(engine, engine.encoder, texts))
            log.info("%s: %.2g nats from the model, same label for %.1f %% of %d texts",
                     kind, found[kind].kl, 100 * found[kind].same_label, found[kind].n)  # fmt: skip
            del engine
        best = better(found)
        if not found[best].kl <= self.max_divergence:
            raise UserError(
                f"{best} moves the model's probabilities by {found[best].kl:.3g} nats on {len(texts)} texts (allowed:"
                f" {self.max_divergence}); nothing was written. Choose precision fp32 or raise max_divergence."
            )
        for file in sorted((work / best).iterdir()):
            os.replace(file, work / file.name)
        for kind in kinds:
            shutil.rmtree(work / kind)
        return best, {kind: comparison.to_dict() for kind, comparison in found.items()}


def better(found: dict[str, check.Comparison]) -> str:
    """int8-dynamic where it is as good as exact (`FAST_ENOUGH_TO_PREFER`), else the lower divergence."""
    fast = found.get("int8-dynamic")
    bounds = FAST_ENOUGH_TO_PREFER
    if fast is not None and fast.kl <= bounds["kl"] and fast.same_label >= bounds["same_label"]:
        return "int8-dynamic"
    return min(found, key=lambda kind: found[kind].kl)


def describe(model: Model) -> dict[str, Any]:
    """What artifact.json tells of the model, whatever the precision."""
    from llamita.core.flops import attention_width, flops_per_token

    inputs = ["input_ids", "attention_mask", *(["token_type_ids"] if model.uses_type_ids else [])]
    return {
        "exporter": "export.onnx", "name": model.name, "labels": list(model.labels), "max_length": model.max_length,
        "pad_id": model.module.config.pad_token_id, "inputs": inputs, "parameters": model.num_parameters,
        "flops_per_token": flops_per_token(model), "attention_width": attention_width(model),
    }  # fmt: skip


def _write_small_files(folder: Path, model: Model, described: dict[str, Any]) -> None:
    """The tokenizer on one line, and the config's part that a client needs to name labels."""
    tokenizer = model.encoder.tokenizer
    (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=False), encoding="utf-8")
    config = model.module.config
    _write_json(folder / "config.json", {
        "model_type": config.model_type, "architectures": [type(model.module).__name__],
        "id2label": dict(enumerate(described["labels"])),
        "label2id": {label: i for i, label in enumerate(described["labels"])},
        "pad_token_id": described["pad_id"], "max_position_embeddings": described["max_length"],
        "problem_type": "single_label_classification",
    })  # fmt: skip


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


@contextmanager
def _new_folder(final: Path) -> Iterator[Path]:
    """A temporary folder beside the final one, renamed when the block ends well and removed when it doesn't."""
    work = final.with_name(f".{final.name}.part")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        yield work
        if final.is_dir() and not any(final.iterdir()):
            final.rmdir()
        os.replace(work, final)
    finally:
        shutil.rmtree(work, ignore_errors=True)


class OnnxEngine(Engine):
    """An exported folder in onnxruntime."""

    capabilities = frozenset({"scores"})

    def __init__(self, folder: Path, about: Mapping[str, Any], *, threads: int | None = None):
        self.folder = folder
        self.about = about
        self.name: str = about["name"]
        self.labels: tuple[str, ...] = tuple(about["labels"])
        self.flops_per_token: int = about["flops_per_token"]
        self.attention_width: int = about["attention_width"]
        self.encoder = TextEncoder.from_file(
            folder / "tokenizer.json", pad_id=about["pad_id"], max_length=about["max_length"]
        )
        self.session = _session(folder / about["file"], threads)

    @property
    def size_bytes(self) -> int:
        return Artifact(folder=self.folder, exporter=self.about["exporter"]).size_bytes

    @property
    def num_parameters(self) -> int:
        return self.about["parameters"]

    def logits(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None) -> np.ndarray:
        types = np.zeros_like(token_ids) if type_ids is None else type_ids
        given = {"input_ids": token_ids, "attention_mask": mask, "token_type_ids": types}
        return self.session.run(None, {name: given[name] for name in self.about["inputs"]})[0]


def _session(file: Path, threads: int | None) -> Any:
    """An onnxruntime session whose threads rest between calls."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or num_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def open_folder(folder: Path, *, threads: int | None = None) -> OnnxEngine:
    """Open an exported folder; no torch.

    Raises:
        UserError: a file is missing or damaged.
    """
    folder = Path(folder)
    try:
        about = json.loads((folder / ARTIFACT_FILE).read_text(encoding="utf-8"))
        for name in ("tokenizer.json", about["file"]):
            if not (folder / name).is_file():
                raise UserError(f"{folder} is no whole export: {name} is missing; export the model again")
        return OnnxEngine(folder, about, threads=threads)
    except FileNotFoundError:
        raise UserError(f"{folder} is no ONNX export of llamita: it has no {ARTIFACT_FILE}") from None
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise _damaged(folder, f"{ARTIFACT_FILE} ({type(error).__name__}: {error})") from None
    except (MemoryError, OSError):
        raise
    except Exception as error:
        raise _damaged(folder, " ".join(str(error).split())[:200]) from None


def _damaged(folder: Path, what: str) -> UserError:
    return UserError(f"{folder} is damaged: {what}; export the model again")
