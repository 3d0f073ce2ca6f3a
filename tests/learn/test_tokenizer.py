"""A tokenizer of one's own texts gives them back, knows every character, and is loaded by stock code."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.families import TRAINING_TEXTS
from tests.sentiments import sentences
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from llamita.core.errors import UserError
from llamita.core.random_weights import SPECIAL_TOKENS
from llamita.learn import _tokenizer
from llamita.learn._tokenizer import kept_tokenizer

TEXTS = [*TRAINING_TEXTS, "  two  spaces\nand a line\t.", "🙂 naïve café"]


def trained(texts: Sequence[str], kind: str, pieces: int, *, framed: bool = False) -> PreTrainedTokenizerFast:
    """Made in a folder that keeps no other."""
    with tempfile.TemporaryDirectory() as folder:
        return kept_tokenizer(Path(folder), lambda: texts, kind, pieces, framed=framed, max_length=64)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_texts_come_back_and_nothing_is_unknown(kind: str, tmp_path) -> None:
    made = trained(TEXTS, kind, 400)
    assert len(made) <= 400
    assert [made.convert_ids_to_tokens(i) for i in range(5)] == list(SPECIAL_TOKENS)
    for text in [*TEXTS, "never seen: 鑫 Ω"]:
        ids = made(text, add_special_tokens=False)["input_ids"]
        assert made.decode(ids) == text
        assert made.unk_token_id not in ids
    made.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again(TEXTS[0])["input_ids"] == made(TEXTS[0])["input_ids"]


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_the_same_texts_give_the_same_tokenizer_whatever_their_order(kind: str) -> None:
    texts = [text for text, _ in sentences(300)]
    made = [trained(given, kind, 400).backend_tokenizer.to_str() for given in (texts, texts, texts[::-1])]
    assert made[0] == made[1]
    assert kind == "bpe" or made[0] == made[2]


def test_a_folder_keeps_the_tokenizer_of_its_texts_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kept(texts: list[str], kind: str = "unigram", pieces: int = 320) -> str:
        made = kept_tokenizer(tmp_path / "run", lambda: texts, kind, pieces, framed=False, max_length=64)
        return made.backend_tokenizer.to_str()

    first = kept(TEXTS)
    assert len({first, kept(TEXTS[4:]), kept(TEXTS, "bpe"), kept(TEXTS, pieces=310)}) == 4
    monkeypatch.setattr(_tokenizer, "_trained", lambda *_, **__: pytest.fail("trained again"))
    assert kept(TEXTS) == first


def test_encoders_read_texts_in_a_frame() -> None:
    framed = trained(TEXTS, "bpe", 300, framed=True)
    ids = framed("a film")["input_ids"]
    assert (ids[0], ids[-1]) == (framed.cls_token_id, framed.sep_token_id)
    assert framed("a film", "b")["input_ids"].count(framed.sep_token_id) == 2


def test_more_pieces_cut_texts_into_fewer() -> None:
    few, many = (trained(TEXTS, "bpe", size) for size in (300, 600))
    assert len(many(TEXTS[8])["input_ids"]) < len(few(TEXTS[8])["input_ids"])
    with pytest.raises(UserError, match="300 pieces or more"):
        trained(TEXTS, "bpe", 100)
