from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engines import BagOfWords

from llamita.attack._tables import NEGATIONS, homophones, look_alikes, neighbouring_keys
from llamita.attack.noise import Noise, disturb, misspell, swap_character, touched
from llamita.core.context import Run
from llamita.core.errors import UserError
from llamita.core.task import Split
from llamita.tasks.classify import Classify

ENGLISH = [
    f"The {w} picture number {i} never loses its wonderful charm, honestly speaking"
    for i, w in enumerate(["first", "second", "third"] * 60)
]
CHINESE = [f"这家酒店的房间很干净服务态度也非常好早餐丰富价格便宜交通方便第{i}次来了" for i in range(150)]


def test_the_same_text_and_seed_give_the_same_slips_wherever_it_stands() -> None:
    assert [disturb(t) for t in ENGLISH] == [disturb(t) for t in reversed(ENGLISH)][::-1]
    assert disturb(CHINESE[0], seed=1) != disturb(CHINESE[0], seed=2)


@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_the_rate_is_kept(rate: float) -> None:
    for texts, kind in ((ENGLISH, "words"), (CHINESE, "characters")):
        share = touched(texts, [disturb(t, rate) for t in texts])[kind]
        assert share == pytest.approx(rate, abs=0.02)


def test_short_texts_take_a_slip_in_proportion() -> None:
    changed = sum(
        disturb(f"wonderful {'x' * (i % 3 + 1)}", 0.1, seed=i) != f"wonderful {'x' * (i % 3 + 1)}" for i in range(2000)
    )
    assert changed / 2000 == pytest.approx(0.2, abs=0.03)


def test_no_rate_changes_nothing() -> None:
    assert [disturb(t, 0.0) for t in ENGLISH + CHINESE] == ENGLISH + CHINESE


def test_numbers_addresses_and_short_words_are_left_alone() -> None:
    kept = "see https://example.org/page me@mail.org www.site.net @name #topic file_name B2B 1995 the end"
    assert all(disturb(kept, 1.0, seed) == kept for seed in range(20))


def test_chinese_negations_are_left_alone() -> None:
    assert all(disturb("不没无非别", 1.0, seed) == "不没无非别" for seed in range(20))


def test_no_slip_is_a_negation_which_would_turn_the_text() -> None:
    for table in (homophones(), look_alikes()):
        assert all(alike and not NEGATIONS & set(alike) for alike in table.values())
    noisy = [disturb("酒店设有停车场，部分房间为新装修，物品齐全", 0.5, seed) for seed in range(60)]
    assert len(set(noisy)) > 40
    assert not any(NEGATIONS & set(text) for text in noisy)


def test_an_apostrophe_is_not_doubled_which_would_part_the_word() -> None:
    text = "couldn't wouldn't shouldn't they'd we've nothing to say"
    for seed in range(60):
        noisy = disturb(text, 0.5, seed)
        assert "''" not in noisy
        assert (touched([text], [noisy])["words"] or 0) <= 5 / 8


def test_words_keep_their_ends_their_place_and_about_their_length() -> None:
    for text in ENGLISH:
        before, after = (re.findall(r"\w+", t) for t in (text, disturb(text, 1.0)))
        assert len(before) == len(after)
        for old, new in zip(before, after, strict=True):
            assert (old[0], old[-1]) == (new[0], new[-1])
            assert abs(len(old) - len(new)) <= 1
            assert old != new or len(old) < 4 or not old.isalpha()


def test_spaces_and_marks_stay() -> None:
    text = "  Wonderful,   charming -- and  moving!\n"
    assert re.sub(r"\w+", "w", disturb(text, 1.0)) == re.sub(r"\w+", "w", text)


def test_each_kind_of_slip_comes_up() -> None:
    made = {misspell("planet", np.random.default_rng(seed)) for seed in range(300)}
    assert {"plaanet", "plnet", "palnet"} <= made
    assert any(len(word) == 6 and sorted(word) != sorted("planet") for word in made)
    assert "planet" not in made


def test_a_word_of_one_letter_repeated_still_takes_a_slip() -> None:
    assert all(misspell("oooo", np.random.default_rng(seed)) != "oooo" for seed in range(20))


def test_neighbouring_keys_touch_each_other() -> None:
    keys = neighbouring_keys()
    assert set(keys["g"]) == set("fhtyvb")
    assert all(key in keys[near] for key, nears in keys.items() for near in nears)


def test_homophones_sound_alike() -> None:
    pypinyin = pytest.importorskip("pypinyin")
    for one, others in list(homophones().items())[::50]:
        sounds = {pypinyin.lazy_pinyin(c, v_to_u=False)[0] for c in one + others}
        assert len(sounds) == 1
        assert one not in others


def test_tables_cover_common_characters() -> None:
    assert len(homophones()) > 3500
    assert len(look_alikes()) > 500
    assert "末" in look_alikes()["未"]
    assert "惊" in homophones()["京"]


def test_two_of_three_characters_are_swapped_by_sound() -> None:
    one = "清"
    only_sound = set(homophones()[one]) - set(look_alikes()[one])
    drawn = [swap_character(one, np.random.default_rng(seed)) for seed in range(900)]
    by_shape = sum(c in look_alikes()[one] and c not in homophones()[one] for c in drawn)
    assert by_shape / 900 < 1 / 3 + 0.05
    assert sum(c in only_sound for c in drawn) > 100
    assert one not in drawn


def test_pairs_are_disturbed_in_both_texts() -> None:
    first, second = disturb(("wonderful charming", CHINESE[0]), 1.0)
    assert first != "wonderful charming"
    assert second != CHINESE[0]


def test_accuracy_falls_with_the_words_a_model_lives_on(tmp_path: Path) -> None:
    light = BagOfWords({"wonderful": (0, 1), "terrible": (1, 0)}, bias=(0.1, 0), name="light")
    immune = BagOfWords({"a": (0, 1)}, bias=(0.1, 0), name="immune")
    texts = tuple(f"{'a wonderful' if i % 2 else 'the terrible'} thing {i}" for i in range(200))
    task = Classify(labels=("negative", "positive"), test=Split(texts=texts, labels=tuple(i % 2 for i in range(200))))
    ours, theirs = Noise(rate=0.5).measure(light, task, Run(folder=tmp_path), immune)
    assert ours.detail["clean"] == 1
    assert ours.value is not None
    assert ours.value < 0.9
    assert ours.detail["fall"] == pytest.approx(1 - ours.value)
    assert ours.detail["reference"]["value"] == theirs.value == 1
    assert theirs.name == "attack.reference_noise"
    assert ours.rows[0]["predicted"] != ours.rows[0]["clean_predicted"] == "positive"
    assert ours.rows[0]["noisy"] != ours.rows[0]["text"]
    json.dumps([ours.to_dict(), theirs.to_dict()], allow_nan=False)


def test_an_empty_text_and_one_example_are_measured(tmp_path: Path) -> None:
    task = Classify(labels=("a", "b", "c"), test=Split(texts=(("", "好"),), labels=(2,)))
    found = Noise().measure(BagOfWords({"好": (0, 0, 1)}, ("a", "b", "c")), task, Run(folder=tmp_path))[0]
    assert found.n == 1
    assert found.detail["rates"]["words"] is None


def test_no_more_texts_than_asked_are_disturbed(tmp_path: Path) -> None:
    task = Classify(labels=("a", "b"), test=Split(texts=tuple(ENGLISH), labels=(0,) * len(ENGLISH)))
    found = Noise(examples=30, rows=5).measure(BagOfWords({"x": (1, 0)}, ("a", "b")), task, Run(folder=tmp_path))[0]
    assert (found.n, len(found.rows)) == (30, 5)


@pytest.mark.parametrize("settings", [{"rate": 1.2}, {"rate": -0.1}, {"examples": 0}, {"rows": -1}])
def test_impossible_settings_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(UserError, match="must be"):
        Noise(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        (None, {}, "disturb takes a text or a pair of texts, got 'None'"),
        (["a", "b", "c"], {}, "disturb takes a text or a pair of texts"),
        ("a film", {"rate": "0.5"}, r"rate must be in \[0, 1\], got '0.5'"),
        ("a film", {"rate": 5}, r"rate must be in \[0, 1\], got 5"),
        ("a film", {"seed": -1}, "seed must be a whole number from 0 on, got -1"),
    ],
)
def test_what_can_not_be_disturbed_is_refused_in_one_line(text: Any, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        disturb(text, **settings)


def test_no_more_texts_than_asked_are_read(tmp_path: Path) -> None:
    read: list[str] = []

    class Reading(BagOfWords):
        def text_logits(self, texts: Any, tokens_per_batch: int | None = None) -> Any:
            read.extend(texts)
            return super().text_logits(texts, tokens_per_batch)

    task = Classify(labels=("a", "b"), test=Split(texts=tuple(ENGLISH), labels=(0,) * len(ENGLISH)))
    Noise(examples=3).measure(Reading({"x": (1, 0)}, ("a", "b")), task, Run(folder=tmp_path))
    assert len(read) == 6
