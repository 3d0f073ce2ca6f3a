"""Texts to token ids: what the tokenizer doesn't know is counted."""

from dataclasses import replace

import pytest
from tests.families import tiny_model

from llamita.core.encoding import TextEncoder, untrimmed
from llamita.core.errors import UserError


def test_unknown_tokens_are_counted_and_bytes_are_never_unknown():
    encoder = tiny_model("bert").encoder
    known, unknown = encoder.unknown_share(["the film is good"]), encoder.unknown_share(["ЖЖЖ"])
    assert known < 0.5 < unknown
    assert tiny_model("llama").encoder.unknown_share(["ЖЖЖ"]) == 0
    assert encoder.unknown_share([""]) == 0


def test_an_untrimmed_copy_reads_whole_texts_and_the_tokenizer_stays_as_it_is():
    cut = tiny_model("bert").encoder.cut(5).tokenizer
    cut.enable_padding(length=5)
    assert [len(untrimmed(cut).encode("film " * times).ids) for times in (1, 20)] == [4, 42]  # two pieces a word
    assert [len(cut.encode("film " * times).ids) for times in (1, 20)] == [5, 5]


@pytest.mark.parametrize(("family", "special"), [("bert", 2), ("roberta", 2), ("gpt2", 0)])
def test_a_length_without_room_beside_the_special_tokens_is_refused(family, special):
    encoder = tiny_model(family).encoder
    if special:
        with pytest.raises(UserError, match=f"max_length must be more than {special}.* got {special}"):
            replace(encoder, max_length=special).cut()
    cut = replace(encoder, max_length=special + 1).cut()
    assert len(cut.encode(["a warm film of many words"])[0][0]) == special + 1


def test_a_text_is_cut_on_the_side_that_the_tokenizer_says_in_torch_and_in_its_own_file(tmp_path):
    text = " ".join(["warm", *["film"] * 300, "dull"])
    for side, kept in (("right", 0), ("left", -1)):
        model = tiny_model("bert")
        model.tokenizer.truncation_side = side
        stock = model.tokenizer(text, truncation=True, max_length=model.max_length)["input_ids"]
        assert model.encoder.encode([text])[0][0] == stock
        model.encoder.tokenizer.save(str(tmp_path / "tokenizer.json"))
        again = TextEncoder.from_file(tmp_path / "tokenizer.json", pad_id=0, max_length=model.max_length)
        assert again.encode([text])[0][0] == stock
        word = model.tokenizer(text, add_special_tokens=False)["input_ids"][kept]
        assert word in stock


def test_of_a_pair_the_premise_alone_is_cut_where_asked():
    encoder = replace(tiny_model("bert").encoder, max_length=20)
    second = "warm warm warm"
    whole = encoder.tokenizer.encode(second, add_special_tokens=False).ids
    kept = {}
    for premise_only in (False, True):
        ids, types = encoder.cut(premise_only=premise_only).encode([("film " * 50, second)])[0]
        assert len(ids) == 20
        kept[premise_only] = [i for i, segment in zip(ids, types, strict=True) if segment == 1][:-1]
    assert kept[True] == whole
    assert kept[False] == whole[:-1]
