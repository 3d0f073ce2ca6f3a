from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from tests.engines import BagOfWords

from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.measure import Finding
from llamita.core.task import Split
from llamita.measure.calibration import Calibration, calibration_findings
from llamita.measure.quality import Quality, bits_lost, one_answer
from llamita.tasks.classify import Classify

LIGHT = BagOfWords({"good": (0, 1), "bad": (1, 0), "好": (0, 1)}, bias=(0.1, 0), name="light")
TEACHER = BagOfWords({"good": (0, 2), "bad": (2, 0), "fine": (0, 2), "坏": (2, 0), "好": (0, 2)}, bias=(0, 0.1))
TEXTS = ("good film", "bad film", "fine film", "这本书很好", "很坏", "")
TASK = Classify(labels=("negative", "positive"), test=Split(texts=TEXTS, labels=(1, 0, 1, 1, 0, 0)))


def run(tmp_path: Path, **settings: object) -> Run:
    return Run(folder=tmp_path, task=TASK, **settings)  # type: ignore[arg-type]


def test_loss_to_the_reference_counts_lost_and_won(tmp_path: Path) -> None:
    found = {f.name: f for f in Quality().measure(LIGHT, TASK, run(tmp_path), TEACHER)}
    loss = found["quality.loss_to_reference"]
    assert found["quality.accuracy"].value == pytest.approx(5 / 6)
    assert loss.detail["reference_accuracy"] == pytest.approx(5 / 6)
    assert (loss.detail["lost"], loss.detail["won"]) == (1, 1)
    assert loss.value == 0


def foreseen(nats: dict[int, float], name: str = "bits_per_byte", tokens: int = 5) -> list[Finding]:
    rows = tuple({"index": i, "nats": x, "tokens": tokens, "bytes": 10 * (i + 1)} for i, x in nats.items())
    return [Finding(name=f"quality.{name}", value=1.0, better="lower", n=len(rows), rows=rows)]


def test_bits_lost_by_hand_over_the_texts_that_both_were_asked() -> None:
    """(8 + 6) / 40 bits a byte against (6 + 5) / 40: the text that only one was asked doesn't count."""
    two = math.log(2)
    lost = bits_lost(foreseen({0: 8 * two, 2: 6 * two}), foreseen({0: 6 * two, 1: 99.0, 2: 5 * two}))
    assert (lost.value, lost.n, lost.detail["per"]) == (pytest.approx(3 / 40), 2, "byte")
    # a resample has the first text twice, the last twice, or both: 2/10, 1/30 or 3/40
    assert lost.interval == pytest.approx((1 / 30, 2 / 10))
    alone = bits_lost(foreseen({0: 8.0}), foreseen({0: 6.0}))
    assert (alone.interval, alone.value) == (None, pytest.approx(2 / 10 / two))


def test_the_pairing_makes_the_interval_narrow() -> None:
    draws = np.random.default_rng(0)
    hard = draws.uniform(1, 30, 200)
    ours, theirs = ({i: float(x + more) for i, x in enumerate(hard)} for more in (0.5, 0.0))
    lost = bits_lost(foreseen(ours), foreseen(theirs))
    assert lost.interval is not None
    assert 0 < lost.interval[0] < lost.value < lost.interval[1] < 2 * lost.value  # type: ignore[operator]


def test_what_is_no_measure_of_one_another_says_why() -> None:
    whole, gaps = foreseen({0: 1.0, 1: 2.0}), foreseen({0: 1.0, 1: 2.0}, "masked_perplexity")
    assert bits_lost(whole, gaps).reason.startswith("one of the two foresees whole texts")
    others = foreseen({0: 1.0, 1: 2.0}, "masked_perplexity", tokens=6)
    assert bits_lost(gaps, others).reason.startswith("their tokenizers differ")
    lost = bits_lost(gaps, foreseen({0: 0.0, 1: 2.0}, "masked_perplexity"))
    assert (lost.value, lost.detail["per"]) == (pytest.approx(0.1 / math.log(2)), "masked token")
    assert bits_lost(whole, foreseen({7: 1.0})).reason == "no text was measured with both"
    none = [Finding(name="quality.bits_per_byte", value=None, better="lower", reason="it predicts no tokens")]
    assert bits_lost(whole, none).reason == "it predicts no tokens"


def test_labels_in_another_order_give_the_same_score(tmp_path: Path) -> None:
    turned = BagOfWords({"good": (1, 0), "bad": (0, 1), "好": (1, 0)}, ("POSITIVE", "NEGATIVE"), bias=(0, 0.1))
    ours, theirs = (Quality().measure(e, TASK, run(tmp_path))[0] for e in (LIGHT, turned))
    assert ours.rows == theirs.rows


def test_an_engine_with_other_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="answers with the labels sport, politics"):
        Quality().measure(BagOfWords({"a": (1, 0)}, ("sport", "politics")), TASK, run(tmp_path))


def test_the_split_the_run_names_is_measured(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="select split has no labelled example"):
        Quality().measure(LIGHT, TASK, run(tmp_path, split="select"))


def test_three_labels_and_pairs_are_scored(tmp_path: Path) -> None:
    engine = BagOfWords({"yes": (2, 0, 0), "no": (0, 2, 0)}, ("entailment", "contradiction", "neutral"), bias=(0, 0, 1))
    pairs = (("a claim", "yes"), ("no", "a claim"), ("前提", "假设"))
    task = Classify(labels=("contradiction", "entailment", "neutral"), test=Split(texts=pairs, labels=(1, 0, 2)))
    found = Quality().measure(engine, task, run(tmp_path))[0]
    assert found.value == 1
    assert found.rows[2]["pair"] == "假设"


def test_a_sharper_engine_is_worse_calibrated_at_equal_accuracy() -> None:
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.5, 1, 3000)
    labels = (generator.random(3000) < confidence).astype(int)
    honest = np.stack([1 - confidence, confidence], axis=1)
    odds = (confidence / (1 - confidence)) ** 4
    sharp = np.stack([1 / (1 + odds), odds / (1 + odds)], axis=1)
    for better, worse in zip(calibration_findings(honest, labels), calibration_findings(sharp, labels), strict=True):
        assert better.value is not None
        assert worse.value is not None
        assert better.value < worse.value
    ece = calibration_findings(honest, labels)[0]
    assert ece.value is not None
    assert ece.value < ece.detail["floor_interval"][1]
    assert sum(b["n"] for b in ece.detail["bins"]) == 3000


def test_calibration_of_one_example_and_an_empty_text_is_finite(tmp_path: Path) -> None:
    task = Classify(labels=("negative", "positive"), test=Split(texts=("",), labels=(0,)))
    found = Calibration().measure(LIGHT, task, run(tmp_path))
    assert all(f.value is not None and np.isfinite(f.value) for f in found)
    assert all(f.interval is None for f in found)


def test_bins_below_one_are_refused() -> None:
    with pytest.raises(UserError, match="bins must be at least 1"):
        Calibration(bins=0)


def test_a_model_that_gives_all_texts_one_label_is_told_apart_from_one_that_knows(tmp_path: Path) -> None:
    texts = tuple(f"{'good' if i % 4 else 'bad'} {i}" for i in range(20))
    task = Classify(
        labels=("negative", "positive"), test=Split(texts=texts, labels=tuple(int(bool(i % 4)) for i in range(20)))
    )
    same, knows = BagOfWords({}, bias=(0, 1)), BagOfWords({"good": (0, 1)}, bias=(0.5, 0))
    run = Run(folder=tmp_path)
    assert one_answer("m", Quality().measure(knows, task, run)) == ""
    said = "m gives every text the label 'positive': its accuracy is that label's share, 75.0 %."
    assert one_answer("m", Quality().measure(same, task, run)) == said
    alike = dataclasses.replace(task, test=Split(texts=texts, labels=(1,) * 20))
    assert one_answer("m", Quality().measure(same, alike, run)) == ""
    few = dataclasses.replace(task, test=task.test.take(list(range(9))))
    assert one_answer("m", Quality().measure(same, few, run)) == ""
