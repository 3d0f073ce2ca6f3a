"""pretrain ends with a model, a page with its loss curve, samples, and bits per byte on documents it never saw."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.families import tiny_model

from llamita._cli.pretrain import sized, weighted
from llamita.cli import main
from llamita.core.errors import UserError

LINES = ("The ship came home with the tide.", "Nobody stood at the quay to see it.", "傍晚涨潮时船回到了港口。",
         "A lamp was lit in the tower.", "全镇的人都睡了，没有人看见。")  # fmt: skip


def documents(folder: Path) -> Path:
    """Thirty short texts, no two alike."""
    folder.mkdir()
    for i in range(30):
        text = " ".join(LINES[(i + k * (1 + i % 3)) % len(LINES)] + f" Day {i}, hour {k}." for k in range(4))
        (folder / f"{i:02}.txt").write_text(text, encoding="utf-8")
    return folder


def test_a_folder_of_texts_becomes_a_language_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["pretrain", "config:llama:300k", "--data", str(documents(tmp_path / "texts")), "--tokenizer", "bpe"]
    words += [
        "--pieces",
        "320",
        "--window",
        "32",
        "--copies",
        "exact",
        "--threads",
        "1",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main([*words, "--json"]) == 0, capsys.readouterr().err
    told = json.loads(capsys.readouterr().out)
    found = {finding["name"]: finding for finding in told["findings"]}
    bits = found["quality.bits_per_byte"]
    assert 1 < bits["value"] < 9
    assert bits["n"] == 2
    assert bits["interval"][0] <= bits["value"] <= bits["interval"][1]
    assert len(found["train.loss"]["detail"]["curve"]) > 1
    assert len(told["samples"]) == 3
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert 'id="training"' in page
    written = page.split('id="samples"')[1].split("</section>")[0]
    assert written.count('class="said written"') == 3
    assert "3-grams" in written
    assert (tmp_path / "out" / "report.md").read_text(encoding="utf-8").count("## What it writes") == 1
    assert "llamita measure quality" in page
    assert "classify" not in page.split('id="run"')[1].split("</section>")[0]
    card = (tmp_path / "out" / "light" / "README.md").read_text(encoding="utf-8")
    assert "A language model made with" in card
    assert "pipeline_tag: text-generation" in card
    assert "labels above" not in card
    assert not list((tmp_path / "out" / "light").glob("tokenizer-*.json")), (
        "what a stage keeps for itself isn't delivered"
    )
    assert len(list((tmp_path / "out" / "stages").glob("*/tokenizer-*.json"))) == 1
    assert main(words) == 0  # what is there is not made again
    assert "bits" in capsys.readouterr().out
    asked = [
        "measure",
        "samples",
        str(tmp_path / "out" / "light"),
        "--task",
        "language",
        "--data",
        str(tmp_path / "texts"),
    ]
    assert main([*asked, "--number", "2", "--tokens", "8"]) == 0
    assert len(capsys.readouterr().out.strip().split("\n\n")) > 2


def test_fresh_weights_are_sized_for_their_vocabulary():
    trained = {"tokenizer": "bpe", "pieces": 4000}
    assert sized("config:llama:10m", trained) == "config:llama:10m:4000"
    assert sized("config:llama:10m", {"tokenizer": "bpe"}) == "config:llama:10m:8000"
    assert sized("config:llama:10m:500", trained) == "config:llama:10m:500"
    assert sized("config:llama:10m", {}) == "config:llama:10m"
    assert sized("smollm2", {"tokenizer": "bpe"}) == "smollm2"
    assert trained == {"tokenizer": "bpe", "pieces": 4000}
    bare = {"pieces": 500}
    assert sized("config:bart:300k", bare) == "config:bart:300k:500"
    assert bare == {}, "the fresh model has so many; none is trained"


def test_weights_stand_behind_the_name_of_a_source(tmp_path: Path):
    odd = tmp_path / "a=2.txt"
    odd.write_text("text", encoding="utf-8")
    assert weighted(["a.txt"]) == "a.txt"
    assert weighted(["a.txt=0.7", "b/"]) == {"a.txt": 0.7, "b/": 1.0}
    assert weighted([str(odd), "b=3"]) == {str(odd): 1.0, "b": 3.0}
    with pytest.raises(UserError, match="what follows = is how often it is read in an epoch, got 'much'"):
        weighted(["a.txt=much"])
    with pytest.raises(UserError, match="names a twice"):
        weighted(["a", "a=2"])


def test_a_setting_that_the_family_cannot_follow_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["pretrain", "config:bert:300k", "--data", str(documents(tmp_path / "texts")), "--threads", "1"]
    assert main([*words, "--objective", "causal", "--out", str(tmp_path / "out")]) == 2
    assert "a bert model can't learn by causal; objectives for it: masked" in capsys.readouterr().err
    assert not (tmp_path / "out" / "light").exists()
    capsys.readouterr()
    words[words.index("--data") + 1] = str(tmp_path / "nowhere")
    assert main([*words, "--out", str(tmp_path / "other")]) == 2
    assert not (tmp_path / "other").exists(), "nothing was begun, nothing stands there"


def test_the_page_of_a_masked_model_is_about_what_was_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_model("bert").save(tmp_path / "model")
    texts = str(documents(tmp_path / "texts"))
    words = [
        "pretrain",
        str(tmp_path / "model"),
        "--data",
        texts,
        "--epochs",
        "0.2",
        "--window",
        "32",
        "--copies",
        "exact",
    ]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0, capsys.readouterr().err
    assert "→" in capsys.readouterr().out
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "perplexity of masked tokens" in page.split('id="table"')[0].split("<h1")[1], "in the first line"
    assert "fill-mask" in page.split('id="run"')[1]
    assert "hidden tokens stand in their place again" in page
    assert "pipeline_tag: fill-mask" in (tmp_path / "out" / "light" / "README.md").read_text(encoding="utf-8")
