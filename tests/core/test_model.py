"""A model's tokenizer is prepared once, and again when it changes."""

import torch
from safetensors.torch import load_file, save_file
from tests.families import tiny_model

from llamita.core.model import Model


def test_the_encoder_is_made_once():
    model = tiny_model("bert")
    assert model.encoder is model.encoder


def test_weights_of_either_kind_count_in_its_size(tmp_path):
    model = tiny_model("bert")
    model.save(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    torch.save(weights, tmp_path / "pytorch_model.bin")
    both = Model.load(tmp_path).size_bytes
    (tmp_path / "model.safetensors").unlink()
    bare = sum(tensor.numel() * tensor.element_size() for tensor in weights.values())
    assert both > bare
    assert Model.load(tmp_path).size_bytes > bare


def test_another_tokenizer_or_length_makes_another_encoder():
    model, other = tiny_model("bert"), tiny_model("llama")
    before = model.encoder
    model.tokenizer.model_max_length = 7
    assert model.encoder is not before
    assert model.encoder.max_length == 7
    model.tokenizer = other.tokenizer
    assert model.encoder.encode(["the film is good"]) != before.encode(["the film is good"])


def test_parts_that_the_files_lack_start_alike_each_time_and_the_callers_random_numbers_go_on(tmp_path):
    model = tiny_model("bert")
    model.module.base_model.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    save_file({k: v for k, v in weights.items() if "pooler" not in k}, tmp_path / "model.safetensors", {"format": "pt"})
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = Model.load(tmp_path).module.state_dict()
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(2)
    second = Model.load(tmp_path).module.state_dict()
    assert any("pooler" in name for name in first)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_fresh_weights_stand_on_the_device_asked_for():
    assert Model.load("config:bert:1m", device="meta").device.type == "meta"


def test_others_may_read_what_is_saved(tmp_path):
    tiny_model("bert").save(str(tmp_path))  # a name will do
    (tmp_path / "mine.txt").write_text("as the user's umask has it")
    assert {path.stat().st_mode for path in tmp_path.iterdir()} == {(tmp_path / "mine.txt").stat().st_mode}
