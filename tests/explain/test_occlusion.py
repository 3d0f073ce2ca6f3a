from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engines import BagOfWords
from tests.families import tiny_model

from llamita.core.answers import OneLabel
from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.task import Split, Text
from llamita.explain._units import take_out, units_of
from llamita.explain.occlusion import Occlusion, choose, drops, occlude
from llamita.tasks.classify import Classify

WEIGHTS = {"fine": (-0.5, 1.5), "dull": (1.0, -1.0), "not": (0.25, 0.0), "好": (0, 2), "差": (1.5, 0), ".": (0.1, 0)}
BAG = BagOfWords(WEIGHTS, bias=(0.3, 0))
TASK_LABELS = ("negative", "positive")


def task(*texts: Text, labels: tuple[int, ...] = ()) -> Classify:
    return Classify(labels=TASK_LABELS, test=Split(texts=texts, labels=labels))


def test_an_additive_model_gives_back_its_weights() -> None:
    words, scores = occlude("A fine, not dull film.", BAG, "positive")
    assert words == ["A", "fine", ",", "not", "dull", "film", "."]
    expected = [WEIGHTS.get(word, (0, 0))[1] - WEIGHTS.get(word, (0, 0))[0] for word in words]
    assert scores == pytest.approx(expected, abs=1e-5)


def test_a_notebook_shows_an_explanation_in_colours() -> None:
    shown = occlude("fine <dull> film", BAG, "positive")._repr_html_()
    assert 'rgb(140,190,255)" title="+2.000">fine' in shown
    assert 'rgb(255,180,95)" title="-2.000">dull' in shown
    assert "&lt;" in shown


def test_chinese_is_explained_by_character() -> None:
    words, scores = occlude("书很好,不差", BAG)
    assert words == list("书很好,不差")
    assert scores == pytest.approx([0, 0, 2, 0, 0, -1.5], abs=1e-5)


def test_chinese_is_explained_by_words_where_they_are_asked_for() -> None:
    pytest.importorskip("jieba")
    text = "这家酒店的服务非常差, not fine。"
    assert units_of(text, 40, "words").words == ["这家", "酒店", "的", "服务", "非常", "差", ",", "not", "fine", "。"]
    assert "".join(units_of(text, 40).words[:10]) == text[:10]
    assert units_of(text, 40, "words").without(3) == "这家酒店的非常差, not fine。"
    assert occlude(text, BAG, units="words")[0] == units_of(text, 40, "words").words
    with pytest.raises(UserError, match="units must be characters or words"):
        Occlusion(units="letters")
    with pytest.raises(UserError, match="units must be characters or words"):
        occlude(text, BAG, units="letters")


def test_the_other_label_of_two_has_the_opposite_scores() -> None:
    up, down = (occlude("fine but dull", BAG, label)[1] for label in TASK_LABELS)
    assert up == pytest.approx([-score for score in down], abs=1e-6)


def test_log_odds_of_three_labels_match_a_slow_count() -> None:
    logits = np.array([[1.0, 2.0, -0.5], [0.0, 0.3, 0.2]])

    def odds(row: np.ndarray, target: int) -> float:
        p = np.exp(row) / np.exp(row).sum()
        return float(np.log(p[target] / (1 - p[target])))

    for target in range(3):
        assert drops(logits, target)[0] == pytest.approx(odds(logits[0], target) - odds(logits[1], target))


def test_the_answer_that_curves_make_is_explained(tmp_path: Path) -> None:
    turned = BagOfWords(WEIGHTS, bias=(0.3, 0))
    straight = ((0.0, 1.0), (0.0, 1.0))
    turned.answers = OneLabel(curves=(straight, ((0.0, 1.0), (0.0, 0.1))))
    text = "fine film"
    assert turned.classify([text])[0].label == "negative" != BAG.classify([text])[0].label
    assert occlude(text, turned) == occlude(text, BAG, "negative")
    found = Occlusion().measure(turned, task(text), Run(folder=tmp_path))[0]
    assert found.rows[0]["predicted"] == "negative"
    assert found.rows[0]["confidence"] == pytest.approx(turned.classify([text])[0].confidence, abs=1e-6)


def test_a_very_sure_answer_is_still_explained() -> None:
    sure = BagOfWords({"fine": (0, 60), "good": (0, 30)})
    assert occlude("fine good", sure)[1] == pytest.approx([60, 30])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "one",
        "It isn't  bad, at 3.5/5 -- see a@b.c!",
        "全角，标点。English混排 ok",
        "emoji 👍🏽 ok",
        "\tx\n",
        "naïve café",
    ],
)
def test_words_and_what_lies_between_make_up_the_text(text: str) -> None:
    units = units_of(text, 100)
    at, between = 0, []
    for (start, end), word in zip(units.spans, units.words, strict=True):
        assert text[start:end] == word != ""
        between.append(text[at:start])
        at = end
    assert "".join([*between, text[at:]]).strip() == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("हिन्दी फिल्म।", ["हिन्दी", "फिल्म", "।"]),
        ("cafe\u0301 ok", ["cafe\u0301", "ok"]),
        ("שָׁלוֹם עוֹלָם", ["שָׁלוֹם", "עוֹלָם"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("か\u3099き", ["か\u3099", "き"]),
        ("1\ufe0f\u20e3 x", ["1\ufe0f\u20e3", "x"]),
        ("👩🏽\u200d🚀 ❤\ufe0fx", ["👩🏽\u200d🚀", "❤\ufe0f", "x"]),
    ],
)
def test_accents_vowel_signs_and_joiners_stay_with_their_letter(text: str, words: list[str]) -> None:
    assert units_of(text, 100).words == words


def test_marks_inside_a_word_do_not_split_it() -> None:
    assert units_of("It isn't 3.5, a@b.c well-made", 100).words == ["It", "isn't", "3.5", ",", "a@b.c", "well-made"]


@pytest.mark.parametrize(
    ("text", "word", "left"),
    [("A fine film", "fine", "A film"), ("A fine film", "A", "fine film"), ("A fine film", "film", "A fine"),
     ("film, good", ",", "film good"), ('a "b" c', "b", 'a "" c'), ("很好", "很", "好"), ("one", "one", "")],
)  # fmt: skip
def test_taking_a_word_out_leaves_no_double_space(text: str, word: str, left: str) -> None:
    start = text.index(word)
    assert take_out(text, start, start + len(word)) == left


def test_a_replacement_stands_in_the_words_place() -> None:
    assert units_of("a fine film", 9).without(1, "…") == "a … film"
    scores = occlude("fine film", BAG, "positive", replacement="dull")[1]
    assert scores == pytest.approx([2 + 2, 0 + 2], abs=1e-5)


def test_long_texts_are_explained_in_runs_of_words() -> None:
    text = " ".join(["film"] * 60 + ["fine"] + ["film"] * 39)
    words, scores = occlude(text, BAG, words=10)
    assert len(words) == 10
    assert int(np.argmax(scores)) == 6
    assert " ".join(words) == text


def test_pairs_are_explained_in_both_texts() -> None:
    words, scores = occlude(("fine film", "很差"), BAG, "positive")
    assert words == ["fine", "film", "很", "差"]
    assert scores == pytest.approx([2, 0, 0, -1.5], abs=1e-5)


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(UserError, match="has no label 'great'; its labels: negative, positive"):
        occlude("x", BAG, "great")


@pytest.mark.parametrize("family", ["bert", "llama", "bart"])
def test_what_else_is_explained_never_changes_a_score(family: str, tmp_path: Path) -> None:
    model = tiny_model(family)
    texts = ("a warm and funny film", "酒店很干净，服务态度也很好", "dull", "the plot is thin and the acting is worse")
    together = Occlusion().measure(model, task(*texts), Run(folder=tmp_path))[0].rows
    alone = [Occlusion().measure(model, task(text), Run(folder=tmp_path))[0].rows[0] for text in texts]
    assert [row["scores"] for row in together] == [row["scores"] for row in alone]


def test_unlabelled_empty_and_single_texts_are_explained(tmp_path: Path) -> None:
    found = Occlusion().measure(BAG, task("", "fine"), Run(folder=tmp_path))[0]
    assert [row["words"] for row in found.rows] == [[], ["fine"]]
    assert found.rows[0]["label"] is None
    nothing = Occlusion().measure(BAG, task(""), Run(folder=tmp_path))[0]
    assert nothing.value is None
    assert nothing.reason == "no text has a word"


def test_the_reference_explains_the_same_words(tmp_path: Path) -> None:
    reference = BagOfWords({"fine": (0, 3), "dull": (3, 0), "film": (0, 1)}, ("Positive", "Negative"), name="teacher")
    texts = ("a fine film", "a dull film .")
    found = {f.name: f for f in Occlusion().measure(BAG, task(*texts, labels=(1, 0)), Run(folder=tmp_path), reference)}
    row = found["explain.occlusion"].rows[0]
    assert row["reference_scores"] == pytest.approx([0, -3, -1], abs=1e-5)
    theirs = found["explain.reference_occlusion"].rows[0]
    assert theirs["predicted"] == "negative"
    assert theirs["scores"] == pytest.approx([0, 3, 1], abs=1e-5)
    assert found["explain.same_reasons"].value is not None
    json.dumps([f.to_dict() for f in found.values()], allow_nan=False)


def test_a_model_has_the_same_reasons_as_itself(tmp_path: Path) -> None:
    found = Occlusion().measure(BAG, task("a fine film", "很差 ."), Run(folder=tmp_path), BAG)
    assert next(f.value for f in found if f.name == "explain.same_reasons") == pytest.approx(1)


def test_lost_and_won_come_first_and_some_are_drawn() -> None:
    ours, theirs = np.ones(300, dtype=bool), np.ones(300, dtype=bool)
    ours[:50] = False
    theirs[50:54] = False
    chosen, kinds = choose([ours, theirs], 300, 20, seed=0)
    assert len(set(chosen)) == 20
    assert [kinds[i] for i in chosen].count("lost") == 11
    assert [i for i in chosen if kinds[i] == "won"] == [50, 51, 52, 53]
    assert (chosen, kinds) == choose([ours, theirs], 300, 20, seed=0)
    assert chosen != choose([ours, theirs], 300, 20, seed=1)[0]


@pytest.mark.parametrize("settings", [{"examples": 0}, {"words": 0}])
def test_impossible_settings_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(UserError, match="must be at least 1"):
        Occlusion(**settings)


TREES = Path(__file__).parents[3] / "shared" / "data" / "sst_trees"


@pytest.mark.skipif(not TREES.exists(), reason="needs the SST trees, which stay out of the repository")
def test_top_words_carry_the_sentiment_that_people_marked() -> None:
    """A naive Bayes bag of words, trained on the sentences; its most telling words against the trees' word labels."""
    sentences = [_leaves(line) for line in (TREES / "train_clean.txt").read_text(encoding="utf-8").splitlines()]
    marked = [_leaves(line) for line in (TREES / "dev.txt").read_text(encoding="utf-8").splitlines()[:300]]
    counts: dict[str, np.ndarray] = {}
    for root, leaves in sentences:
        if root != 2:
            for word in {word.lower() for word, _ in leaves if word.isalpha()}:
                counts.setdefault(word, np.ones(2))[int(root > 2)] += 1
    bag = BagOfWords({word: tuple(np.log(count / count.sum())) for word, count in counts.items()})
    hits, chance = [], []
    for _, leaves in marked:
        carries = {word.lower(): score != 2 for word, score in leaves if word.isalpha()}
        if not any(carries.values()) or all(carries.values()):
            continue
        words, scores = occlude(" ".join(carries), bag)
        hits.append(carries.get(words[int(np.argmax(scores))], False))
        chance.append(np.mean(list(carries.values())))
    assert len(hits) > 200
    assert np.mean(hits) > 2 * np.mean(chance)


def _leaves(line: str) -> tuple[int, list[tuple[str, int]]]:
    import re

    return int(line[1]), [(word, int(score)) for score, word in re.findall(r"\((\d) ([^()]+)\)", line)]


def test_a_model_without_labels_is_refused_in_one_line(tmp_path: Path) -> None:
    from tests.talks import chat_model

    from llamita.tasks.language import Language

    documents = Language(test=Split(texts=("a film", "another")))
    with pytest.raises(UserError, match="has no head for labels"):
        Occlusion().measure(chat_model(), documents, Run(folder=tmp_path, task=documents))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((["good"], BAG), r"occlude takes a text or a pair of texts, got \"\['good'\]\""),
        ((None, BAG), "occlude takes a text or a pair of texts, got 'None'"),
        (("good", "minilm"), "occlude takes an opened model behind the text, got 'minilm'; open it first"),
        ((BAG, "good"), "occlude takes a text"),
    ],
)
def test_what_can_not_be_explained_is_refused_in_one_line(given: tuple[Any, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        occlude(*given)
    with pytest.raises(UserError, match="words must be a whole number from 1 on, got 0"):
        occlude("good", BAG, words=0)


def test_what_is_no_text_replaces_no_word() -> None:
    with pytest.raises(UserError, match="replacement must be a text"):
        occlude("a fine film", BAG, replacement=None)  # type: ignore[arg-type]
