"""Comparison of an exported file with the model it came from: at four padded shapes, and on real texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from llamita.core.answers import Answers, OneLabel
from llamita.core.encoding import Batch, TextEncoder
from llamita.core.engine import Engine
from llamita.core.errors import UserError
from llamita.core.task import Task, Text

SHAPES = ((1, 2), (2, 7), (3, 16), (5, 33))
"""Rows and tokens (beside the special ones) of the padded batches; the rows of a batch differ in length."""
MOST_TEXTS, MOST_TOKENS, LONGEST = 128, 4096, 128
"""Size of the sample of texts, its tokens in all, and where a text is cut."""
GOLDEN = (5**0.5 - 1) / 2
"""Its multiples, without their whole parts, lie evenly: the places whose multiples are least are spread, however many are taken."""
FEWEST_TEXTS = 64
"""With fewer, built-in sentences join them and nothing is calibrated."""
NEAR_TIE = 0.05
"""Probabilities that differ by less say that the model itself hasn't decided."""
ONE_LABEL = OneLabel()
SENTENCES = (
    "The room was clean and the staff could not have been kinder.", "It broke after two days and nobody answers.",
    "A slow start, but the last hour is among the best I have seen this year.", "Not worth the money.",
    "How do I change the address of an order that has already been sent?", "The match ended two all after extra time.",
    "Shares fell by three percent after the company cut its forecast for the year.", "Okay, nothing special.",
    "房间很干净，服务员也非常热情，下次还会来。", "用了两天就坏了，客服一直不回复。", "剧情有点慢，但结尾很感人。", "一般般吧。",
    "请问已经发货的订单怎么修改地址？", "昨晚的比赛以二比二结束。", "公司下调全年预期后，股价下跌了百分之三。", "不推荐购买。",
)  # fmt: skip
"""What an export without data is checked on."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How near an engine is to its source."""

    kl: float
    """Mean Kullback-Leibler divergence from the source's probabilities, in nats."""
    same_label: float
    """Share of texts with the same label, near ties of the source counted as the same."""
    largest_difference: float
    """Between two logits."""
    n: int

    def to_dict(self) -> dict[str, float]:
        """The numbers, rounded to six digits."""
        return {key: value if isinstance(value, int) else float(f"{value:.6g}") for key, value in asdict(self).items()}


def compare(
    source: np.ndarray, logits: np.ndarray, answers: Answers = ONE_LABEL, ours: Answers | None = None
) -> Comparison:
    """Compare logits, float32 [texts, labels], with those of the source, whose answers are ours unless we have others."""
    ours = ours or answers
    p, q = answers.probabilities(source), ours.probabilities(logits)
    same = (answers.chosen(p) == ours.chosen(q)) | answers.undecided(p, NEAR_TIE)
    return Comparison(
        kl=float(answers.divergences(p, q).mean()), same_label=float(same.all(axis=1).mean()),
        largest_difference=float(np.abs(source - logits).max()), n=len(source),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Texts of the training data, never of the test split."""

    compared: Sequence[Text]
    """What an export is compared on."""
    calibration: Sequence[Text]
    """Other texts, for the ranges of int8-static; none without data."""
    given: int = 0
    """Training texts there were."""


def sample_texts(task: Task | None, encoder: TextEncoder) -> Sample:
    """Texts spread over the training data, within the sample's bounds; built-in sentences without data."""
    texts: Sequence[Text] = ()
    if task is not None:
        texts = next((s.texts for s in (task.train, task.select, task.unlabelled) if s.texts), ())
    if len(texts) < FEWEST_TEXTS:
        return Sample(compared=(*texts, *SENTENCES), calibration=(), given=len(texts))
    spread = [texts[i] for i in np.linspace(0, len(texts) - 1, min(len(texts), 2 * MOST_TEXTS)).round().astype(int)]
    return Sample(compared=_bounded(spread[::2], encoder), calibration=_bounded(spread[1::2], encoder))


def _bounded(texts: Sequence[Text], encoder: TextEncoder) -> Sequence[Text]:
    """As many as the sample's tokens allow, from all over the texts, since files are often sorted by label; in their order."""
    sizes = np.array([min(LONGEST, len(ids)) for ids, _ in encoder.encode(texts)])
    spread = np.argsort(np.arange(len(texts)) * GOLDEN % 1, kind="stable")
    fitting = spread[: max(1, int((sizes[spread].cumsum() <= MOST_TOKENS).sum()))]
    return [texts[i] for i in sorted(fitting)]


def shortened(encoder: TextEncoder, length: int) -> TextEncoder:
    """An encoder that cuts earlier, yet leaves room for the special tokens and one more."""
    least = encoder.tokenizer.num_special_tokens_to_add(False) + 1
    return encoder.cut(min(encoder.max_length, max(least, length)))


def shaped_batches(encoder: TextEncoder, texts: Sequence[Text]) -> list[Batch]:
    """A padded batch of each of `SHAPES`, made of real text, so that special tokens stand where they belong."""
    special = encoder.tokenizer.num_special_tokens_to_add(False)
    words = [text if isinstance(text, str) else " ".join(text) for text in texts]
    batches = []
    for rows, tokens in SHAPES:
        encoded = []
        for row in range(rows):
            long = " ".join(words[(row + i) % len(words)] for i in range(max(len(words), tokens)))
            cut = shortened(encoder, special + max(1, tokens - row * tokens // rows))
            encoded.append(cut.encode([long])[0])
        batches.append(encoder.pad(encoded))
    return batches


def logits_of(engine: Engine, batches: Sequence[Batch]) -> list[np.ndarray]:
    """Logits of each batch, float32 [texts, labels]."""
    return [engine.logits(b.token_ids, b.mask, b.type_ids) for b in batches]


def cut_logits(engine: Engine, encoder: TextEncoder, texts: Sequence[Text]) -> np.ndarray:
    """Logits of texts cut to `LONGEST` tokens, float32 [texts, labels]; `text_logits` would read them whole."""
    out = np.zeros((len(texts), len(engine.labels)), dtype=np.float32)
    for indices, batch in shortened(encoder, LONGEST).batches(texts, MOST_TOKENS // 4):
        out[indices] = engine.logits(batch.token_ids, batch.mask, batch.type_ids)
    return out


def require_equal(engine: Engine, batches: Sequence[Batch], expected: Sequence[np.ndarray], tolerance: float) -> None:
    """Refuse a graph whose logits differ by more than rounding."""
    for batch, source, found in zip(batches, expected, logits_of(engine, batches), strict=True):
        allowed = tolerance * max(1.0, float(np.abs(source).max()))
        worst = float(np.abs(source - found).max()) if np.isfinite(found).all() else float("inf")
        if worst > allowed:
            shape = " x ".join(map(str, batch.token_ids.shape))
            raise UserError(
                f"the exported graph differs from its model by {worst:.2g} at batch x length {shape} (allowed:"
                f" {allowed:.2g}); nothing was written. Another version of torch or onnxruntime may export it right."
            )
