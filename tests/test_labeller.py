"""Whatever kind of model is asked, its labels come in the order asked for, and nothing that measures is shown to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.families import tiny_model
from tests.tasks.test_likelihood import causal

from llamita.core.errors import UserError
from llamita.data.read import read_table
from llamita.labeller import Asking, examples_of

TEXTS = ["a warm film", "a dull film"]


def test_a_head_is_put_in_the_order_asked_for(tmp_path: Path) -> None:
    tiny_model("bert", labels=("Good", "Bad")).save(tmp_path)
    asking = Asking(model=str(tmp_path), labels=("bad", "good"))
    engine = asking.open(tmp_path, 1)
    plain = tiny_model("bert", labels=("Good", "Bad")).scores(TEXTS)
    np.testing.assert_allclose(engine.scores(TEXTS), plain[:, ::-1], atol=1e-6)
    assert engine.labels == ("bad", "good")
    assert asking.way(engine) == "its own head"


def test_a_language_model_is_asked_by_label_likelihood_with_the_examples_given(tmp_path: Path) -> None:
    from llamita.tasks.asking import Shots, ask

    causal("llama").save(tmp_path)
    shown = (("fine", "good"), ("poor", "bad"))
    asking = Asking(model=str(tmp_path), labels=("bad", "good"), prompt="Say: {text}", examples=shown)
    engine = asking.open(tmp_path, 1)
    shots = Shots(data=(["fine", "poor"], ["good", "bad"]), number=2)
    expected = ask(causal("llama"), ("bad", "good"), prompt="Say: {text}", examples=shots).text_logits(TEXTS)
    np.testing.assert_allclose(engine.text_logits(TEXTS), expected, atol=1e-4)
    assert asking.way(engine) == "label likelihood, 2 examples shown"


def test_a_model_of_inference_is_asked_by_its_entailment(tmp_path: Path) -> None:
    tiny_model("bert", labels=("entailment", "neutral", "contradiction")).save(tmp_path)
    asking = Asking(model=str(tmp_path), labels=("bad", "good"))
    engine = asking.open(tmp_path, 1)
    assert engine.labels == ("bad", "good")
    assert asking.way(engine).startswith("inference")
    tiny_model("bert", labels=("red", "blue")).save(tmp_path / "other")
    with pytest.raises(UserError, match="has labels of its own: red, blue; none is an entailment"):
        Asking(model=str(tmp_path / "other"), labels=("bad", "good")).open(tmp_path, 1)


def test_examples_are_balanced_and_never_among_what_measures() -> None:
    table = read_table(([f"text {i}" for i in range(20)], ["bad", "good"] * 10))
    shown = examples_of(table, ("bad", "good"), 6, table.texts[:10], 0)
    assert [label for _, label in shown].count("good") == 3
    assert not {text for text, _ in shown} & set(table.texts[:10])
    assert shown == examples_of(table, ("bad", "good"), 6, table.texts[:10], 0)
    with pytest.raises(UserError, match="all its texts are hand labels too"):
        examples_of(table, ("bad", "good"), 6, table.texts, 0)
    with pytest.raises(UserError, match="label 'good' is not among --labels"):
        examples_of(table, ("bad", "fine"), 6, (), 0)


def test_what_decides_the_answers_is_told_and_the_key_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    one = Asking(model="http://h/v1#m", labels=("a", "b"))
    assert one.told["model"] == "http://h/v1#m"
    assert "secret" not in str(one.told)
    assert one.told != Asking(model="http://h/v1#m", labels=("a", "b"), prompt="{text}").told
