"""Labels by inference are what asking each hypothesis of each text alone gives; only the text is ever cut."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.families import tiny_model

from llamita.core.context import Run
from llamita.core.engine import Engine
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.tasks.inference import CHINESE, EMPTY, ENGLISH, Hypothesis, InferenceEngine, inference_places

TEXTS = ["a warm film", "", "the hotel was clean and the breakfast good, but the staff were rude", "很好的酒店", "x"]
LABELS = ("sports", "the economy of the world", "films")
NAMES = ("contradiction", "neutral", "entailment")


def inference_model(names: tuple[str, ...] = NAMES, family: str = "bert") -> Model:
    return tiny_model(family, labels=names)


def alone(model: Model, text: str, sentence: str) -> np.ndarray:
    """The slow, obvious way: one pair, stock tokenizer, no padding."""
    inputs = model.tokenizer(text, sentence, truncation="only_first", max_length=model.max_length, return_tensors="pt")
    with torch.no_grad():
        return model.module(**inputs).logits[0].numpy()


@pytest.mark.parametrize("family", ["bert", "roberta", "xlm-roberta", "mpnet", "bart", "llama"])
def test_labels_are_each_hypothesis_alone(family: str) -> None:
    model = inference_model(family=family)
    engine = InferenceEngine(model, LABELS)
    texts = [*TEXTS, "word " * 300]
    slow = np.array([[alone(model, text, ENGLISH.replace("{label}", one))[2] for one in LABELS] for text in texts])
    np.testing.assert_allclose(engine.text_logits(texts), slow, atol=1e-4)
    np.testing.assert_allclose(engine.text_logits(texts, tokens_per_batch=40), slow, atol=1e-4)
    np.testing.assert_allclose(engine.scores(texts), np.exp(slow) / np.exp(slow).sum(axis=1, keepdims=True), atol=1e-5)


def test_white_space_around_a_text_changes_nothing() -> None:
    engine = InferenceEngine(inference_model(family="roberta"), LABELS)
    np.testing.assert_array_equal(engine.text_logits([" a warm film \n"]), engine.text_logits(["a warm film"]))


def test_labels_that_may_hold_together_are_judged_against_contradiction() -> None:
    model = inference_model()
    engine = InferenceEngine(model, LABELS, hypothesis=Hypothesis(multi_label=True))
    for text, row in zip(TEXTS, engine.scores(TEXTS), strict=True):
        for label, probability in zip(LABELS, row, strict=True):
            logits = alone(model, text, ENGLISH.replace("{label}", label))
            assert probability == pytest.approx(np.exp(logits[2]) / (np.exp(logits[0]) + np.exp(logits[2])), abs=1e-5)
    one = InferenceEngine(model, ("films",), hypothesis=Hypothesis(multi_label=True))
    np.testing.assert_allclose(one.scores(TEXTS)[:, 0], engine.scores(TEXTS)[:, 2], atol=1e-6)


def test_the_answer_to_nothing_is_taken_off_where_asked() -> None:
    model = inference_model()
    plain = InferenceEngine(model, LABELS)
    less = InferenceEngine(model, LABELS, hypothesis=Hypothesis(prior=True))
    expected = plain.text_logits(TEXTS) - np.log(plain.scores(EMPTY).mean(axis=0))
    np.testing.assert_allclose(less.text_logits(TEXTS), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("names", "places"),
    [
        (("entailment", "neutral", "contradiction"), (0, 2)),
        (("CONTRADICTION", "NEUTRAL", "ENTAILMENT"), (2, 0)),
        (("中立", "矛盾", "蕴含"), (2, 1)),
        (("entailment", "not_entailment"), (0, 1)),
        (("not_entailment", "entailment"), (1, 0)),
        (("positive", "negative"), None),
        (("0", "1", "2"), None),
        (("entailment", "neutral", "other"), None),
    ],
)
def test_entailment_is_found_by_name(names: tuple[str, ...], places: tuple[int, int] | None) -> None:
    assert inference_places(inference_model(names)) == places


def test_numbers_are_understood_when_the_config_says_what_they_are() -> None:
    model = inference_model(("0", "1", "2"))
    model.module.config.label2id = {"neutral": 1, "entailment": 0, "contradiction": 2}
    assert inference_places(model) == (0, 2)


def test_the_sentence_speaks_the_language_of_the_labels() -> None:
    model = inference_model()
    assert InferenceEngine(model, ("体育", "财经")).sentences == [
        CHINESE.replace("{label}", "体育"),
        "这段文字是关于财经的。",
    ]
    assert InferenceEngine(model, ("体育", "IT")).sentences[1] == CHINESE.replace("{label}", "IT")
    worded = InferenceEngine(model, ("1", "0"), words={"1": "sports", "0": "money"})
    assert worded.sentences == ["This text is about sports.", "This text is about money."]
    own = InferenceEngine(model, ("good", "bad"), hypothesis=Hypothesis(text="It was {label}."))
    assert own.sentences == ["It was good.", "It was bad."]


def test_only_the_text_is_cut() -> None:
    model = inference_model()
    engine = InferenceEngine(model, LABELS)
    ids, types = engine._pairs.encode([("word " * 500, engine.sentences[1])])[0]
    assert len(ids) == model.max_length
    hypothesis = [i for i, segment in zip(ids, types, strict=True) if segment == 1]
    assert hypothesis[:-1] == model.tokenizer(engine.sentences[1], add_special_tokens=False)["input_ids"]
    with pytest.raises(UserError, match=r"takes \d+ of the model's 128 tokens and leaves no room for the text"):
        InferenceEngine(model, ("word " * 200, "other"))


def test_an_exported_folder_is_asked_alike(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from llamita.export.onnx import Onnx

    model = inference_model()
    (tmp_path / "work").mkdir()
    artifact = Onnx(precision="fp32").export(model, Run(folder=tmp_path / "work" / "onnx"))
    opened: Engine = artifact.open(threads=1)
    expected = InferenceEngine(model, LABELS).text_logits(TEXTS)
    np.testing.assert_allclose(InferenceEngine(opened, LABELS).text_logits(TEXTS), expected, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ("only",)}, "two labels or more, got only"),
        ({"labels": ("a", "")}, "a label's words must not be empty"),
        ({"labels": ("a", "b"), "words": {"c": "x"}}, "words are given for c, which is no label"),
        ({"labels": ("a", "b"), "words": {"a": "x", "b": "x"}}, "two labels are said alike: x, x"),
    ],
)
def test_labels_that_can_not_be_told_apart_are_refused(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        InferenceEngine(inference_model(), **change)


def test_pairs_and_silly_hypotheses_are_refused() -> None:
    engine = InferenceEngine(inference_model(), LABELS)
    with pytest.raises(UserError, match="are for single texts, got a pair"):
        engine.scores([("a", "b")])
    with pytest.raises(UserError, match="put texts beside hypotheses"):
        engine.logits(np.zeros((1, 1), dtype=np.int64), np.ones((1, 1), dtype=np.int64))
    with pytest.raises(UserError, match="must say where the label goes"):
        Hypothesis(text="It is good.")
    with pytest.raises(UserError, match="prior is for labels that exclude each other"):
        Hypothesis(multi_label=True, prior=True)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Hypothesis().text = "x"  # type: ignore[misc]


def test_texts_that_a_hypothesis_leaves_no_room_for_are_counted() -> None:
    model = inference_model()
    model.tokenizer.model_max_length = 40
    engine = InferenceEngine(model, ("a", "b"), hypothesis=Hypothesis(text="word " * 15 + "{label}"))
    assert engine.num_cut(["a", "word " * 12, "word " * 60]) == 2
    assert engine.encoder.num_cut(["word " * 12]) == 0
