"""Models of random weights: any family, about the size asked for, the same for the same address."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from tests.families import FAMILIES
from transformers import AutoModelForSequenceClassification

from llamita.core.architecture import architecture_named, random_model
from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.core.random_weights import LABELS, MAX_LENGTH, PIECES, _nearest_config, build_random_model, parse_size
from llamita.train.language_head import with_language_head


@pytest.mark.parametrize("family", FAMILIES)
def test_a_random_model_is_near_its_size_and_reads_any_text(family, tmp_path):
    model = random_model(f"{family}:1m")
    assert 0.3e6 < model.num_parameters < 2e6
    assert np.isfinite(model.text_logits(["a film 你好 ☃", ""])).all()
    model.save(tmp_path / "saved")
    again = Model.load(tmp_path / "saved")
    assert again.labels == LABELS
    np.testing.assert_allclose(again.text_logits(["a film"]), model.text_logits(["a film"]), rtol=0, atol=1e-6)


def test_the_same_address_gives_the_same_bytes_in_another_process():
    code = (
        "import hashlib, sys; from llamita.core.model import Model; m = Model.load('config:llama:300k');"
        "d = hashlib.sha256(m.tokenizer.backend_tokenizer.to_str().encode());"
        "[d.update(p.detach().numpy().tobytes()) for p in m.module.parameters()]; print(d.hexdigest())"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    model = Model.load("config:llama:300k")
    digest = hashlib.sha256(model.tokenizer.backend_tokenizer.to_str().encode())
    for parameter in model.module.parameters():
        digest.update(parameter.detach().numpy().tobytes())
    assert printed.splitlines()[-1] == digest.hexdigest()


def test_the_callers_random_numbers_go_on():
    state = torch.random.get_rng_state()
    build_random_model("bert:300k")
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_larger_size_gives_a_wider_and_then_a_deeper_model():
    made = [build_random_model(f"distilbert:{size}") for size in ("300k", "1m", "5m")]
    counts = [model.num_parameters for model in made]
    assert counts == sorted(set(counts))
    assert 4e6 < counts[-1] < 6e6
    assert [model.module.config.n_layers for model in made] == [2, 3, 4]
    assert all(model.module.config.dim == 32 * model.module.config.n_heads for model in made)


def test_a_random_model_names_its_address_and_cuts_what_is_too_long():
    model = build_random_model("roberta:300k")
    assert model.name == "config:roberta:300k"
    assert model.lineage == ({"step": "load", "settings": {"model": "config:roberta:300k"}},)
    (ids, _) = model.encoder.encode(["film " * 2000])[0]
    assert len(ids) == model.max_length == MAX_LENGTH
    assert np.isfinite(model.text_logits(["film " * 2000])).all()


def test_pairs_have_segments_where_the_family_reads_them():
    bert, llama = (build_random_model(f"{family}:300k") for family in ("bert", "llama"))
    ids, types = bert.encoder.encode([("a film", "a book")])[0]
    assert ids[0] == 0
    assert ids.count(2) == 2
    assert types == sorted(types)
    assert sum(types) == len(types) - ids.index(2) - 1
    assert bert.uses_type_ids
    assert not llama.uses_type_ids
    assert 2 not in llama.encoder.encode(["a film"])[0][0]


def test_sizes_are_read_and_others_refused():
    assert parse_size("1.5b", "llama:1.5b") == 1_500_000_000
    assert parse_size("300K", "llama:300K") == 300_000
    assert parse_size("100b", "llama:100b") == 100_000_000_000
    for bad in ("", "10", "10x", "-3m", "1k", "101b", "1.m"):
        with pytest.raises(UserError, match=r"parameters such as 300k, 10m or 1\.5b") as told:
            parse_size(bad, f"llama:{bad}")
        assert str(told.value).startswith(f"config:llama:{bad}: ")
        assert str(told.value).endswith(f"got {bad!r}")


def test_an_unknown_family_is_refused_before_its_size_is_read():
    with pytest.raises(UserError, match="Did you mean 'llama'"):
        build_random_model("lama:many")


@pytest.mark.parametrize("target", [300_000_000, 400_000_000])
def test_the_search_goes_on_past_odd_numbers_of_heads(target):
    config = _nearest_config(architecture_named("llama"), target, PIECES)
    with torch.device("meta"):
        count = sum(p.numel() for p in AutoModelForSequenceClassification.from_config(config).parameters())
    assert 0.85 < count / target < 1.15


def test_the_vocabulary_counts_in_the_size():
    few, many = (build_random_model(f"llama:1m:{pieces}") for pieces in (500, PIECES))
    assert len(few.tokenizer) == few.module.config.vocab_size == 500
    assert few.module.config.hidden_size > many.module.config.hidden_size
    assert 0.6e6 < few.num_parameters < 1.5e6
    for given in ("12", "many", "-500"):
        with pytest.raises(UserError, match=f"the vocabulary must be 300 to 1000000 pieces, got '{given}'"):
            build_random_model(f"llama:1m:{given}")


@pytest.mark.parametrize("family", ["llama", "qwen3", "gpt2"])
def test_a_decoders_head_for_language_counts_in_its_size(family):
    assert 0.7e6 < with_language_head(build_random_model(f"{family}:1m")).num_parameters < 1.3e6
