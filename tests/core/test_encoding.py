"""Texts to token ids: what the tokenizer doesn't know is counted."""

from tests.families import tiny_model


def test_unknown_tokens_are_counted_and_bytes_are_never_unknown():
    encoder = tiny_model("bert").encoder
    known, unknown = encoder.unknown_share(["the film is good"]), encoder.unknown_share(["ЖЖЖ"])
    assert known < 0.5 < unknown
    assert tiny_model("llama").encoder.unknown_share(["ЖЖЖ"]) == 0
    assert encoder.unknown_share([""]) == 0
