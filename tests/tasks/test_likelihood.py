"""One pass gives what scoring each label of each text alone gives; priors and lengths are taken off as the papers say."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from tests.families import tiny_model
from tokenizers import Tokenizer, normalizers, pre_tokenizers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.tasks._prompt import end_with_prompt, label_rows
from llamita.tasks.likelihood import CHINESE, EMPTY, LikelihoodEngine, Prompt

CAUSAL = ("llama", "qwen2", "qwen3", "gemma3_text", "mistral", "gpt2")
TEXTS = ["a warm film", "", "the hotel was clean and the breakfast good, but the staff were rude", "很好的酒店", "x"]
LABELS = ("positive", "very negative indeed", "neutral")


def causal(family: str) -> Model:
    """A tiny language model of random weights."""
    source = tiny_model(family)
    config = source.module.config
    torch.manual_seed(1)
    module = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    return Model(module, source.tokenizer, name=family)


def alone(engine: LikelihoodEngine, text, label: str) -> float:
    """The slow, obvious likelihood: one text, one label, no cache, no padding."""
    question = [*engine._prefix, *engine._question(text)]
    answer = engine._ids[engine.labels.index(label)]
    with torch.no_grad():
        shares = engine.engine.module(input_ids=torch.tensor([question + answer])).logits[0].log_softmax(-1)
    return float(sum(shares[len(question) + i - 1, token] for i, token in enumerate(answer)))


@pytest.mark.parametrize("family", CAUSAL)
def test_one_pass_is_each_label_alone(family: str) -> None:
    engine = LikelihoodEngine(
        causal(family), LABELS, examples=[("fine", "positive")],
        prompt=Prompt(per_token=False, prior=False),
    )  # fmt: skip
    assert len({len(ids) for ids in engine._ids}) > 1
    expected = [[alone(engine, text, label) for label in LABELS] for text in TEXTS]
    np.testing.assert_allclose(engine.text_logits(TEXTS), expected, atol=2e-4)
    np.testing.assert_allclose(engine.text_logits(TEXTS, tokens_per_batch=40), expected, atol=2e-4)


def test_a_batch_holds_a_few_times_the_tokens_that_are_computed_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llamita.tasks.likelihood.HELD", 2)
    widths: dict[bool, list[int]] = {}
    for shown in (False, True):
        engine = LikelihoodEngine(
            causal("llama"), LABELS, examples=[("fine " * 12, "positive")] * 2 * shown,
            prompt=Prompt(start="", text="{text}", answer="{label}", per_token=False, prior=False),
        )  # fmt: skip
        batch, widths[shown] = engine._batch, []

        def watched(questions: Sequence[list[int]]) -> np.ndarray:
            widths[shown].append(len(questions))  # noqa: B023
            return batch(questions)  # noqa: B023

        monkeypatch.setattr(engine, "_batch", watched)
        engine.text_logits(["fine"] * 40, tokens_per_batch=100)
        computed = len(engine._question("fine")) + sum(len(ids) - 1 for ids in engine._ids)
        held = (computed + len(engine._prefix)) // 2
        assert max(widths[shown]) == 100 // max(computed, held)
    assert max(widths[True]) < max(widths[False])


def test_lengths_and_the_answer_to_nothing_are_taken_off() -> None:
    model = causal("llama")
    plain = LikelihoodEngine(model, LABELS, prompt=Prompt(per_token=False, prior=False))
    tokens = np.array([len(ids) for ids in plain._ids])
    per_token = plain.text_logits(TEXTS) / tokens
    np.testing.assert_allclose(
        LikelihoodEngine(model, LABELS, prompt=Prompt(prior=False)).text_logits(TEXTS), per_token, atol=1e-5
    )
    empty = LikelihoodEngine(model, LABELS, prompt=Prompt(prior=False)).scores(EMPTY).mean(axis=0)
    np.testing.assert_allclose(LikelihoodEngine(model, LABELS).text_logits(TEXTS), per_token - np.log(empty), atol=1e-4)


def test_probabilities_of_two_single_tokens_by_hand() -> None:
    model = causal("gpt2")
    words = [token for token in ("a", "b", "c") if len(model.tokenizer(token)["input_ids"]) == 1][:2]
    prompt = Prompt(start="", text="{text}", answer="{label}", prior=False)
    engine = LikelihoodEngine(model, words, prompt=prompt)
    ids = model.tokenizer("a film")["input_ids"]
    with torch.no_grad():
        logits = model.module(input_ids=torch.tensor([ids])).logits[0, -1]
    two = logits[[model.tokenizer(word)["input_ids"][0] for word in words]].softmax(0)
    np.testing.assert_allclose(engine.scores(["a film"])[0], two, atol=1e-5)


def test_a_long_text_is_cut_and_the_question_stays_whole() -> None:
    model = causal("llama")
    model.tokenizer.model_max_length = 48
    engine = LikelihoodEngine(model, ("yes", "no"))
    end = engine._tokens("\nLabel:")
    for text in ("word " * 500, ("word " * 500, "other"), ("word " * 300, "other " * 300)):
        question = engine._question(text)
        assert question[-len(end) :] == end
        assert len(engine._prefix) + len(question) + engine._longest <= 48
        assert np.isfinite(engine.scores([text])).all()
    assert engine._tokens("other")
    assert engine._tokens("other")[0] in engine._question(("word " * 500, "other"))


def test_a_text_is_read_as_it_is_read_behind_its_prompt() -> None:
    model = causal("llama")
    engine = LikelihoodEngine(model, LABELS, prompt=Prompt(start="", text="Text: {text} /{pair}\nLabel:"))
    whole = model.tokenizer("Text: a warm film /cold\nLabel:", add_special_tokens=False)["input_ids"]
    assert engine._question(("a warm film", "cold")) == whole


def test_white_space_around_a_text_is_not_asked_about() -> None:
    engine = LikelihoodEngine(causal("llama"), LABELS, examples=[("a cold film", LABELS[1])])
    assert engine._question(" a warm film \n") == engine._question("a warm film")
    assert engine._question(("\ta", "b ")) == engine._question(("a", "b"))
    shown = LikelihoodEngine(causal("llama"), LABELS, examples=[("a cold film  ", LABELS[1])])
    assert shown._prefix == engine._prefix


def spaced(kind: str) -> Model:
    """A model whose tokenizer puts a space before what it reads, as Llama 2's do in older and newer files."""
    model = causal("mistral")
    backend = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
    if kind == "metaspace":
        backend.normalizer = normalizers.Sequence([])
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=128, pad_token="<pad>")
    assert tokenizer.tokenize("a") == ["▁a"]
    return Model(model.module, tokenizer, name=kind)


@pytest.mark.parametrize("kind", ["prepend", "metaspace"])
@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(),
        CHINESE,
        Prompt(start=""),
        Prompt(start="", text="{text}"),
        Prompt(text="One: {text}\nOther: {pair}\nSame:"),
    ],
)
def test_a_tokenizer_that_puts_a_space_first_reads_the_pieces_as_the_whole_running_text(
    kind: str, prompt: Prompt
) -> None:
    model, labels = spaced(kind), ("film", "funny story")
    text = ("a warm film", "the plot") if "{pair}" in prompt.text else "a warm film"
    for examples in ((), ((text, labels[1]),)):
        engine = LikelihoodEngine(model, labels, prompt=prompt, examples=examples)
        asked = prompt.text.replace("{text}", "a warm film").replace("{pair}", "the plot")
        shown = "".join(asked + prompt.answer.format(label=label) + prompt.between for _, label in examples)
        start = prompt.start.replace("{labels}", prompt.comma.join(labels))
        for label, ids in zip(labels, engine._ids, strict=True):
            whole = start + shown + asked + prompt.answer.format(label=label)
            assert [*engine._prefix, *engine._question(text), *ids] == model.tokenizer(whole)["input_ids"]


def test_a_head_starts_from_its_labels_words_without_the_space_that_a_tokenizer_puts_first() -> None:
    model = spaced("prepend")
    rows = label_rows(model.module, model.tokenizer, ["a", "film"])
    places = [model.tokenizer.convert_tokens_to_ids(token) for token in ("▁a", "▁film")]
    assert rows is not None
    torch.testing.assert_close(rows, model.module.get_output_embeddings().weight.detach()[places])
    end_with_prompt(model)
    assert model.tokenizer("a film")["input_ids"] == spaced("prepend").tokenizer("a film\nLabel:")["input_ids"]


def test_a_pair_has_its_own_place() -> None:
    engine = LikelihoodEngine(causal("llama"), ("yes", "no"), prompt=Prompt(text="One: {text}\nOther: {pair}\nSame:"))
    assert engine._question(("p", "q")) == [
        i for part in ("One: ", "p", "\nOther: ", "q", "\nSame:") for i in engine._tokens(part)
    ]


def test_words_may_stand_for_labels() -> None:
    model = causal("llama")
    named = LikelihoodEngine(model, ("good", "bad")).scores(TEXTS)
    numbered = LikelihoodEngine(model, ("1", "0"), words={"1": "good", "0": "bad"})
    assert numbered.labels == ("1", "0")
    np.testing.assert_allclose(numbered.scores(TEXTS), named, atol=1e-6)


def asked_of(engine: LikelihoodEngine, text: str) -> str:
    return engine.engine.tokenizer.decode([*engine._prefix, *engine._question(text)])


def test_the_usual_question_is_chinese_where_words_or_examples_are() -> None:
    model = causal("qwen2")
    for engine in (
        LikelihoodEngine(model, ("好评", "差评")),
        LikelihoodEngine(model, ("1", "0"), words={"1": "好评", "0": "差评"}),
    ):
        assert engine.prompt == CHINESE
        assert asked_of(engine, "房间很干净").endswith("标签：好评、差评。\n\n文本：房间很干净\n标签：")
    assert LikelihoodEngine(model, ("a", "b"), examples=[("房间很干净", "a")]).prompt == CHINESE
    assert LikelihoodEngine(model, ("good", "bad"), examples=[("a clean room", "good")]).prompt == Prompt()
    assert LikelihoodEngine(model, ("好评", "差评"), prompt=Prompt()).prompt == Prompt()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ("1", "0"), "words": {"1": " ", "0": "good"}}, "a label's words must not be empty"),
        ({"labels": "yes,no"}, "labels must be a list of names"),
        ({"labels": ("a", "b"), "words": {"c": "x"}}, "words are given for c, which is no label"),
        ({"labels": ("only",)}, "two labels or more, got only"),
        ({"labels": ("a", "b"), "words": {"a": "x", "b": "x"}}, "two labels are said alike: x, x"),
        ({"labels": ("a", "b"), "examples": [("word " * 5000, "a")]}, r"prompt and examples take \d+ of the model's"),
    ],
)
def test_what_can_not_be_asked_is_refused(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        LikelihoodEngine(causal("llama"), **change)


def test_a_model_without_words_to_come_is_refused() -> None:
    with pytest.raises(UserError, match="predicts no words to come"):
        LikelihoodEngine(tiny_model("bert"), ("a", "b"))
    with pytest.raises(UserError, match=r"must say where the text goes: \{text\}; got 'Text'"):
        Prompt(text="Text")


def test_a_family_that_was_not_tested_is_refused() -> None:
    from transformers import GraniteConfig, GraniteForCausalLM

    model = causal("llama")
    config = GraniteConfig(
        vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    model.module = GraniteForCausalLM(config)
    with pytest.raises(UserError, match=r"was tested on llama, .* not on 'granite'"):
        LikelihoodEngine(model, ("a", "b"))


def test_a_pair_prompt_asks_pairs_even_of_nothing() -> None:
    engine = LikelihoodEngine(causal("llama"), ("yes", "no"), prompt=Prompt(text="One: {text}\nOther: {pair}\nSame:"))
    assert np.isfinite(engine.scores([("p", "q")])).all()
    with pytest.raises(UserError, match=r"names a {pair}, but the text is a single one"):
        engine.scores(["p"])
    with pytest.raises(UserError, match=r"{text} before {pair}"):
        Prompt(text="{pair} {text}")


def test_texts_that_the_prompt_leaves_no_room_for_are_counted() -> None:
    model = causal("llama")
    model.tokenizer.model_max_length = 48
    engine = LikelihoodEngine(model, ("yes", "no"))
    texts = ["short", "word " * 40, "word " * 500, ("a", "word " * 500)]
    assert [engine.num_cut([text]) for text in texts] == [
        int(engine._question(text) != engine._question(text, whole=True)) for text in texts
    ]
    assert engine.num_cut(texts) == 3 > engine.encoder.num_cut(texts[:3])


@pytest.mark.parametrize("answer", [" {lable}", " {", "yes"])
def test_an_answer_without_a_place_for_the_label_is_refused(answer: str) -> None:
    with pytest.raises(UserError, match="the answer must say where the label goes"):
        Prompt(answer=answer)
    assert Prompt(answer="{{label}}").answer
