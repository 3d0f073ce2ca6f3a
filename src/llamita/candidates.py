"""Candidates: which shapes of which students are tried, drawn from depth x width x vocabulary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from llamita.core.exporter import Exporter
from llamita.core.registry import build
from llamita.core.step import Step

BYTES_PER_WEIGHT = {8: 1.02, 4: 0.56}
"""Of an exported folder, scales included, by the bits of a weight."""
UNBOUNDED = 1e9
"""Nats a rival of the light model may diverge when it is rounded."""
FIXED_BYTES = 120_000
"""Graph, configuration and labels of an exported folder."""
SAMPLE = 256
"""Texts by which a pruning step sees what matters."""
FREQUENT = 10_000
"""Pieces of frequent words beside those of the texts, where no size is asked for; as many as `prune.vocabulary` keeps by itself.
Without them a third of new texts may be cut otherwise than those a student learned from and is chosen by."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """Sizes of a student before it is cut, in parameters."""

    student: str
    """"teacher", or the short name or folder of a packaged encoder."""
    layers: int
    layer: int
    """Parameters of one layer."""
    feed_forward: int
    """Those of them in the feed-forward part."""
    neurons: int
    """Feed-forward neurons of a layer."""
    hidden: int
    """Width of the states."""
    pieces: int
    """Size of the vocabulary."""
    other: int
    """Parameters that pruning leaves alone: positions, norms, pooler, head."""
    pieces_of_texts: int
    """Pieces kept when every training text keeps its own."""
    pieces_least: int = 0
    """Special tokens and single characters, which always stay."""
    piece_bytes: int = 34
    """What a vocabulary piece adds to tokenizer.json, merges included."""
    attention: int = 0
    """Parameters of a layer in the maps of its attention."""
    groups: tuple[int, ...] = ()
    """How many key-value heads may stay, the last all of them; empty where a stock config can't describe fewer."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A student's shape and what it comes to."""

    body: Body
    layers: int
    neurons: int
    pieces: int
    bits: int = 8
    """What a weight takes in the exported file."""
    groups: int = 0
    """Key-value heads that stay, with the query heads that read them; 0: all."""

    @property
    def name(self) -> str:
        """Student, layers and what is cut, as pages and logs name it."""
        cut = "" if self.neurons == self.body.neurons else f" · FFN {self.neurons}"
        cut += f" · {self.groups}/{self.body.groups[-1]} KV" if self.groups else ""
        stored = "" if self.bits == 8 else f" · {self.bits} bits"
        return f"{self.body.student} · {self.layers} layers{cut} · {self.pieces} pieces{stored}"

    @property
    def body_parameters(self) -> int:
        """Parameters that every token passes through."""
        lost = self.body.feed_forward * (1 - self.neurons / self.body.neurons)
        if self.groups:
            lost += self.body.attention * (1 - self.groups / self.body.groups[-1])
        return round(self.layers * (self.body.layer - lost))

    @property
    def parameters(self) -> int:
        """All parameters, embeddings too."""
        return self.body_parameters + self.body.other + self.pieces * self.body.hidden

    @property
    def size_bytes(self) -> int:
        """Estimated bytes of the exported folder."""
        return round(self.parameters * BYTES_PER_WEIGHT[self.bits] + self.pieces * self.body.piece_bytes + FIXED_BYTES)

    @property
    def exporter(self) -> Exporter:
        """What the shape is exported with; what four bits cost shows in the exported file's own score."""
        return build("export.onnx", {"bits": 4, "max_divergence": 1.0} if self.bits == 4 else {})

    @property
    def exporter_of_its_twin(self) -> Exporter:
        """The same for what the shape is compared with: what rounding costs that is shown, and doesn't end the run."""
        return build("export.onnx", {**({"bits": 4} if self.bits == 4 else {}), "max_divergence": UNBOUNDED})

    def pruning(self) -> tuple[Step, ...]:
        """The steps that give the body this shape; what is not cut has no step."""
        steps: list[Step] = []
        if self.pieces < self.body.pieces:
            whole = self.pieces >= self.body.pieces_of_texts
            steps.append(build("prune.vocabulary", {"keep": self.pieces, "every_text": whole}))
        if self.layers < self.body.layers:
            steps.append(build("prune.depth", {"keep": self.layers, "sample": SAMPLE}))
        if self.neurons < self.body.neurons or self.groups:
            heads = {"heads": self.groups} if self.groups else {}
            steps.append(build("prune.width", {"ffn": self.neurons, **heads, "sample": SAMPLE}))
        return tuple(steps)


def grid(body: Body, bits: Sequence[int] = (8,), frequent: int = 0) -> list[Shape]:
    """Every shape that is worth a thought, largest first, and of equals the one with more bits.

    Heads are cut with the neurons and about as far, as Minitron's best shapes are (Muralidharan et al. 2024), or not at all.

    Args:
        frequent: pieces of frequent words that the larger vocabulary holds beside those of the texts.
    """
    depths = sorted(
        {max(1, round(body.layers * share)) for share in (1, 5 / 6, 2 / 3, 1 / 2, 1 / 3, 1 / 6, 1 / 10)}, reverse=True
    )
    widths = sorted(
        {_round_to(body.neurons * share, 64) for share in (1, 2 / 3, 1 / 2, 1 / 3)} | {body.neurons}, reverse=True
    )
    whole = min(body.pieces, body.pieces_of_texts)
    fewer = max(_round_to(whole * 0.6, 500), round(body.pieces_least * 1.1))
    more = min(body.pieces, whole + frequent)
    vocabularies = {body.pieces if more > 0.95 * body.pieces else more, min(fewer, whole)}
    shapes = [
        Shape(body=body, layers=d, neurons=w, pieces=v, bits=b, groups=g)
        for d in depths
        for w in widths
        for g in dict.fromkeys((0, _groups_beside(body, w)))
        for v in vocabularies
        for b in bits
    ]
    return sorted(shapes, key=_largest_first)


def _groups_beside(body: Body, neurons: int) -> int:
    """The key-value heads that may stay beside so many neurons, their share nearest to that of the neurons; 0: all."""
    fewer = body.groups[:-1] if neurons < body.neurons else ()
    share = neurons / body.neurons
    return min(fewer, key=lambda number: (abs(number / body.groups[-1] - share), -number), default=0)


def _largest_first(shape: Shape) -> tuple[int, int]:
    return -shape.parameters, -shape.bits


def _round_to(value: float, step: int) -> int:
    return max(step, round(value / step) * step)


def draw(bodies: Sequence[Body], count: Mapping[str, int], max_size: int | None) -> list[Shape]:
    """So many shapes of each student (`count` by name): the largest that fit, of different builds, and smaller ones.

    Within a size limit capacity is the best guess before training, so the largest fitting shapes of each
    (depth, neurons, heads) build come first, weights of four bits among them: a cut of half the weights costs more than half
    the bits (docs/log.md). A half and a quarter of the limit are added so that the front is seen. Without a limit nothing calls for
    four bits.
    """
    drawn: list[Shape] = []
    for body in bodies:
        shapes = grid(body, frequent=FREQUENT)
        if max_size is not None:
            fitted = [one for shape in grid(body, (8, 4)) if (one := _fitted(shape, max_size * 0.99))]
            shapes = sorted(dict.fromkeys(fitted), key=_largest_first)
        if not shapes:
            shapes = grid(body, (4,))[-1:]
        builds: dict[tuple[int, int, int], Shape] = {}
        for shape in shapes:
            builds.setdefault((shape.layers, shape.neurons, shape.groups), shape)
        ordered = sorted(builds.values(), key=lambda s: -s.body_parameters)
        drawn += _spread(ordered, count.get(body.student, 0), NEAR if max_size else FAR)
    return drawn


def _fitted(shape: Shape, max_size: float) -> Shape | None:
    """The shape with as many of its neurons as fit, if that is half of them or more; if all do, with as many pieces as fit."""
    body, spare = shape.body, max_size - shape.size_bytes
    if spare < 0:
        bytes_per_neuron = (shape.size_bytes - replace(shape, neurons=0).size_bytes) / shape.neurons
        neurons = int((shape.neurons + spare / bytes_per_neuron) // 64 * 64)
        return replace(shape, neurons=neurons) if neurons >= max(64, body.neurons / 2) else None
    if shape.neurons < body.neurons:
        return shape
    pieces = shape.pieces + spare / (body.hidden * BYTES_PER_WEIGHT[shape.bits] + body.piece_bytes)
    return replace(shape, pieces=body.pieces if pieces >= body.pieces else max(shape.pieces, int(pieces // 100 * 100)))


ENDS = 5
"""Whole copies of the chosen shape: taught, calibrated, its twin, that calibrated, and what is delivered."""


def stage_bytes(shapes: Sequence[Shape]) -> int:
    """What the stages of these candidates take on disk in fp32: each cut, which those that begin alike share, each lesson, and the
    chosen one's, at most."""
    cuts: set[Shape] = set()
    for shape in shapes:
        pruned = replace(shape, bits=8)
        shallow = replace(pruned, neurons=shape.body.neurons)
        cuts |= {replace(shallow, layers=shape.body.layers), shallow, pruned}
    lessons = [shape.parameters for shape in shapes]
    return 4 * (sum(shape.parameters for shape in cuts) + sum(lessons) + ENDS * max(lessons, default=0))


NEAR = (1.0, 0.9, 0.5, 0.8, 0.3, 0.65, 0.2, 0.4)
FAR = (1.0, 0.5, 0.8, 0.3, 0.65, 0.2, 0.9, 0.4)
"""Shares of the largest shape in the order they are drawn: a limit makes the largest the best guess, without one it is the
smallest that keeps the score which is looked for."""


def _spread(shapes: Sequence[Shape], count: int, shares: Sequence[float]) -> list[Shape]:
    """The first, then those nearest to these shares of its size, each at most once."""
    chosen: list[Shape] = []
    for share in shares[: max(0, count)]:
        rest = [s for s in shapes if s not in chosen]
        if rest:
            goal = shapes[0].body_parameters * share
            chosen.append(min(rest, key=lambda s: (abs(s.body_parameters - goal), -s.layers)))
    return chosen
