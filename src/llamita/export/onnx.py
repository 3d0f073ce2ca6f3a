"""ONNX for onnxruntime on any CPU: fp32, or int8 in which embeddings, too, take a byte a parameter."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.core.errors import UserError, did_you_mean, require
from llamita.core.exporter import ARTIFACT_FILE, Artifact, Exporter
from llamita.core.hardware import int8_sums_overflow
from llamita.export import _check as check
from llamita.export._folder import describe, new_folder, write_json, write_small_files
from llamita.export._refit import fitted_again, scale_logits
from llamita.export.onnx_engine import OnnxEngine

if TYPE_CHECKING:
    import onnx_ir as ir

    from llamita.core.answers import Answers
    from llamita.core.context import Run
    from llamita.core.encoding import Batch
    from llamita.core.model import Model
    from llamita.core.task import Text

log = logging.getLogger(__name__)

INT8 = ("int8-static", "int8-dynamic", "int8-weights")
"""From the fastest to the most exact."""
PRECISIONS = ("auto", "fp32", *INT8)
FILES = {"fp32": "model.onnx", **dict.fromkeys(INT8, "model_quantized.onnx")}
AS_GOOD_AS_EXACT = {"kl": 0.01, "same_label": 0.99}
"""A faster int8 that diverges by so much more than the most exact, and changes no more labels than this, is kept; one text may
always change its label."""


@dataclass(frozen=True, kw_only=True)
class Onnx(Exporter):
    """An ONNX folder that predicts with onnxruntime, tokenizers and numpy alone."""

    precision: str = "auto"
    """"fp32"; "int8-static": products of int8, activations rounded to ranges seen on training texts, the fastest;
    "int8-dynamic": the same with one range a token; "int8-weights": weights alone in int8, the most exact and slowest;
    "auto": the fastest int8 that is as good as exact, else the most exact."""
    bits: int = 8
    """What a weight takes in the file, embeddings included: 8, or 4 for half the bytes. Four bits become int8 when the file is
    opened, so that they are as fast; what they cost in exactness is printed."""
    max_divergence: float = 0.05
    """Mean Kullback-Leibler divergence from the model, in nats, on a sample of texts, above which no file is written."""
    reduce_range: bool | None = None
    """Seven instead of eight bits for the weights of int8-static and -dynamic: for x86 processors without VNNI (before 2019),
    whose int8 sums can overflow. None: where this machine is such a one; set it for a folder that goes to another."""
    tolerance: float = 1e-3
    """Largest difference between logits of the model and of the graph before it is quantised, relative to the largest
    logit above 1."""

    def __post_init__(self) -> None:
        require(
            self.precision in PRECISIONS,
            f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}."
            f"{did_you_mean(str(self.precision), PRECISIONS)}",
        )
        require(self.bits in (4, 8), f"bits must be 8 or 4, got {self.bits}")
        require(
            self.bits == 8 or self.precision != "fp32",
            "bits: 4 is for int8; leave precision out or choose another than fp32",
        )
        require(
            self.reduce_range is None or self.precision not in ("fp32", "int8-weights"),
            "reduce_range is for int8-static and int8-dynamic; leave it out, or choose one of them",
        )
        require(self.max_divergence > 0, f"max_divergence must be above 0, got {self.max_divergence}")
        require(self.tolerance > 0, f"tolerance must be above 0, got {self.tolerance}")

    def export(self, model: Model, run: Run) -> Artifact:
        """Trace, check, quantise, check again; the folder gets its name when everything has held."""
        try:
            from llamita.export._trace import quiet, trace
        except ModuleNotFoundError as error:
            raise UserError(f"ONNX export needs {error.name}: pip install 'llamita[train,onnx]'") from None
        described = describe(model)
        sample = check.sample_texts(run.task, model.encoder)
        if self.precision == "int8-static" and not sample.calibration:
            raise UserError(
                f"int8-static takes its ranges from {check.FEWEST_TEXTS} training texts or more, got {sample.given}; give more"
                " data, or choose auto"
            )
        if self.precision == "auto" and not sample.calibration:
            log.info(
                "int8-static, the fastest kind, is left out: it needs %d training texts or more", check.FEWEST_TEXTS
            )
        with quiet(), new_folder(run.folder) as work:
            write_small_files(work, model, described)
            batches = check.shaped_batches(model.encoder, sample.compared)
            graph = trace(model, batches[1])
            expected = check.logits_of(model, batches)
            ranges = self._verify(graph, described, work, run.threads, (batches, expected, sample.calibration))
            found: dict[str, check.Comparison] = {}
            compared = None
            if self.precision != "fp32":
                source = check.cut_logits(model, model.encoder, sample.compared)
                compared = sample.compared, source
                for kind, file in self._quantised(graph, described, ranges, work):
                    engine = OnnxEngine(work, {**described, "file": file}, threads=run.threads)
                    logits = check.cut_logits(engine, engine.encoder, sample.compared)
                    found[kind] = check.compare(source, logits, model.answers)
                    log.info("%s: %.2g nats from the model, same label for %.1f %% of %d texts",
                             kind, found[kind].kl, 100 * found[kind].same_label, found[kind].n)  # fmt: skip
                    del engine
            precision = self.better(found) if found else "fp32"
            _keep(work, precision)
            described["file"] = FILES[precision]
            about = {
                **described, "precision": precision, "bits": self.bits if found else 32,
                "considered": {kind: comparison.to_dict() for kind, comparison in found.items()},
            }  # fmt: skip
            if compared and (again := self._fitted_again(work, described, model, run, compared)):
                about |= {"answers": again[0].to_dict(), "kept": again[1].to_dict()}
            write_json(work / ARTIFACT_FILE, about)
        return Artifact(folder=run.folder, exporter=described["exporter"])

    def _fitted_again(
        self, work: Path, described: dict[str, Any], model: Model, run: Run, compared: tuple[Sequence[Text], np.ndarray]
    ) -> tuple[Answers, check.Comparison] | None:
        """What was fitted to the model, fitted to what was kept, and how near it is then; None where all stays as it is.

        Args:
            compared: texts, and the model's logits.
        """
        engine, (texts, source) = OnnxEngine(work, described, threads=run.threads), compared
        refit = fitted_again(described, model, run.task, engine.text_logits)
        if refit is None:
            return None
        factor, batches = np.float32(refit.sharpness), check.shaped_batches(engine.encoder, texts)
        found = check.compare(
            source, factor * check.cut_logits(engine, engine.encoder, texts), model.answers, refit.answers
        )
        if not found.kl <= self.max_divergence:
            log.warning(
                "warning: fitted to select, the exported file would be %.2g nats from the model (allowed: %g); it keeps what was"
                " fitted to the model", found.kl, self.max_divergence,
            )  # fmt: skip
            return None
        expected = [factor * logits for logits in check.logits_of(engine, batches)]
        del engine
        if factor != 1:
            scale_logits(work / described["file"], refit.sharpness)
        check.require_equal(OnnxEngine(work, described, threads=run.threads), batches, expected, self.tolerance)
        return refit.answers, found

    def _verify(
        self,
        graph: ir.Model,
        described: dict[str, Any],
        work: Path,
        threads: int | None,
        examples: tuple[Sequence[Batch], Sequence[np.ndarray], Sequence[Text]],
    ) -> dict[str, tuple[float, float]]:
        """Write the fp32 graph, refuse it unless it gives the model's logits, and return the ranges it shows."""
        from llamita.export._graph import write
        from llamita.export._quantize_onnx import with_ranges

        batches, expected, calibration = examples
        calibrated = bool(calibration) and self.precision in ("auto", "int8-static")
        (work / "fp32").mkdir()
        copy = with_ranges(graph, len(described["labels"])) if calibrated else graph.clone()
        write(copy, work / "fp32" / FILES["fp32"])
        engine = OnnxEngine(work, {**described, "file": f"fp32/{FILES['fp32']}"}, threads=threads)
        check.require_equal(engine, batches, expected, self.tolerance)
        return engine.ranges(calibration) if calibrated else {}

    def _quantised(
        self, graph: ir.Model, described: dict[str, Any], ranges: dict[str, tuple[float, float]], work: Path
    ) -> Iterator[tuple[str, str]]:
        """Write each int8 kind in a folder of its own; yield the kind and the file's place."""
        from llamita.export._graph import write
        from llamita.export._quantize_onnx import LEVELS, quantize

        reduced = int8_sums_overflow() if self.reduce_range is None else self.reduce_range
        levels = LEVELS // 2 if reduced else LEVELS
        for kind in INT8:
            if self.precision not in ("auto", kind) or (kind == "int8-static" and not ranges):
                continue
            (work / kind).mkdir()
            quantised = quantize(
                graph, kind, head=len(described["labels"]), levels=levels, bits=self.bits, ranges=ranges
            )
            write(quantised, work / kind / FILES[kind])
            yield kind, f"{kind}/{FILES[kind]}"

    def better(self, found: Mapping[str, check.Comparison]) -> str:
        """The first, thus fastest, that is as good as the most exact (`AS_GOOD_AS_EXACT`).

        Raises:
            UserError: even the most exact diverges more than `max_divergence`.
        """
        exact = min(found, key=lambda kind: found[kind].kl)
        best = found[exact]
        if not best.kl <= self.max_divergence:
            raise UserError(
                f"{exact} moves the model's probabilities by {best.kl:.3g} nats on {best.n} texts (allowed:"
                f" {self.max_divergence}); nothing was written. Choose {'bits 8' if self.bits == 4 else 'precision fp32'} or raise"
                " max_divergence."
            )
        most = min(best.kl + AS_GOOD_AS_EXACT["kl"], self.max_divergence)
        for kind, one in found.items():
            fewest = best.same_label - max(1 - AS_GOOD_AS_EXACT["same_label"], 1.001 / one.n)
            if one.kl <= most and one.same_label >= fewest:
                return kind
        return exact


def _keep(work: Path, kind: str) -> None:
    """Move the files of one kind up and remove the others."""
    for file in sorted((work / kind).iterdir()):
        os.replace(file, work / file.name)
    for folder in ("fp32", *INT8):
        shutil.rmtree(work / folder, ignore_errors=True)


def open_folder(folder: Path, *, threads: int | None = None) -> OnnxEngine:
    """Open an exported folder; no torch.

    Raises:
        UserError: a file is missing or damaged.
    """
    folder = Path(folder)
    try:
        about = json.loads((folder / ARTIFACT_FILE).read_text(encoding="utf-8"))
        if Path(about["file"]).name != about["file"]:
            raise _damaged(folder, f"{ARTIFACT_FILE} names the file {about['file']!r}, which stands elsewhere")
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
    except (MemoryError, OSError, NameError, AttributeError, AssertionError):
        raise  # the machine's trouble, or a bug of ours
    except Exception as error:
        raise _damaged(folder, " ".join(str(error).split())[:200]) from None


def _damaged(folder: Path, what: str) -> UserError:
    return UserError(f"{folder} is damaged: {what}; export the model again")
