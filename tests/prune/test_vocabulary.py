from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.families import FAMILIES, TRAINING_TEXTS, tiny_model, tiny_tokenizer
from tests.prune.reviews import reload, reviews_run
from transformers import AutoModelForCausalLM

from llamita.core.architecture import ARCHITECTURES
from llamita.core.context import Run
from llamita.core.encoding import untrimmed
from llamita.core.errors import UserError
from llamita.core.frequent import frequent_words, sample_sentences
from llamita.prune import _rank
from llamita.prune._rank import encode, places_of, rank_pieces
from llamita.prune._tokenizers import Pieces, cut_tokenizer, in_order
from llamita.prune.vocabulary import CURVE_FILE, Vocabulary, keep_pieces, needed_by_config

UNSEEN = (
    "an unseen sentence, with words like zebra & quartz!",
    "从来没见过的句子，里面有生僻字：齉龘。",
    "Ünïcödé ☃ 12345",
    "",
)
KINDS = {"bert": "WordPiece", "gpt2": "BPE", "gemma3_text": "BPE", "xlm-roberta": "Unigram"}


@pytest.fixture(autouse=True)
def _short_lists(monkeypatch):
    """Tiny vocabularies need no long lists."""
    monkeypatch.setattr(_rank, "frequent_words", lambda language: frequent_words(language)[:800])
    monkeypatch.setattr(_rank, "sample_sentences", lambda language: sample_sentences(language)[::10])


def pieces_of(model):
    return Pieces(json.loads(model.tokenizer.backend_tokenizer.to_str()))


def as_text(model, texts):
    names = {i: piece for piece, i in model.tokenizer.get_vocab().items()}
    return [[names[i] for i in ids] for ids, _ in model.encoder.encode(texts)]


def half_the_texts(tmp_path, **settings):
    run = reviews_run(tmp_path, **settings)
    return replace(run, task=replace(run.task, train=run.task.train.take(range(0, 14, 2))))


@pytest.mark.parametrize("family", FAMILIES)
def test_kept_texts_keep_their_pieces_and_their_logits_to_the_bit(family, tmp_path):
    run = half_the_texts(tmp_path)
    model = tiny_model(family)
    before_pieces, before = as_text(model, run.task.train.texts), model.text_logits(run.task.train.texts)
    size = len(model.tokenizer)
    pruned = Vocabulary(frequent=0).apply(model, run)
    assert pruned.module.config.vocab_size == len(pruned.tokenizer) < size
    assert pruned.module.get_input_embeddings().weight.shape[0] == len(pruned.tokenizer)
    assert as_text(pruned, run.task.train.texts) == before_pieces
    np.testing.assert_array_equal(pruned.text_logits(run.task.train.texts), before)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_smaller_vocabulary_reloads_with_equal_ids_and_logits(family, tmp_path):
    model = Vocabulary(frequent=0).apply(tiny_model(family), half_the_texts(tmp_path))
    again = reload(model, tmp_path / "saved")
    texts = [*TRAINING_TEXTS, *UNSEEN[:3]]
    assert again.encoder.encode(texts) == model.encoder.encode(texts)
    np.testing.assert_allclose(again.text_logits(texts), model.text_logits(texts), rtol=0, atol=1e-6)
    assert again.uses_type_ids == model.uses_type_ids
    assert again.max_length == model.max_length
    assert again.tokenizer.padding_side == model.tokenizer.padding_side


@pytest.mark.parametrize("family", FAMILIES)
def test_unknown_tokens_are_no_more_than_before(family, tmp_path):
    model = tiny_model(family)
    unknown = pieces_of(model).base.get(pieces_of(model).unknown, "no unknown")
    texts = [*TRAINING_TEXTS, *UNSEEN]
    before = [row.count(unknown) for row in as_text(model, texts)]
    needed = rank_pieces(pieces_of(model), untrimmed(model.tokenizer.backend_tokenizer), needed_by_config(model), None)
    pruned = Vocabulary(keep=needed.num_needed, every_text=False).apply(model, half_the_texts(tmp_path))
    assert len(pruned.tokenizer) == needed.num_needed
    assert [row.count(unknown) for row in as_text(pruned, texts)] == before


@pytest.mark.parametrize("family", FAMILIES)
def test_special_tokens_stay_and_config_follows_their_ids(family, tmp_path):
    model = tiny_model(family)
    specials = dict(model.tokenizer.special_tokens_map)
    named = {k: v for k, v in model.module.config.to_dict().items() if k.endswith("_token_id") and isinstance(v, int)}
    meant = {k: model.tokenizer.convert_ids_to_tokens(v) for k, v in named.items()}
    pruned = Vocabulary(frequent=0).apply(model, half_the_texts(tmp_path))
    assert dict(pruned.tokenizer.special_tokens_map) == specials
    config = pruned.module.config
    assert {k: pruned.tokenizer.convert_ids_to_tokens(getattr(config, k)) for k in named} == meant
    assert pruned.tokenizer.all_special_ids == [
        pruned.tokenizer.get_vocab()[t] for t in pruned.tokenizer.all_special_tokens
    ]


@pytest.mark.parametrize("family", ["bert", "roberta", "mpnet", "modernbert", "gemma3_text", "bart"])
def test_pairs_get_their_special_tokens_and_segments(family, tmp_path):
    model = tiny_model(family)
    pair = (TRAINING_TEXTS[0], TRAINING_TEXTS[2])
    names, types = as_text(model, [pair])[0], model.encoder.encode([pair])[0][1]
    pruned = Vocabulary(frequent=0).apply(model, half_the_texts(tmp_path))
    assert as_text(pruned, [pair])[0] == names
    assert pruned.encoder.encode([pair])[0][1] == types


def test_a_fresh_process_of_stock_code_encodes_the_same(tmp_path):
    expected = {}
    for family in ("bert", "qwen2", "xlm-roberta", "gemma3_text"):
        model = Vocabulary(frequent=0).apply(tiny_model(family), half_the_texts(tmp_path))
        model.save(tmp_path / family)
        expected[str(tmp_path / family)] = [ids for ids, _ in model.encoder.encode(TRAINING_TEXTS)]
    code = (
        "import sys, json; from transformers import AutoTokenizer; texts = json.loads(sys.argv[1]);"
        "print(json.dumps({f: AutoTokenizer.from_pretrained(f)(texts)['input_ids'] for f in sys.argv[2:]}))"
    )
    command = [sys.executable, "-c", code, json.dumps(TRAINING_TEXTS), *expected]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(printed) == expected


@pytest.mark.parametrize("family", KINDS)
def test_ranked_beginnings_hold_together_at_every_size(family):
    """Agreement with the slow way: prune at many sizes, encode again, and compare with what the ranking foretold."""
    model = tiny_model(family)
    pieces, tokenizer = pieces_of(model), untrimmed(model.tokenizer.backend_tokenizer)
    assert pieces.kind == KINDS[family]
    counts = np.bincount(np.concatenate(encode(tokenizer, TRAINING_TEXTS)), minlength=len(pieces.ids))
    first = sorted(pieces.specials() | pieces.alphabet())
    order = in_order(pieces, first, np.argsort(-counts, kind="stable").tolist())
    places = places_of(order, len(pieces.ids))
    old = encode(tokenizer, TRAINING_TEXTS)
    for size in range(len(first), len(order), 17):
        data, kept = cut_tokenizer(pieces, order[:size])
        cut = type(tokenizer).from_str(json.dumps(data))
        changed = [
            ids.tolist() != [kept[i] for i in new] for ids, new in zip(old, encode(cut, TRAINING_TEXTS), strict=True)
        ]
        assert changed == [places[ids].max() > size for ids in old]


def test_merges_on_the_way_are_those_of_a_case_by_hand():
    merges = [["a", "b"], ["c", "d"], ["ab", "cd"], ["b", "c"]]
    vocabulary = {piece: i for i, piece in enumerate(["a", "b", "c", "d", "ab", "cd", "abcd", "bc"])}
    data = {"model": {"type": "BPE", "vocab": vocabulary, "merges": merges}, "added_tokens": []}
    pieces = Pieces(data)
    assert pieces.on_the_way("abcd") == ["ab", "cd"]
    assert pieces.on_the_way("bc") == []
    assert in_order(pieces, [], [6]) == [4, 5, 6]
    cut, order = cut_tokenizer(pieces, [0, 1, 2, 3, 4, 5, 6])
    assert cut["model"]["merges"] == merges[:3]
    assert order == [0, 1, 2, 3, 4, 5, 6]


def test_unigram_keeps_its_scores_and_the_score_of_the_unknown():
    pieces = Pieces(json.loads(tiny_tokenizer("xlm-roberta").backend_tokenizer.to_str()))
    kept = pieces.specials() | pieces.alphabet()
    cut, order = cut_tokenizer(pieces, kept)
    vocabulary = pieces.data["model"]["vocab"]
    assert cut["model"]["vocab"] == [vocabulary[i] for i in order]
    assert min(s for _, s in cut["model"]["vocab"]) == min(s for _, s in vocabulary)
    assert cut["model"]["vocab"][cut["model"]["unk_id"]][0] == "<unk>"


def test_a_character_that_is_no_piece_keeps_the_pieces_it_is_in():
    vocabulary = {piece: i for i, piece in enumerate(["[UNK]", "a", "##a", "xa", "##ax", "aa", "##aa"])}
    data = {
        "model": {"type": "WordPiece", "vocab": vocabulary, "unk_token": "[UNK]", "continuing_subword_prefix": "##"},
        "added_tokens": [{"id": 0, "content": "[UNK]"}],
    }
    assert Pieces(data).alphabet() == {1, 2, 3, 4}


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta", "mpnet"])
def test_positions_counted_from_the_padding_id_do_not_move(family, tmp_path):
    assert ARCHITECTURES[family].positions_start_after_padding
    model = tiny_model(family)
    pad = model.module.config.pad_token_id
    assert Vocabulary(frequent=0).apply(model, half_the_texts(tmp_path)).module.config.pad_token_id == pad


def test_a_tied_language_head_stays_tied(tmp_path):
    model = tiny_model("gpt2")
    model.module = AutoModelForCausalLM.from_config(model.module.config, dtype=torch.float32).eval()
    ids = torch.tensor([model.encoder.encode([TRAINING_TEXTS[0]])[0][0]])
    with torch.no_grad():
        before = model.module(ids).logits
    pieces = pieces_of(model)
    kept = sorted({*ids[0].tolist(), *pieces.specials(), *pieces.alphabet()})
    closed = in_order(pieces, kept, [])
    pruned = keep_pieces(model, pieces, closed)
    assert pruned.module.lm_head.weight is pruned.module.get_input_embeddings().weight
    new = torch.tensor([pruned.encoder.encode([TRAINING_TEXTS[0]])[0][0]])
    with torch.no_grad():
        after = pruned.module(new).logits
    torch.testing.assert_close(after, before[..., sorted(closed)], rtol=0, atol=1e-6)


def test_the_curve_foretells_what_held_out_texts_lose(tmp_path):
    unseen = ("a film that works again", "很失望的电影，服务太慢", "the worst quartz zebra")
    model = tiny_model("bert")
    run = reviews_run(tmp_path, select=unseen)
    before = as_text(model, [*TRAINING_TEXTS, *unseen])
    pruned = Vocabulary(keep=len(model.tokenizer) - 20, every_text=False).apply(model, run)
    report = json.loads((tmp_path / CURVE_FILE).read_text(encoding="utf-8"))
    sizes = [row["pieces"] for row in report["curve"]]
    assert sizes == sorted(sizes)
    assert report["pieces"] in sizes
    for name in ("own", "en", "zh"):
        shares = [row["changed"][name] for row in report["curve"]]
        assert shares == sorted(shares, reverse=True)
        assert shares[-1] == 0
    assert report["unseen_texts"]["own"] == 3
    assert as_text(pruned, unseen)[0] == before[len(TRAINING_TEXTS)]


def test_keeping_every_piece_changes_nothing(tmp_path):
    model = tiny_model("gpt2")
    before = model.text_logits(TRAINING_TEXTS)
    same = Vocabulary(keep=len(model.tokenizer)).apply(model, reviews_run(tmp_path))
    np.testing.assert_array_equal(same.text_logits(TRAINING_TEXTS), before)


def test_without_texts_the_frequent_pieces_stay(tmp_path):
    model = Vocabulary(keep=330).apply(tiny_model("llama"), Run(folder=tmp_path))
    kept = set(model.tokenizer.get_vocab())
    assert {"Ġthe", "Ġof"} <= kept or {"Ġthe", "Ġa"} <= kept
    assert len(kept) == 330


def test_less_than_the_texts_need_is_refused_or_splits_the_rarest(tmp_path):
    run = reviews_run(tmp_path)
    with pytest.raises(UserError, match=r"the texts need \d+ pieces, but keep is 300; .*every_text=false"):
        Vocabulary(keep=300).apply(tiny_model("llama"), run)
    model = tiny_model("llama")
    before = as_text(model, TRAINING_TEXTS)
    pruned = Vocabulary(keep=300, every_text=False).apply(model, run)
    assert len(pruned.tokenizer) == 300
    after = as_text(pruned, TRAINING_TEXTS)
    assert after != before
    assert ["".join(row) for row in after] == ["".join(row) for row in before]


def test_less_than_the_alphabet_is_refused(tmp_path):
    with pytest.raises(UserError, match="at least 259 for this tokenizer"):
        Vocabulary(keep=100, every_text=False).apply(tiny_model("llama"), reviews_run(tmp_path))


@pytest.mark.parametrize(("settings", "message"), [({"keep": 0}, "at least 1 piece"), ({"frequent": -1}, "at least 0")])
def test_bad_settings_are_refused_by_one_line(settings, message):
    with pytest.raises(UserError, match=message):
        Vocabulary(**settings)


def test_an_unknown_kind_of_tokenizer_is_refused():
    with pytest.raises(UserError, match="this one is WordLevel"):
        Pieces({"model": {"type": "WordLevel", "vocab": {}}, "added_tokens": []})
