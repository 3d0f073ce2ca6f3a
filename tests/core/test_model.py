"""A model's tokenizer is prepared once, and again when it changes."""

from tests.families import tiny_model


def test_the_encoder_is_made_once():
    model = tiny_model("bert")
    assert model.encoder is model.encoder


def test_another_tokenizer_or_length_makes_another_encoder():
    model, other = tiny_model("bert"), tiny_model("llama")
    before = model.encoder
    model.tokenizer.model_max_length = 7
    assert model.encoder is not before
    assert model.encoder.max_length == 7
    model.tokenizer = other.tokenizer
    assert model.encoder.encode(["the film is good"]) != before.encode(["the film is good"])
