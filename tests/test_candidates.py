"""Shapes are drawn within the limit, of different builds."""

from dataclasses import replace

from llamita.candidates import FREQUENT, Body, draw, grid, stage_bytes
from llamita.prune.vocabulary import Vocabulary

BODY = Body(
    student="minilm", layers=6, layer=1_774_464, feed_forward=1_181_568, neurons=1536, hidden=384, pieces=30522, other=250_000,
    pieces_of_texts=12_000,
)  # fmt: skip


def test_estimates_add_up_for_the_uncut_body():
    whole = grid(BODY)[0]
    assert whole.layers == 6
    assert whole.parameters == 6 * 1_774_464 + 250_000 + whole.pieces * 384


def test_heads_are_cut_with_the_neurons_where_a_stock_config_can_say_so():
    body = replace(BODY, student="teacher", attention=442_368, groups=(1, 2, 3), feed_forward=900_000)
    found = {(s.neurons, s.groups) for s in grid(body)}
    assert found == {(1536, 0), (1024, 0), (1024, 2), (768, 0), (768, 2), (512, 0), (512, 1)}
    cut = next(s for s in grid(body) if (s.layers, s.neurons, s.groups) == (6, 512, 1))
    assert cut.body_parameters == 6 * (1_774_464 - 600_000 - 294_912)
    assert cut.name.startswith("teacher · 6 layers · FFN 512 · 1/3 KV · ")
    width = cut.pruning()[-1]
    assert (width.ffn, width.heads) == (512, 1)
    assert {s.groups for s in grid(BODY)} == {0}


def test_every_drawn_shape_fits_the_limit():
    shapes = draw([BODY], {"minilm": 5}, 12_000_000)
    assert len(shapes) == 5
    assert all(shape.size_bytes <= 12_000_000 for shape in shapes)
    assert len({(s.layers, s.neurons) for s in shapes}) == 5


def test_an_impossible_limit_still_gives_the_smallest_shape():
    shapes = draw([BODY], {"minilm": 3}, 1000)
    assert shapes == grid(BODY, (4,))[-1:]


def test_an_uncut_shape_needs_no_pruning():
    whole = next(s for s in grid(BODY) if s.layers == 6 and s.neurons == 1536)
    assert [type(step).__name__ for step in whole.pruning()] == ["Vocabulary"]


def test_a_size_limit_is_filled_with_neurons_and_where_all_fit_with_pieces():
    narrow = 8_000_000
    largest = draw([BODY], {"minilm": 1}, narrow)[0]
    one_more = replace(largest, neurons=largest.neurons + 64)
    assert largest.neurons < BODY.neurons
    assert largest.size_bytes <= narrow * 0.99 < one_more.size_bytes
    wide = 12_000_000
    largest = draw([BODY], {"minilm": 1}, wide)[0]
    assert (largest.layers, largest.neurons, largest.bits) == (6, 1536, 4)
    assert largest.size_bytes <= wide * 0.99 < replace(largest, pieces=largest.pieces + 200).size_bytes


def test_room_left_never_costs_a_piece():
    body = replace(BODY, pieces_of_texts=1_290, pieces_least=1_250)
    least = min(shape.pieces for shape in grid(body))
    for shape in grid(body, (4,)):
        drawn = draw([body], {"minilm": 8}, round((shape.size_bytes + 500) / 0.99))
        assert all(one.pieces >= least for one in drawn), shape.name


def test_weights_take_four_bits_only_where_eight_would_not_fit():
    roomy = draw([BODY], {"minilm": 1}, 30_000_000)[0]
    assert (roomy.bits, roomy.pieces) == (8, BODY.pieces)
    assert {shape.bits for shape in draw([BODY], {"minilm": 4}, None)} == {8}
    assert draw([BODY], {"minilm": 1}, 12_000_000)[0].exporter.bits == 4


def test_the_estimate_of_four_bits_is_little_more_than_half():
    whole = grid(BODY)[0]
    assert 0.53 < replace(whole, bits=4).size_bytes / whole.size_bytes < 0.6


def test_without_a_limit_a_half_is_tried_second():
    whole, half = draw([BODY], {"minilm": 2}, None)
    assert 0.4 < half.body_parameters / whole.body_parameters < 0.6


def test_without_a_limit_frequent_pieces_stay_beside_those_of_the_texts():
    assert Vocabulary().frequent == FREQUENT
    for shape in draw([BODY], {"minilm": 4}, None):
        assert shape.pieces == BODY.pieces_of_texts + FREQUENT
        assert shape.pruning()[0] == Vocabulary(keep=shape.pieces)
    roomy = replace(BODY, pieces_of_texts=21_000)
    assert {shape.pieces for shape in draw([roomy], {"minilm": 4}, None)} == {BODY.pieces}


def test_the_disk_that_candidates_take_counts_each_stage_once():
    whole = max(grid(BODY), key=lambda shape: shape.parameters)
    half = replace(whole, layers=3)
    narrow = replace(half, neurons=768, bits=4)
    stages = (whole, half, narrow)  # the vocabulary cut is the whole, the depth cut the half
    lessons = (half, narrow)
    expected = sum(4 * shape.parameters for shape in (*stages, *lessons)) + 5 * 4 * half.parameters
    assert stage_bytes(lessons) == expected
    assert stage_bytes([]) == 0
