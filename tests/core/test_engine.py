"""Texts in, probabilities out, whatever the batches."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from tests.engines import BagOfWords
from tests.families import TRAINING_TEXTS, tiny_model

from llamita.core.engine import Engine, softmax
from llamita.core.errors import UserError

WEIGHTS = {"good": (0, 1), "bad": (2, 0)}
TEXTS = ["good", "bad bad bad", "", "film", "good bad", "good good good good good"]


class Watched(BagOfWords):
    """Keeps the shape of each batch."""

    def __init__(self) -> None:
        super().__init__(WEIGHTS)
        self.shapes: list[tuple[int, int]] = []

    def logits(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None) -> np.ndarray:
        rows, width = token_ids.shape
        self.shapes.append((rows, width))
        return super().logits(token_ids, mask, type_ids)


def test_scores_are_those_worked_out_by_hand() -> None:
    scores = BagOfWords(WEIGHTS, bias=(0.5, 0)).scores(["good good bad", ""])
    assert scores[0].tolist() == pytest.approx([math.exp(2.5) / (math.exp(2.5) + math.exp(2)), 1 / (1 + math.exp(0.5))])
    assert scores[1, 0] == pytest.approx(1 / (1 + math.exp(-0.5)))
    assert scores.dtype == np.float32


@pytest.mark.parametrize("tokens_per_batch", [1, 4, 6, 4096])
def test_batches_hold_no_more_than_asked_and_answers_stand_in_the_order_of_the_texts(tokens_per_batch: int) -> None:
    engine = Watched()
    found = engine.text_logits(TEXTS, tokens_per_batch)
    assert found.tolist() == [[0, 1], [6, 0], [0, 0], [0, 0], [2, 1], [0, 5]]
    assert all(rows * width <= tokens_per_batch or rows == 1 for rows, width in engine.shapes)
    assert sum(rows for rows, _ in engine.shapes) == len(TEXTS)


def test_a_batch_on_a_cpu_holds_at_most_a_thousand_tokens_where_nothing_else_is_asked() -> None:
    engine = Watched()
    engine.scores(["good " * 100] * 30)
    assert engine.shapes == [(10, 100)] * 3
    assert tiny_model("llama").batch_tokens == engine.batch_tokens == 1024


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_padding_changes_no_answer(family: str) -> None:
    model = tiny_model(family)
    alone = np.concatenate([model.text_logits([text]) for text in TRAINING_TEXTS])
    np.testing.assert_allclose(model.text_logits(TRAINING_TEXTS), alone, atol=1e-5)


class Sheet(dict):
    """A table as pandas and datasets have them: going through it gives the names of its columns."""

    columns = ("review", "label")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Sheet(review=["good"]), r"got a Sheet; name its column of texts: classify\(data\['text'\]\)"),
        ({"text": ["good"]}, "got dict; give the texts themselves"),
        ({"good", "bad"}, "got set; give the texts themselves, in order"),
        (None, "got NoneType; give the texts"),
        (Path("texts.csv"), "got PosixPath|got WindowsPath"),
    ],
)
def test_what_is_no_list_of_texts_is_not_taken_for_one(given: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        BagOfWords(WEIGHTS).classify(given)  # type: ignore[arg-type]


def test_no_text_gives_no_row_and_asks_nothing() -> None:
    engine = Watched()
    assert engine.scores([]).shape == (0, 2)
    assert engine.calls == 0


def test_a_text_is_classified_as_its_likeliest_label_among_all() -> None:
    engine = BagOfWords({"好": (0, 3, 1)}, labels=("b", "a", "c"))
    (found,) = engine.classify(["好"])
    assert found.label == "a"
    assert list(found.probabilities) == ["b", "a", "c"]
    assert found.confidence == found.probabilities["a"] == pytest.approx(math.e**3 / (1 + math.e**3 + math.e))
    assert [one.label for one in engine.classify(("", "好"))] == ["b", "a"]


def test_with_a_coverage_labels_are_a_set_drawn_from_labelled_texts() -> None:
    engine = BagOfWords({"好": (0, 3), "坏": (3, 0), "中": (0, 0.5)})
    labelled = (["好", "坏", "好 a", "坏 b", "中", "中 c", "好 d", "坏 e", "好 f"], [*"pnpnp", "n", *"pnp"])
    names = {"p": "Positive", "n": "Negative"}  # as the data writes them
    labelled = (labelled[0], [names[label] for label in labelled[1]])
    sets = {
        coverage: [found.labels for found in engine.classify(["好", "中", ""], coverage=coverage, labelled=labelled)]
        for coverage in (0.7, 0.8, 0.9)
    }
    assert sets[0.7] == [("positive",), (), ()]
    assert sets[0.8] == [("positive",), ("positive",), ()]
    assert sets[0.9] == [("positive",), ("positive", "negative"), ("negative", "positive")]
    assert engine.classify(["好"])[0].labels == ("positive",)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"coverage": 0.9}, "keeps nothing that sets could be drawn from; calibrate it"),
        ({"labelled": (["好"], ["positive"])}, "say how often they shall hold the right one: coverage=0.9"),
        (
            {"coverage": 1.0, "labelled": (["好", "坏"], ["positive", "negative"])},
            r"coverage must be in \(0, 1\), got 1",
        ),
        ({"coverage": 0.9, "labelled": (["好", "坏"], ["positive", "fine"])}, "'fine' is none of the model's labels"),
        ({"coverage": 0.9, "labelled": (["好"] * 40, [["positive", "negative"]] * 40)}, "look like several a text"),
        (
            {"coverage": 0.9, "labelled": ([("好", "坏")] * 40, ["positive", "negative"] * 20)},
            "a pair of texts, but the data has single ones",
        ),
    ],
)
def test_a_coverage_that_can_not_be_promised_is_refused(given: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        BagOfWords(WEIGHTS).classify(["好"], **given)


def test_answers_that_are_no_numbers_are_refused_and_counted() -> None:
    engine = BagOfWords({"good": (0.0, 1.0), "odd": (float("nan"), 0.0)})
    assert np.isfinite(engine.scores(["good"])).all()
    with pytest.raises(UserError, match=r"bag of words answers 1 of 3 texts with no numbers \(NaN\)"):
        engine.scores(["good", "an odd one", "good"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("good", r"scores takes a list of texts, got one text; put it in a list: \[text\]"),
        (
            pandas.DataFrame({"text": ["good"]}),
            r"scores takes a list of texts, got a DataFrame; .*: scores\(data\['text'\]\)",
        ),
        (None, "scores takes a list of texts, got NoneType"),
        (["good", None], "item 2 of the list must be a text or a pair of texts, got 'None'"),
        (["good", 3], "item 2 of the list must be a text or a pair of texts, got '3'"),
    ],
)
def test_scores_are_of_texts_alone(given: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        BagOfWords(WEIGHTS).scores(given)


def test_scores_of_a_column_an_array_or_a_generator_are_those_of_a_list() -> None:
    engine = BagOfWords(WEIGHTS)
    wanted = engine.scores(TEXTS)
    for given in (pandas.Series(TEXTS), np.array(TEXTS), (text for text in TEXTS)):
        np.testing.assert_array_equal(engine.scores(given), wanted)


def test_a_classifier_writes_nothing_and_says_so() -> None:
    with pytest.raises(UserError, match="writes no text; take a causal language model"):
        tiny_model("bert", labels=("a", "b")).generate([[1, 2]])


def test_one_bare_text_is_not_taken_for_many() -> None:
    with pytest.raises(UserError, match=r"takes a list of texts, got one text; put it in a list: \[text\]"):
        BagOfWords(WEIGHTS).classify("good")


def test_half_a_character_is_refused_by_its_place() -> None:
    with pytest.raises(UserError, match="item 2 of the list holds half a character"):
        BagOfWords(WEIGHTS).classify(["good", "bad \ud83d"])


def test_an_engine_tells_its_name_and_labels() -> None:
    assert repr(BagOfWords(WEIGHTS)) == "<BagOfWords 'bag of words': negative, positive>"


def test_softmax_agrees_with_a_slow_one_and_reads_the_last_axis() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (2, 4, 3)).astype(np.float32)
    for row, found in zip(logits.reshape(-1, 3), softmax(logits).reshape(-1, 3), strict=True):
        powers = [math.exp(value) for value in row]
        assert found.tolist() == pytest.approx([power / sum(powers) for power in powers], rel=1e-6)


def test_softmax_of_huge_and_of_impossible_logits_is_finite() -> None:
    assert softmax(np.array([[3e38, -3e38]], dtype=np.float32)).tolist() == [[1, 0]]
    assert softmax(np.array([[0, -np.inf]], dtype=np.float32)).tolist() == [[1, 0]]


def test_an_engine_must_say_its_size_its_parameters_and_its_logits() -> None:
    assert Engine.__abstractmethods__ == {"size_bytes", "num_parameters", "logits"}

    class Unsized(BagOfWords):
        size_bytes = Engine.size_bytes

    with pytest.raises(TypeError, match="size_bytes"):
        Unsized(WEIGHTS)


@pytest.mark.parametrize("strange", [None, float("nan"), 3, ("a", None), ("a", "b", "c")])
def test_what_is_no_text_is_named_by_its_place(strange: object) -> None:
    with pytest.raises(UserError, match=r"^item 2 of the list must be a text or a pair of texts, got "):
        BagOfWords(WEIGHTS).classify(["good", strange])  # type: ignore[list-item]  # pyrefly: ignore


def test_pairs_in_an_array_and_texts_in_a_column_of_pyarrow_are_texts() -> None:
    import pyarrow

    engine = BagOfWords(WEIGHTS)
    assert [one.text for one in engine.classify(np.array([["good", "bad"]]))] == [["good", "bad"]]
    for column in (pyarrow.array(TEXTS), pyarrow.chunked_array([TEXTS])):
        assert engine.scores(column).tolist() == engine.scores(TEXTS).tolist()
