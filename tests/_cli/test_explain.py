"""explain: every word gets its score, in print, as JSON and on a page that stands alone."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from llamita.cli import main

SPAN = re.compile(r'<span style="background:rgb\((\d+),(\d+),(\d+)\)" title="([+-][\d.]+)">(.*?)</span>')


def spans(page: Path) -> list[tuple[tuple[int, int, int], float, str]]:
    """Colour, score and word of each word on a page."""
    found = SPAN.findall(page.read_text(encoding="utf-8"))
    return [
        ((int(red), int(green), int(blue)), float(score), html.unescape(word))
        for red, green, blue, score, word in found
    ]


def test_explain_names_every_word_and_writes_a_page(place: Path, model: Path, said: Callable[..., str]):
    row = json.loads(said("explain", model, "a <b>warm</b> film", "--html", "why.html", "--json"))[0]
    assert len(row["words"]) == len(row["scores"]) > 2
    page = (place / "why.html").read_text(encoding="utf-8")
    assert "&lt;" in page
    assert "<b>" not in page
    assert "<p dir='auto'>" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_page_is_named_as_one_so_that_it_replaces_no_data(model: Path, refused: Callable[..., str], place: Path):
    before = (place / "good.csv").read_bytes()
    words = ("explain", model, "--data", "good.csv", "--html", "good.csv")
    assert "--html good.csv: a page's name ends with .html" in refused(*words)
    assert (place / "good.csv").read_bytes() == before


def test_away_from_a_terminal_each_word_is_followed_by_its_score(model: Path, said: Callable[..., str]):
    texts = ("a warm film", "很失望")
    rows = json.loads(said("explain", model, *texts, "--json"))
    lines = said("explain", model, *texts).splitlines()
    for row, line in zip(rows, lines[:2], strict=True):
        words = " ".join(f"{word}[{score:+.2f}]" for word, score in zip(row["words"], row["scores"], strict=True))
        assert line.rstrip() == f"{model}: {row['predicted']} {100 * row['confidence']:.1f} %  {words}"
    assert lines[2:] == ["+ spoke for the answer, − against it"]


def test_the_page_shows_every_word_in_the_colour_of_its_sign(place: Path, model: Path, said: Callable[..., str]):
    texts = ("a warm and funny film", "the plot is thin", "很失望")
    rows = json.loads(said("explain", model, *texts, "--html", "why.html", "--json"))
    found = spans(place / "why.html")
    assert [word for _, _, word in found] == [word for row in rows for word in row["words"]]
    scores = [score for row in rows for score in row["scores"]]
    assert min(scores) < 0 < max(scores)
    assert [score for _, score, _ in found] == pytest.approx(scores, abs=0.0006)
    for (red, _, blue), score, _ in found:
        assert (blue >= red) if score > 0 else (red >= blue)
    strongest = max(found, key=lambda word: abs(word[1]))
    assert strongest[0] != (255, 255, 255)
    assert "</span><span" in (place / "why.html").read_text(encoding="utf-8"), "Chinese stands without spaces"


def test_an_answer_that_the_label_contradicts_says_so(place: Path, model: Path, said: Callable[..., str]):
    rows = json.loads(said("explain", model, "--data", "good.csv", "--examples", "8", "--json"))["findings"][0]["rows"]
    lines = said("explain", model, "--data", "good.csv", "--examples", "8").splitlines()
    for row, line in zip(rows, lines, strict=False):
        assert (f"(labelled: {row['label']})" in line) == (row["label"] != row["predicted"])
    assert any(row["label"] != row["predicted"] for row in rows)


def test_the_page_speaks_the_language_that_is_asked_for(place: Path, model: Path, said: Callable[..., str]):
    said("explain", model, "a warm film", "--html", "why.html", "--language", "zh")
    page = (place / "why.html").read_text(encoding="utf-8")
    assert '<html lang="zh-Hans">' in page
    assert "<h1>模型为什么这样判断</h1>" in page
    assert "spoke for" not in page
    said("explain", model, "a warm film", "--html", "why.html")
    assert '<html lang="en">' in (place / "why.html").read_text(encoding="utf-8")


def test_on_the_page_only_words_with_spaces_stand_apart(place: Path, model: Path, said: Callable[..., str]):
    said("explain", model, "warm film 很失望", "--html", "why.html")
    body = (place / "why.html").read_text(encoding="utf-8").split("</h2>")[1]
    assert " ".join(re.sub(r"<[^>]+>|\n", "", body).split()) == "warm film 很失望"


def test_against_another_model_both_give_their_reasons_in_turn(place: Path, model: Path, said: Callable[..., str]):
    rows = json.loads(said("explain", model, "a warm film", "很失望", "--against", model, "--json"))
    assert [row["text"] for row in rows] == ["a warm film", "很失望"] * 2
    assert [row["scores"] for row in rows[:2]] == [row["scores"] for row in rows[2:]]
    lines = said("explain", model, "a warm film", "很失望", "--against", model, "--html", "why.html").splitlines()
    assert lines[0] == lines[1] != lines[2] == lines[3]
    assert lines[-1] == "page: why.html"
    assert (place / "why.html").read_text(encoding="utf-8").count("<h2>") == 4


def test_the_examples_of_a_file_are_shown_with_their_words(place: Path, model: Path, said: Callable[..., str]):
    words = ("explain", model, "--data", "good.csv", "--examples", "3")
    told = json.loads(said(*words, "--json", "--against", model))
    rows = {f["name"]: f["rows"] for f in told["findings"]}
    assert len(rows["explain.occlusion"]) == len(rows["explain.reference_occlusion"]) == 3
    assert all(row["text"] and row["words"] for row in rows["explain.occlusion"])
    lines = said(*words, "--html", "why.html").splitlines()
    for row, line in zip(rows["explain.occlusion"], lines, strict=False):
        other = "" if row["label"] == row["predicted"] else f" (labelled: {row['label']})"
        assert line.startswith(
            f"{model}: {row['predicted']} {100 * row['confidence']:.1f} %{other}  {row['words'][0]}["
        )
    assert lines[3:5] == ["+ spoke for the answer, − against it", "page: why.html"]
    assert not any("explain.same_reasons" in line for line in lines)
    found = [word for _, _, word in spans(place / "why.html")]
    assert found == [word for row in rows["explain.occlusion"] for word in row["words"]]


def test_all_that_explain_takes_is_in_its_help(capsys: pytest.CaptureFixture[str]):
    main(["explain", "--help"])
    told = capsys.readouterr().out
    assert all(flag in told for flag in ("--data", "--examples", "--html", "--pair", "--columns", "--fail-if"))


def test_a_pair_has_the_words_of_both_texts(model: Path, said: Callable[..., str]):
    (row,) = json.loads(said("explain", model, "a film", "--pair", "b mess", "--json"))
    assert (row["words"], row["parts"]) == (["a", "film", "b", "mess"], [0, 0, 1, 1])


def test_a_methods_settings_are_flags(model: Path, said: Callable[..., str], refused: Callable[..., str]):
    (row,) = json.loads(said("explain", model, "one two three four", "--words", "2", "--json"))
    assert row["words"] == ["one two", "three four"]
    assert "words must be at least 1, got 0" in refused("explain", "no-model-is-opened", "a", "--words", "0")


def test_a_text_without_words_has_an_answer_and_no_reasons(model: Path, said: Callable[..., str]):
    (row,) = json.loads(said("explain", model, "", "--json"))
    assert (row["words"], row["scores"]) == ([], [])
    assert said("explain", model, " ").startswith(f"{model}: {row['predicted']} ")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ((), 'give a text: llamita explain MODEL "a text"'),
        (("a", "b", "--pair", "c"), "--pair goes with one TEXT"),
        (("a", "--method", "occlude"), "--method takes one of: occlusion, got 'occlude'. Did you mean 'occlusion'?"),
        (("a", "--html", "nowhere/why.html"), "--html nowhere/why.html: there is no folder nowhere; make it first"),
        (("a", "--examples", "3"), "--examples goes with --data FILE"),
        (("a", "--label-names", "0=a"), "--label-names goes with --data FILE"),
        (("a", "--label-separator", ";"), "--label-separator goes with --data FILE"),
        (("a", "--columns", "text=a"), "--columns goes with --data FILE"),
        (("a", "--fail-if", "same_reasons<0.5"), "--fail-if goes with --data FILE"),
        (("a", "--task", "multilabel"), "--task goes with --data FILE"),
        (("a", "--data", "good.csv"), "give texts or --data, not both"),
        (("a", "--html", "."), "--html . is a folder; name a file in it, such as why.html"),
    ],
)
def test_what_can_not_be_explained_is_refused_before_the_model_is_opened(
    words: tuple[str, ...], part: str, refused: Callable[..., str]
):
    assert part in refused("explain", "no-model-is-opened", *words)
