"""Predictions are a list that a notebook shows as a table."""

from __future__ import annotations

from tests.engines import BagOfWords

from llamita.core.prediction import MOST_SHOWN, Prediction, Predictions


def test_predictions_are_a_list_that_shows_each_text_with_its_label() -> None:
    found = BagOfWords({"good": (0, 9)}).classify(["good <b>", ("a" * 200, "pair")])
    assert found == list(found)
    shown = found._repr_html_()
    assert "<td>good &lt;b&gt;</td><td>positive</td><td>&gt; 99.9 %</td>" in shown
    assert f"{'a' * 120}… · pair" in shown
    assert shown.count("<tr>") == 3


def test_of_many_predictions_the_first_are_shown_and_the_number_of_all() -> None:
    shown = BagOfWords({"good": (0, 9)}).classify(["good"] * (MOST_SHOWN + 5))._repr_html_()
    assert shown.count("<td>good</td>") == MOST_SHOWN
    assert "50 / 55" in shown


def test_what_is_nearly_sure_is_not_shown_as_certain() -> None:
    def shown(confidence: float) -> str:
        one = Prediction(
            label="a", confidence=confidence, probabilities={"a": confidence}, labels=("a",), text="a film"
        )
        return Predictions([one])._repr_html_()

    assert "<td>&gt; 99.9 %</td>" in shown(0.9997)
    assert "<td>100.0 %</td>" in shown(1.0)
    assert "<td>99.9 %</td>" in shown(0.9992)


def test_a_part_of_the_predictions_still_shows_its_texts() -> None:
    found = BagOfWords({"good": (0, 9)}).classify(["good one", "good two", "good three"])
    assert found[1:] == list(found)[1:]
    assert found[1:].texts == ("good two", "good three")
    assert "good two" in found[1:]._repr_html_()
    assert found[-1] == list(found)[-1]


def test_sorted_predictions_keep_their_texts() -> None:
    found = BagOfWords({"good": (0, 9), "bad": (1, 0)}).classify(["a good film", "a bad film"])
    found.sort(key=lambda one: one.confidence)
    assert [one.label for one in found] == ["negative", "positive"]
    assert found.texts == ("a bad film", "a good film")
    assert "<td>a bad film</td><td>negative</td>" in found._repr_html_()
    assert "<td>a good film</td><td>positive</td>" in found[1:]._repr_html_()
