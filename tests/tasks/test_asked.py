"""Whatever kind of model is asked, its labels come in the order asked for, and nothing that measures is shown to it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.families import tiny_model
from tests.tasks.servers import Fake, served
from tests.tasks.test_likelihood import causal
from tests.tasks.test_recipe_ask import task_of_ten, write_labelled

from llamita.core import hardware
from llamita.core.answers import AnyLabels, OneLabel
from llamita.core.engine import softmax
from llamita.core.errors import UserError
from llamita.core.opening import open_engine
from llamita.core.sources import fingerprint, locate
from llamita.core.store import Store
from llamita.tasks.asked import Asking, open_folder
from llamita.tasks.classify import open_task
from llamita.tasks.recipe_ask import asking_for
from llamita.workshop import Workshop

TEXTS = ["a warm film", "a dull film"]


@pytest.fixture(autouse=True)
def fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    """On every machine alike: what is asked would answer in bf16 where that is quick."""
    monkeypatch.setattr(hardware, "has_fast_bf16", lambda device="cpu": False)


def test_a_head_is_put_in_the_order_asked_for(tmp_path: Path) -> None:
    tiny_model("bert", labels=("Good", "Bad")).save(tmp_path)
    asking = Asking(model=str(tmp_path), labels=("bad", "good"))
    engine = asking.open(tmp_path, 1)
    plain = tiny_model("bert", labels=("Good", "Bad")).scores(TEXTS)
    np.testing.assert_allclose(engine.scores(TEXTS), plain[:, ::-1], atol=1e-6)
    assert engine.labels == ("bad", "good")
    assert asking.way(engine) == "its own head"


def test_a_head_that_went_through_calibrating_curves_answers_as_it_does_itself(tmp_path: Path) -> None:
    model = tiny_model("bert", labels=("Good", "Bad"))
    model.answer(OneLabel(curves=(((0.0, 1.0), (0.9, 0.8)), ((0.0, 1.0), (0.1, 0.2)))))
    model.save(tmp_path)
    plain, engine = open_engine(str(tmp_path)), Asking(model=str(tmp_path), labels=("bad", "good")).open(tmp_path, 1)
    assert plain.scores(TEXTS)[:, 0].min() > 0.8
    np.testing.assert_allclose(engine.scores(TEXTS), plain.scores(TEXTS)[:, ::-1], atol=1e-6)
    token_ids = np.array([[1, 5, 2]])
    np.testing.assert_allclose(
        softmax(engine.logits(token_ids, np.ones_like(token_ids)))[:, ::-1],
        plain.answers.probabilities(plain.logits(token_ids, np.ones_like(token_ids))), atol=1e-6,
    )  # fmt: skip


def test_a_head_that_gives_any_labels_is_no_teacher_that_is_asked(tmp_path: Path) -> None:
    model = tiny_model("bert", labels=("Good", "Bad"))
    model.module.config.problem_type = AnyLabels.problem_type
    model.save(tmp_path)
    with pytest.raises(UserError, match="gives a text any of its labels; a teacher that is asked gives one"):
        Asking(model=str(tmp_path), labels=("bad", "good")).open(tmp_path, 1)


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


def test_what_decides_the_answers_is_told_and_the_key_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    one = Asking(model="http://h/v1#m", labels=("a", "b"))
    assert one.told["model"] == "http://h/v1#m"
    assert "secret" not in str(one.told)
    assert one.told != Asking(model="http://h/v1#m", labels=("a", "b"), prompt="{text}").told


def test_a_folder_opens_to_the_same_answers_calibrated_as_they_were(tmp_path: Path) -> None:
    causal("llama").save(tmp_path / "model")
    rows = [("fine", "good"), ("poor", "bad"), ("text 1", "good"), ("lovely", "good"), ("cold", "bad")]
    file = write_labelled(tmp_path / "hand.csv", rows)
    how = {"calibrate": str(file), "words": {"good": "nice"}, "prompt": "Say: {text}"}
    asking, calibrating = asking_for(task_of_ten(), str(tmp_path / "model"), how, 0)
    assert calibrating is not None
    assert calibrating.texts == ("fine", "poor", "lovely", "cold"), "a text that measures doesn't calibrate"
    asking.save(tmp_path / "asked", calibrating, 1)
    engine = asking.open(tmp_path, 1)
    engine.calibrate(calibrating.texts, ["good", "bad", "good", "bad"])  # type: ignore[attr-defined]
    np.testing.assert_allclose(
        open_engine(tmp_path / "asked", threads=1).text_logits(TEXTS), engine.text_logits(TEXTS), atol=1e-5
    )
    assert open_folder(tmp_path / "asked").labels == ("bad", "good")


def test_a_folder_is_asked_in_the_language_it_was_made_for(tmp_path: Path) -> None:
    from llamita.tasks.likelihood import CHINESE, Prompt

    causal("llama").save(tmp_path / "model")
    texts = [f"第{i}家酒店" for i in range(10)]
    task = open_task(test=(texts, ["bad", "good"] * 5), labels="bad,good")
    asking, _ = asking_for(task, str(tmp_path / "model"), {}, 0)
    assert asking.chinese
    assert asking.told["chinese"]
    asking.save(tmp_path / "asked", None, 1)
    assert open_folder(tmp_path / "asked", threads=1).prompt == CHINESE  # type: ignore[attr-defined]
    english, _ = asking_for(task_of_ten(), str(tmp_path / "model"), {}, 0)
    assert not english.chinese
    assert "chinese" not in english.told, "the addresses of earlier answers stay"
    older = json.loads((tmp_path / "asked/artifact.json").read_text(encoding="utf-8"))
    del older["chinese"]
    (tmp_path / "asked/artifact.json").write_text(json.dumps(older), encoding="utf-8")
    assert open_folder(tmp_path / "asked", threads=1).prompt == Prompt(), "older folders were asked in English"  # type: ignore[attr-defined]


def test_a_label_for_which_nothing_would_be_said_is_refused() -> None:
    with pytest.raises(UserError, match="a label's words must not be empty"):
        Asking(model="config:llama:300k", labels=("1", "0"), words={"1": ""})


def test_a_head_is_not_calibrated_and_a_damaged_folder_is_told(tmp_path: Path) -> None:
    tiny_model("bert", labels=("good", "bad")).save(tmp_path / "model")
    file = write_labelled(tmp_path / "hand.csv", [("fine", "good"), ("poor", "bad")])
    asking, calibrating = asking_for(task_of_ten(), str(tmp_path / "model"), {"calibrate": str(file)}, 0)
    with pytest.raises(UserError, match="calibrate is for language models"):
        asking.save(tmp_path / "asked", calibrating, 1)
    (tmp_path / "artifact.json").write_text('{"exporter": "tasks.asked"}', encoding="utf-8")
    with pytest.raises(UserError, match="is damaged; run the recipe again"):
        open_folder(tmp_path)


def test_a_folder_sends_neither_texts_nor_a_key_to_a_server_of_its_own_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    shop = Workshop(store=Store(folder=tmp_path / "stages"), task=task_of_ten(), threads=1)
    with served(Fake()) as fake:
        stage = shop.ask(f"{fake.url}#large-one", {})
        assert shop.open(stage).scores(["a good film"]).shape == (1, 2), "the run itself was told of it"
        number = len(fake.asked)
        stolen = tmp_path / "handed-over"
        stage.folder.rename(stolen)
        for opened in (open_engine, shop.start):
            with pytest.raises(UserError, match=r"would send your texts and key to the server 'http://.*#large-one'"):
                opened(str(stolen))
        outer = Asking(model=str(stolen), labels=("bad", "good"))
        with pytest.raises(UserError, match="would send your texts"):
            outer.open(tmp_path, 1)
        assert len(fake.asked) == number


def test_how_answers_are_read_stands_in_a_recipe_and_in_its_folder(tmp_path: Path) -> None:
    causal("llama").save(tmp_path / "model")
    task = open_task(train=(TEXTS, ["good", "bad"]), test=(["fine"], ["good"]))
    model = str(tmp_path / "model")
    plain, _ = asking_for(task, model, {}, 0)
    asking, _ = asking_for(task, model, {"prior": False, "per_token": False}, 0)
    engine = asking.open(tmp_path, 1)
    assert not engine.takes_prior  # type: ignore[attr-defined]
    assert not engine.prompt.per_token  # type: ignore[attr-defined]
    assert asking.told == plain.told | {"prior": False, "per_token": False}
    asking.save(tmp_path / "light", None, 1)
    np.testing.assert_allclose(open_folder(tmp_path / "light").text_logits(TEXTS), engine.text_logits(TEXTS), atol=1e-5)
    with pytest.raises(UserError, match="ask: prior must be true or false, got 'no'"):
        asking_for(task, model, {"prior": "no"}, 0)


def test_a_folder_tells_another_model_at_the_same_place_and_another_place_of_the_same(tmp_path: Path) -> None:
    seen = set[str]()
    for seed in (0, 1):
        model = causal("llama")
        model.module.lm_head.weight.data.add_(seed)
        model.save(tmp_path / "model")
        asking, _ = asking_for(task_of_ten(), str(tmp_path / "model"), {}, 0)
        asking.save(tmp_path / f"asked-{seed}", None, 1)
        seen.add(fingerprint(locate(tmp_path / f"asked-{seed}")))
    assert len(seen) == 2
    shutil.copytree(tmp_path / "model", tmp_path / "moved")
    shop = Workshop(store=Store(folder=tmp_path / "stages"), task=task_of_ten(), threads=1)
    assert shop.ask(str(tmp_path / "model"), {}).key != shop.ask(str(tmp_path / "moved"), {}).key


def test_a_server_without_a_named_model_is_the_one_it_serves_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with served(Fake()) as fake:
        assert Asking(model=fake.url, labels=("a", "b")).told["model"] == f"{fake.url}#large-one"
        fake.models = ("another",)
        assert Asking(model=fake.url, labels=("a", "b")).told["model"] == f"{fake.url}#another"
