"""A server is measured like any other model that is asked for labels; what it can't do is one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from tests.tasks.servers import Fake, served
from tests.tasks.test_inference import inference_model
from tests.tasks.test_likelihood import causal

from llamita.tasks.likelihood import LikelihoodEngine, Prompt

LABELS = ("--labels", "positive,negative")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Generator[Fake]:
    """It calls warm films and good hotels positive (A), and isn't quite sure."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def right(question: str) -> dict[str, float]:
        return {"A": 0.8, "B": 0.2} if "warm" in question or "很好" in question else {"B": 0.8, "A": 0.2}

    with served(Fake(answer=right)) as fake:
        yield fake


def test_a_server_predicts_and_is_evaluated_and_measured(place: Path, server: Fake, said: Callable[..., str]):
    model = f"{server.url}#large-one"
    out = said("predict", model, "a warm film", "很失望", *LABELS, "--format", "jsonl")
    assert [json.loads(line)["label"] for line in out.splitlines()] == ["positive", "negative"]
    found = json.loads(said("evaluate", server.url, "--data", "good.csv", *LABELS, "--json"))["findings"]
    by_name = {one["name"]: one for one in found}
    assert by_name["quality.accuracy"]["value"] == 1
    assert by_name["calibration.ece"]["value"] == pytest.approx(0.2, abs=0.01)
    assert by_name["cost.size_bytes"]["value"] is None
    assert by_name["cost.size_bytes"]["reason"] == "the weights are the server's"
    assert "ece" in said("measure", "calibration", model, "--data", "good.csv", *LABELS).lower()


def test_examples_are_shown_to_a_server_and_words_said(place: Path, server: Fake, said: Callable[..., str]):
    lines = (place / "good.csv").read_text(encoding="utf-8").splitlines()
    (place / "shown.csv").write_text("\n".join(["text,label", "fine 1,positive", "poor 2,negative"]), encoding="utf-8")
    (place / "some.csv").write_text("\n".join(lines[:9]), encoding="utf-8")
    words = ("--labels", "positive=good,negative=bad", "--few-shot", "shown.csv", "--prompt", "Film: {text}?")
    said("evaluate", server.url, "--data", "some.csv", *words)
    sent = server.asked[-1]["messages"]
    assert "A. good\nB. bad" in sent[0]["content"]
    assert {one["content"] for one in sent[1:-1]} == {"Film: fine 1?", "Film: poor 2?", "A", "B"}


def test_what_a_server_can_not_do_is_one_line(place: Path, server: Fake, refused: Callable[..., str]):
    model = f"{server.url}#large-one"
    data = ("--data", "good.csv")
    for verb in (("evaluate", model, *data), ("predict", model, "a text"), ("measure", "calibration", model, *data)):
        assert f"{model} is a server, which is asked for labels; name them: --labels good,bad" in refused(*verb)
    for verb in (("evaluate", model, *data, *LABELS, "--cost"), ("measure", "cost", model, *data, *LABELS)):
        assert f"cost is about a model on this machine, and {model} is a server" in refused(*verb)
    assert "--no-prior is for models that are asked on this machine" in refused(
        "evaluate", model, *data, *LABELS, "--no-prior"
    )
    assert f"{model} is a server, which can only be asked for labels" in refused("finetune", model, *data, "--out", "x")
    assert not server.asked


def test_prior_and_length_can_be_left_as_they_are(place: Path, said: Callable[..., str], refused: Callable[..., str]):
    causal("llama").save(place / "talker")
    asked = ("--labels", "positive,very negative", "--format", "jsonl")
    out = said("predict", "talker", "a warm film", *asked, "--no-prior", "--no-per-token")
    plain = LikelihoodEngine(
        causal("llama"), ("positive", "very negative"), prompt=Prompt(prior=False, per_token=False)
    ).scores(["a warm film"])[0]
    assert list(json.loads(out)["probabilities"].values()) == pytest.approx(plain.tolist(), abs=1e-4)
    words = ("--data", "good.csv", "--labels", "positive,negative", "--no-prior", "--json")
    found = json.loads(said("evaluate", "talker", *words))["findings"]
    assert found[0]["command"].endswith("--no-prior")
    assert "--no-prior is about asking a model for labels" in refused("predict", "talker", "a text", "--no-prior")


def test_a_server_is_calibrated_by_labelled_texts(place: Path, server: Fake, said: Callable[..., str]):
    rows = [
        (f"a {word} book {i}", label) for i in range(20) for word, label in (("warm", "positive"), ("dull", "negative"))
    ]
    (place / "hand.csv").write_text("\n".join(["text,label", *map(",".join, rows)]), encoding="utf-8")
    words = ("evaluate", server.url, "--data", "good.csv", *LABELS, "--json")
    before, after = (
        {one["name"]: one["value"] for one in json.loads(said(*words, *more))["findings"]}
        for more in ((), ("--calibrate", "hand.csv"))
    )
    assert after["quality.accuracy"] == 1
    assert after["calibration.ece"] < before["calibration.ece"] / 2


def test_texts_that_are_shown_or_calibrate_are_single_or_pairs_as_those_asked_about(
    place: Path, server: Fake, refused: Callable[..., str]
):
    (place / "pairs.csv").write_text("text_a,text_b,label\na,b,positive\nc,d,negative\n", encoding="utf-8")
    causal("llama").save(place / "talker")
    for model in ("talker", server.url):
        for flag in ("--few-shot", "--calibrate"):
            about_singles = [
                ("predict", model, "a warm film"),
                ("predict", model, "--file", "good.csv", "--columns", "text=text"),
                ("evaluate", model, "--data", "good.csv"),
                ("explain", model, "a warm film"),
            ]
            for words in about_singles:
                assert "pairs.csv:2: a pair of texts, but the data has single ones" in refused(
                    *words, *LABELS, flag, "pairs.csv"
                )
            for words in (("predict", model, "a", "--pair", "b"), ("evaluate", model, "--data", "pairs.csv")):
                assert "good.csv:2: a single text, but the data has pairs" in refused(*words, *LABELS, flag, "good.csv")
    assert not server.asked


def test_a_question_about_pairs_names_the_row_of_a_single_text(place: Path, server: Fake, refused: Callable[..., str]):
    question = ("--prompt", "One: {text} Other: {pair} Same:")
    line = "good.csv:2: a single text, but --prompt names a {pair}; give pairs, or name their columns"
    assert line in refused("predict", server.url, "--file", "good.csv", *LABELS, *question)
    assert line in refused("evaluate", server.url, "--data", "good.csv", *LABELS, *question)
    assert not server.asked


def test_a_pair_that_a_model_of_inference_refuses_is_told_by_its_row(place: Path, refused: Callable[..., str]) -> None:
    inference_model().save(place / "nli")
    (place / "pairs.csv").write_text("premise,hypothesis\na film,a good film\n", encoding="utf-8")
    asked = ("predict", "nli", "--labels", "good,bad", "--format", "csv")
    assert refused(*asked, "--file", "pairs.csv").startswith("llamita: pairs.csv:2: labels by inference are for single")
    told = refused(*asked, "a film", "--pair", "a good film")
    assert told.startswith("llamita: labels by inference are for single texts")
