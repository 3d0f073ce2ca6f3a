"""Rows hold every token of an epoch once, keep documents apart, and draw the same noise whenever they are asked for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from llamita.learn._rows import Windows
from llamita.train.language_loss import NO_TARGET
from llamita.train.noise import Frame

DOCUMENTS = [np.arange(10, 10 + n) for n in (5, 40, 1, 17, 90)]
DECODER, ENCODER = Frame((), (2,), 4, 5, 200), Frame((0,), (2,), 4, 5, 200)


def windows(**changes) -> Windows:
    given = {
        "documents": DOCUMENTS, "weights": [1.0] * 5, "frame": DECODER, "length": 32, "epochs": 1.0, "objective": "causal",
        "masked": 0.3,
    }  # fmt: skip
    return Windows(**(given | changes))


@pytest.mark.parametrize("frame", [DECODER, ENCODER])
@pytest.mark.parametrize("packed", [True, False])
def test_an_epoch_reads_each_token_once(frame, packed):
    made = windows(frame=frame, packed=packed)
    rows = [made[i] for i in range(len(made))]
    read = Counter(int(token) for row in rows for token in row.ids if token >= 10)
    assert read == Counter(int(token) for document in DOCUMENTS for token in document)
    assert [len(row.ids) for row in rows] == made.lengths
    assert max(made.lengths) <= 32


def test_windows_by_hand():
    """Of 32 tokens a document of 5 and its end take 6; of the next 25 fit, as an end may follow; the rest begins a row."""
    rows = list(windows()._fill(np.array([0, 1, 3]), 32))
    assert rows == [((0, 0, 5), (1, 0, 25)), ((1, 25, 40), (3, 0, 15)), ((3, 15, 17),)]
    alone = list(windows(packed=False, frame=ENCODER)._fill(np.array([0, 1]), 32))
    assert alone == [((0, 0, 5),), ((1, 0, 30),), ((1, 30, 40),)]


def test_documents_in_a_row_have_segments_of_their_own():
    made = windows()
    for i, pieces in enumerate(made.plan):
        segments = made[i].segments
        assert segments is not None
        sizes = [piece.end - piece.start + 1 for piece in pieces]
        assert segments.tolist() == np.repeat(np.arange(len(pieces)), sizes).tolist()
    assert any(len(pieces) > 1 for pieces in made.plan)


def test_every_epoch_is_another_order_and_a_part_of_one_is_read():
    twice, half = windows(epochs=2.0), windows(epochs=0.5)
    rows = list(twice.plan)
    first, second = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    assert first != second
    assert 0 < len({piece.document for row in half.plan for piece in row}) < 5


def test_weights_are_how_often_a_document_is_read():
    made = windows(weights=[2.0, 0.0001, 1.0, 1.0, 0.0001], epochs=1.0, length=256)
    read = Counter(piece.document for row in made.plan for piece in row)
    assert read == {0: 2, 1: 1, 2: 1, 3: 1, 4: 1}, "of a source at least one is read"
    drawn = windows(weights=[0.5] * 5, epochs=200.0, length=256)
    read = Counter(piece.document for row in drawn.plan for piece in row)
    assert 60 < read[2] < 100


@pytest.mark.parametrize(
    ("weight", "times"), [(0.3, [0] * 7 + [1] * 3), (0.04, [0] * 9 + [1]), (2.4, [2] * 6 + [3] * 4)]
)
def test_an_epoch_reads_exactly_the_share_of_a_source(weight: float, times: list[int]):
    documents = [np.arange(10, 15)] * 13
    made = windows(documents=documents, weights=[weight] * 10 + [1.0] * 3, epochs=3.0, length=256)
    orders = list(made._orders())
    for order in orders:
        read = np.bincount(order, minlength=13)
        assert sorted(read[:10].tolist()) == times
        assert read[10:].tolist() == [1, 1, 1]
    again = windows(documents=documents, weights=[weight] * 10 + [1.0] * 3, epochs=3.0, length=256)._orders()
    assert all(np.array_equal(one, other) for one, other in zip(orders, again, strict=True))
    assert not np.array_equal(orders[0], orders[1])


def test_masks_are_drawn_anew_in_each_row_and_the_same_when_asked_again():
    made = windows(objective="masked", frame=ENCODER, epochs=2.0, length=128)
    rows = [made[i] for i in range(len(made))]
    again = [replace(made)[i] for i in range(len(made))]
    for one, other in zip(rows, again, strict=True):
        assert np.array_equal(one.ids, other.ids)
        assert np.array_equal(one.targets, other.targets)
    hidden = np.concatenate([row.targets != NO_TARGET for row in rows])
    assert 0.2 < hidden.mean() < 0.4
    masked = np.concatenate([row.ids for row in rows]) == 4
    assert 0.6 < (masked & hidden).sum() / hidden.sum() < 0.95
    assert not (masked & ~hidden).any()
    for row in rows:
        assert not np.isin(row.targets, [0, 2]).any(), "special tokens are never foreseen"


def test_infilling_hides_spans_behind_one_mask_each_and_the_whole_is_the_target():
    made = windows(objective="denoising", frame=ENCODER, packed=False, length=128)
    for i in range(len(made)):
        row = made[i]
        size = len(DOCUMENTS[made.plan[i][0].document])
        assert row.segments is None
        assert row.targets.tolist() == [0, *DOCUMENTS[made.plan[i][0].document].tolist(), 2]
        kept = int((row.ids >= 10).sum())
        assert size - kept == round(0.3 * size)
        assert len(row.ids) <= len(row.targets)


def test_a_mix_has_rows_of_both_kinds():
    made = windows(objective="mixed", epochs=6.0)
    kinds = Counter(made[i].both_ways for i in range(len(made)))
    assert kinds[True] > 5
    assert kinds[False] > 5


def test_growing_windows_begin_short():
    made = windows(growing=True, length=64, epochs=4.0)
    lengths = made.lengths
    quarter = len(lengths) // 4
    assert max(lengths[:quarter]) <= 16
    assert max(lengths) > 32
    read = sum(piece.end - piece.start for row in made.plan for piece in row)
    assert read == 4 * sum(map(len, DOCUMENTS))


@pytest.mark.parametrize("growing", [False, True])
def test_a_section_is_of_one_epoch_and_one_length_of_windows(growing: bool):
    made = windows(growing=growing, length=64, epochs=4.0)
    starts = [0, *made.plan.borders[:-1]]
    sections = [[made.plan[i] for i in range(*ends)] for ends in zip(starts, made.plan.borders, strict=True)]
    assert made.plan.borders[-1] == len(made)
    assert len(sections) == 4
    for section in sections:
        read = Counter(piece.document for row in section for piece in row if piece.start == 0)
        assert read == Counter(range(5))
    longest = [max(made.lengths[start:end]) for start, end in zip(starts, made.plan.borders, strict=True)]
    assert longest == [16, 32, 64, 64] if growing else [64] * 4


@pytest.mark.parametrize("growing", [False, True])
def test_no_window_is_longer_than_a_model_that_reads_little(growing: bool):
    assert max(windows(growing=growing, length=12).lengths) == 12


def test_windows_that_grow_read_each_document_as_often_as_others_do():
    counts = [Counter(place for row in windows(growing=growing, length=64, epochs=1.0).plan for piece in row
                      for place in range(piece.document * 1000 + piece.start, piece.document * 1000 + piece.end))
              for growing in (False, True)]  # fmt: skip
    assert counts[0] == counts[1]
    assert set(counts[1].values()) == {1}


def test_a_checkpoint_is_of_one_tokenizer():
    assert windows(tokenizer="a").digest == windows(tokenizer="a").digest != windows(tokenizer="b").digest
