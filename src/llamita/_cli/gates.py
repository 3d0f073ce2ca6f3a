"""Gates (--fail-if): the flag, and what it may name before anything is measured."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from llamita._cli import parser as flags
from llamita._cli import show, values
from llamita.core.errors import UserError, did_you_mean

EXAMPLES = {"measure.cost": "latency_p95_ms>5", "measure.calibration": "ece>0.05", "measure.agreement": "same_label<0.95",
            "measure.coverage": "share<0.88",
            "attack.noise": "noise<0.8", "explain.occlusion": "same_reasons<0.5"}  # fmt: skip
BY_FLAG = {"agreement": "--against TEACHER", "cost": "--cost", "quality.loss_to_reference": "--against TEACHER",
           "quality.bits_lost_to_reference": "--against TEACHER",
           "cost.latency_ratio": "--against TEACHER", "cost.throughput_ratio": "--against TEACHER",
           "cost.size_ratio": "--against TEACHER", "explain.same_reasons": "--against TEACHER"}  # fmt: skip
"""What `evaluate` and the measures give only with this flag."""

LOST, BITS_LOST = "quality.loss_to_reference", "quality.bits_lost_to_reference"
MASKED = ("quality.masked_perplexity", "quality.denoising_perplexity")
SCORES = {
    "classify": ("quality.accuracy", "quality.macro_f1", LOST),
    "multilabel": ("quality.micro_f1", "quality.macro_f1", "quality.exact_match", "quality.hamming_loss", LOST),
    "chat": ("quality.bits_per_byte", "quality.perplexity", BITS_LOST),
    "language": ("quality.bits_per_byte", "quality.perplexity", *MASKED, BITS_LOST),
}
"""What `quality` finds of each task."""
UNTITLED = (
    *MASKED, "samples.distinct", "samples.filled", "explain.reference_occlusion",
    "attack.reference_noise", "attack.reference_clean", "attack.reference_fall",
)  # fmt: skip
"""Values that stand in no table of their own name, and can be gated."""


def check_gates(args: argparse.Namespace, rooms: Sequence[str], verb: str, task: str = "") -> None:
    """Refuse a gate on what will not be measured before anything is.

    Args:
        task: What the opened model's answers are for, where that is known.
    """
    always = ("cost.size_bytes", "cost.parameters") if verb == "evaluate" else ()
    possible = (task,) if task else ("classify", "multilabel") if args.task == "classify" else (args.task,)
    scores = {name for one in possible for name in SCORES[one]}
    some = {name for names in SCORES.values() for name in names}
    there = [
        name for name in dict.fromkeys((*show.TITLES, *UNTITLED))
        if (name in always or name.split(".")[0] in rooms) and (name in scores or name not in some)
        and (args.against or (BY_FLAG.get(name) != "--against TEACHER" and ".reference_" not in name))
    ]  # fmt: skip
    for gate in args.fail_if:
        if gate.names(there):
            continue
        other = next((name for name in show.TITLES if gate.names([name])), "")
        flag = BY_FLAG.get(other) or BY_FLAG.get(other.split(".")[0])
        shown = [name if "." in gate.name else name.split(".")[-1] for name in there]
        hint = f" It needs {flag}." if flag and verb == "evaluate" else did_you_mean(gate.name, shown)
        known = ", ".join(shown)
        raise UserError(f"--fail-if: `llamita {verb}` as given has no value {gate.name!r}.{hint} Values: {known}.")


def add_gate(parser: flags.Parser, example: str) -> None:
    """--fail-if, with an example of a gate that this command can have."""
    parser.add(
        "--fail-if", type=values.Gate, action="append", default=[], metavar=f"'{example}'",
        help="exit code 1 when this holds; may be given again",
    )  # fmt: skip
