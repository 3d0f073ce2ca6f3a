"""list and doctor: what there is to use, here and in this installation."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable

import pytest

from llamita.core.registry import build
from llamita.core.sources import PACKAGED, locate


def test_list_tells_a_methods_settings(said: Callable[..., str]):
    assert "keep" in said("list", "prune.depth")
    methods = json.loads(said("list", "prune", "--json"))
    assert {m["name"].split(".")[0] for m in methods} == {"prune"}


def test_a_method_is_found_by_its_whole_name_and_by_its_last_word(said: Callable[..., str]):
    assert said("list", "prune.depth") == said("list", "depth")


def test_a_folder_of_several_methods_lists_them_and_no_others(said: Callable[..., str]):
    text = said("list", "distill")
    assert "distill.logits" in text
    assert "distill.hidden" in text
    assert "prune." not in text


def test_in_chinese_every_method_says_in_chinese_what_it_does(said: Callable[..., str]):
    shown = said("list", "--language", "zh").splitlines()
    rows = [line for line in shown if re.match(r" *[a-z]+\.[a-z_]+ ", line)]
    assert len(rows) == len(json.loads(said("list", "--json")))
    assert [line for line in rows if not re.search("[\u4e00-\u9fff]", line)] == []
    assert "删除整层" in said("list", "prune.depth", "--language", "zh").splitlines()[0]


def test_the_whole_list_is_the_same_in_print_and_in_json(said: Callable[..., str]):
    text = said("list")
    methods = json.loads(said("list", "--json"))
    assert [m["name"] for m in methods] == [word for word in text.split() if word in {m["name"] for m in methods}]
    assert all(m["summary"] for m in methods)


def test_a_setting_shows_its_default_or_that_it_must_be_given(said: Callable[..., str]):
    rows = {line.split()[0]: line for line in said("list", "prune.depth").splitlines() if line.split()}
    assert "must be given" in rows["keep"]
    assert " 128 " in rows["sample"]


def test_what_the_listed_json_says_must_be_given_is_enough_to_build_a_method(said: Callable[..., str]):
    for method in json.loads(said("list", "--json")):
        if method["kind"] != "task":
            assert all(s["type"] == "int" for s in method["settings"] if s["default"] is None), method["name"]
            build(method["name"], {s["name"]: 1 for s in method["settings"] if s["default"] is None})


def test_doctor_tells_machine_versions_and_extras(said: Callable[..., str]):
    found = json.loads(said("doctor", "--json"))
    assert found["machine"]["cores"] >= 1
    assert "numpy" in found["versions"]
    assert set(found["extras"]) == {"train", "onnx", "zh", "track"}
    assert "smollm2" in found["models"]
    assert "processor" in said("doctor")


def test_the_printed_doctor_tells_what_its_json_tells(said: Callable[..., str]):
    found = json.loads(said("doctor", "--json"))
    text = " ".join(said("doctor").split())
    assert f"{found['machine']['cores']} cores to use" in text
    assert found["device"] in text
    for name in (*found["machine"]["features"], *found["extras"], *found["models"]):
        assert name in text
    assert all(f"{name} {version}" in text for name, version in found["versions"].items())


@pytest.mark.parametrize(("extra", "module"), [("zh", "jieba"), ("onnx", "onnxscript"), ("train", "gguf")])
def test_an_extra_that_lacks_a_package_tells_how_to_get_it(
    extra: str, module: str, said: Callable[..., str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, module, None)
    assert module in json.loads(said("doctor", "--json"))["extras"][extra]["missing"]
    row = next(line for line in said("doctor").splitlines() if f"[{extra}]" in line)
    assert module in row
    assert f"pip install 'llamita[{extra}]'" in row


def test_without_torch_the_doctor_says_what_runs_instead(said: Callable[..., str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "no torch" in json.loads(said("doctor", "--json"))["device"]


def test_a_model_is_called_missing_when_it_would_be_looked_for_on_the_hub(said: Callable[..., str]):
    found = json.loads(said("doctor", "--json"))["models"]
    assert list(found) == list(PACKAGED)
    for name, text in found.items():
        assert ("pip install" in text) == (locate(name).kind == "hub"), name
