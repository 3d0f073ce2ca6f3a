"""One call asks both kinds of model: a causal one by likelihood, one of inference by entailment; the rest is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.families import tiny_model
from tests.tasks.test_inference import inference_model
from tests.tasks.test_likelihood import causal

from llamita.core.engine import is_headed
from llamita.core.errors import UserError
from llamita.tasks.asking import Shots, ask
from llamita.tasks.inference import Hypothesis, InferenceEngine
from llamita.tasks.likelihood import CHINESE, LikelihoodEngine, Prompt

MODEL = causal("llama")
TABLE = ([f"text {i}" for i in range(40)], ["yes"] * 30 + ["no"] * 10)


def test_the_model_decides_how_it_is_asked() -> None:
    assert isinstance(ask(causal("llama"), ("yes", "no")), LikelihoodEngine)
    assert isinstance(ask(inference_model(), ("yes", "no")), InferenceEngine)
    assert is_headed(inference_model())
    assert not is_headed(causal("llama"))


def test_a_models_name_is_not_yet_a_model() -> None:
    with pytest.raises(UserError, match=r"ask takes an opened model, got 'smollm2'; open it first: llamita\.load"):
        ask("smollm2", ["yes", "no"])  # type: ignore[arg-type]


def test_examples_are_as_many_of_each_label_and_drawn_by_the_seed() -> None:
    model = causal("llama")
    engine = ask(model, ("yes", "no"), examples=Shots(data=TABLE, number=4))
    shown = model.tokenizer.decode(engine._prefix)  # type: ignore[union-attr]
    assert shown.count("Label: yes") == shown.count("Label: no") == 2
    assert Shots(data=TABLE, number=4).drawn(("yes", "no")) == Shots(data=TABLE, number=4).drawn(("yes", "no"))
    assert Shots(data=TABLE, number=4).drawn(("yes", "no")) != Shots(data=TABLE, number=4, seed=1).drawn(("yes", "no"))
    assert len(Shots(data=TABLE).drawn(("yes", "no"))) == 8
    assert Shots(data=TABLE, number=0).drawn(("yes", "no")) == []
    with pytest.raises(UserError, match="prompt and examples take"):
        ask(model, ("yes", "no"), examples=TABLE)


def test_a_language_model_is_asked_in_the_language_of_words_question_or_texts() -> None:
    model = causal("llama")
    prompts = [
        ask(model, ("a", "b")).prompt,  # type: ignore[union-attr]
        ask(model, ("好", "坏")).prompt,  # type: ignore[union-attr]
        ask(model, ("a", "b"), calibrate=(["很好", "很差"] * 5, ["a", "b"] * 5)).prompt,  # type: ignore[union-attr]
        ask(model, ("a", "b"), prompt="评论：{text}\n情感：").prompt,  # type: ignore[union-attr]
    ]
    assert prompts == [Prompt(), CHINESE, CHINESE, replace(CHINESE, text="评论：{text}\n情感：")]


@pytest.mark.parametrize("kind", ["causal", "inference"])
def test_probabilities_are_fitted_to_labelled_texts(kind: str) -> None:
    model = causal("llama") if kind == "causal" else inference_model()
    fitted = ask(model, ("yes", "no"), calibrate=TABLE)
    assert fitted.scores(TABLE[0]).mean(axis=0)[0] == pytest.approx(0.75, abs=0.03)
    plain = ask(model, ("yes", "no"))
    np.testing.assert_allclose(
        fitted.text_logits(["a"]), plain.text_logits(["a"]) * fitted.scale + fitted.shift, atol=1e-4
    )


PAIRS = ([("one", "other"), ("a", "b")], ["yes", "no"])


@pytest.mark.parametrize(
    "given",
    [
        {"examples": PAIRS, "measured": ["a text"]},
        {"calibrate": PAIRS, "measured": ["a text"]},
        {"calibrate": PAIRS, "examples": Shots(data=TABLE, number=2)},
    ],
)
def test_what_is_shown_calibrates_or_measures_is_all_single_or_all_pairs(given: dict) -> None:
    with pytest.raises(UserError, match="texts and labels:1: a pair of texts, but the data has single ones"):
        ask(MODEL, ("yes", "no"), **given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": "yes,no"}, "labels must be a list of names"),
        ({"calibrate": (["a", "b"], ["no", "maybe"])}, "texts and labels:2: label 'maybe' is none of yes, no"),
        ({"examples": (["a", "b"], ["no", "maybe"])}, "texts and labels:2: label 'maybe' is none of yes, no"),
        ({"prompt": Hypothesis()}, "ask a language model with a Prompt"),
    ],
)
def test_what_a_language_model_can_not_be_asked_is_refused(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ask(causal("llama"), **{"labels": ("yes", "no"), **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"examples": TABLE}, "a model of inference reads none"),
        ({"prompt": "Is it {text}?"}, r"must say where the label goes: \{label\}"),
        ({"prompt": Prompt()}, "ask a model of inference with a Hypothesis"),
        ({"calibrate": (["a", "b"], ["no", "maybe"])}, "texts and labels:2: label 'maybe' is none of yes, no"),
        ({"calibrate": TABLE, "prompt": Hypothesis(multi_label=True)}, "calibration needs every label of a text"),
    ],
)
def test_what_a_model_of_inference_can_not_be_asked_is_refused(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ask(inference_model(), ("yes", "no"), **change)


def test_a_model_of_other_labels_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match="has labels of its own: negative, positive; none is an entailment") as told:
        ask(tiny_model("bert"), ("a", "b"))
    assert "\n" not in str(told.value)
    with pytest.raises(UserError, match="number of shots must be >= 0, got -1"):
        Shots(data=TABLE, number=-1)


def test_a_label_that_no_example_shows_is_told(caplog: pytest.LogCaptureFixture) -> None:
    Shots(data=(["fine", "nice"], ["yes", "yes"])).drawn(("yes", "no"))
    assert "no example of 'no' is shown" in caplog.text
    caplog.clear()
    Shots(data=TABLE, number=4).drawn(("yes", "no"))
    assert "no example" not in caplog.text


@pytest.mark.parametrize(
    ("model", "labels", "words", "said"),
    [
        (None, ["a", "b"], None, "ask takes an opened model, such as llamita.load.*, got None"),
        (MODEL, {"a", "b"}, None, "labels must be names in order, .*got {"),
        (MODEL, None, None, "labels"),
        (MODEL, ["a", "b"], ["good", "bad"], "words must be a dict such as"),
    ],
)
def test_from_python_what_can_not_be_asked_is_refused_in_one_line(
    model: Any, labels: Any, words: Any, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        ask(model, labels, words=words)


def test_labels_may_be_an_array() -> None:
    assert ask(MODEL, np.array([1, 0]), words={1: "good", 0: "bad"}).labels == ("1", "0")  # type: ignore[arg-type,dict-item]


def test_how_answers_are_read_can_be_said_beside_a_prompt_in_words() -> None:
    model, texts = causal("llama"), ["a warm film", "很好"]
    labels = ("yes", "not at all")
    for read in ({"prior": False}, {"per_token": False}, {"prior": False, "per_token": False}):
        expected = LikelihoodEngine(model, labels, prompt=Prompt(text="Say: {text}", **read)).text_logits(texts)
        np.testing.assert_allclose(
            ask(model, labels, prompt="Say: {text}", **read).text_logits(texts), expected, atol=1e-5
        )
    assert ask(model, labels, prompt=Prompt(prior=False)).prompt == Prompt(prior=False)  # type: ignore[union-attr]
    assert ask(inference_model(), labels, prior=True).takes_prior
    assert not ask(inference_model(), labels, prior=False).takes_prior
    with pytest.raises(UserError, match="per_token is about the tokens of a label's words"):
        ask(inference_model(), labels, per_token=False)


def test_labels_may_say_their_words_as_they_do_for_lighten() -> None:
    model, words = causal("llama"), {"1": "good", "0": "bad"}
    asked, same = ask(model, words), ask(model, ["1", "0"], words=words)
    assert (asked.labels, asked.words) == (("1", "0"), words)
    np.testing.assert_array_equal(asked.scores(["a film"]), same.scores(["a film"]))
    with pytest.raises(UserError, match="labels say their words already"):
        ask(model, words, words=words)
