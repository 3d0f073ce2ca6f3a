"""Words of a command line as sizes, latencies, columns, gates and overrides."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable

import pytest

from llamita._cli import values
from llamita.core.errors import UserError


@pytest.mark.parametrize(("text", "size"), [("20MB", 20_000_000), ("1.5 kB", 1500), ("2MiB", 2 << 20), ("7", 7)])
def test_sizes_are_decimal(text: str, size: int):
    assert values.size(text) == size


@pytest.mark.parametrize(("text", "ms"), [("5ms", 5.0), ("0.5s", 500.0), ("250us", 0.25), ("3", 3.0)])
def test_latencies_are_milliseconds(text: str, ms: float):
    assert values.latency(text) == pytest.approx(ms)


def test_units_are_read_in_any_case_and_without_their_b():
    assert values.size("3mb") == values.size("3 M") == values.size(" 3MB ") == 3_000_000
    assert values.latency("2 MS") == values.latency("2000µs") == 2.0


@pytest.mark.parametrize(
    ("read", "texts"),
    [
        (values.size, ("0", "0MB", "-1MB", "5ms", "MB", "1,5MB", "")),
        (values.latency, ("0ms", "-5", "5MB", "soon", "")),
        (values.number, ("nan", "inf", "-inf", "1e999", "much", "")),
        (values.positive, ("0", "-1", "1.5", "+2", "")),
        (values.seed, ("-1", "1.0", "one", "")),
    ],
)
def test_what_is_no_such_value_is_refused_as_it_was_given(read: Callable[[str], object], texts: tuple[str, ...]):
    for text in texts:
        with pytest.raises(ArgumentTypeError) as caught:
            read(text)
        assert str(caught.value).endswith(f"got {text!r}")


def test_threads_far_beyond_the_cores_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(values, "num_cores", lambda: 2)
    assert values.threads("64") == 64
    with pytest.raises(ArgumentTypeError, match="must be at most 64 on this machine of 2 cores, got '65'"):
        values.threads("65")
    monkeypatch.setattr(values, "num_cores", lambda: 100)
    assert values.threads("400") == 400
    with pytest.raises(ArgumentTypeError, match="must be at most 400"):
        values.threads("99999999999")


def test_a_prompt_may_have_lines():
    assert values.prompt(r"Text: {text}\nLabel:") == "Text: {text}\nLabel:"


def test_seeds_begin_at_nought_and_threads_at_one():
    assert (values.seed("0"), values.positive("1")) == (0, 1)


def test_a_seed_that_no_library_takes_and_a_size_without_end_are_refused():
    assert values.seed("4294967294") == 2**32 - 2
    for read, text, part in (
        (values.seed, "1733000000000", "must be at most 4294967294"),
        (values.size, "1e400", "more than 0"),
    ):
        with pytest.raises(ArgumentTypeError, match=part):
            read(text)


def test_columns_may_be_spaced_and_may_hold_an_equals_sign():
    assert values.columns(" text = my review , label=a=b") == {"text": "my review", "label": "a=b"}


@pytest.mark.parametrize("text", ["review", "text=", "=review", "text=a,", "text=a;label=b,c"])
def test_columns_without_role_or_name_are_refused(text: str):
    with pytest.raises(ArgumentTypeError, match="text=review,label=stars"):
        values.columns(text)


def test_names_are_different_and_not_empty():
    assert values.names(" bad , good ") == ("bad", "good")
    for text in ("good,good", "good,,bad", "good,", ""):
        with pytest.raises(ArgumentTypeError, match="different names"):
            values.names(text)


def test_the_word_none_means_no_name_at_all():
    assert values.names_or_none(" none ") == ()
    assert values.names_or_none("none,smollm2") == ("none", "smollm2")


def test_a_gate_fails_on_a_missing_value():
    gate = values.Gate("latency_p95_ms > 5")
    assert gate.holds_for({"cost.latency_p95_ms": 5.1})
    assert not gate.holds_for({"cost.latency_p95_ms": 5.0})
    assert gate.holds_for({"cost.latency_p95_ms": None})
    assert gate.holds_for({"cost.latency_p95_ms": float("nan")})


@pytest.mark.parametrize(
    ("gate", "below", "at", "above"),
    [
        ("x<1", True, False, False),
        ("x<=1", True, True, False),
        ("x>1", False, False, True),
        ("x>=1", False, True, True),
    ],
)
def test_a_gate_is_as_strict_as_its_sign(gate: str, below: bool, at: bool, above: bool):
    assert [values.Gate(gate).holds_for({"x": x}) for x in (0.5, 1.0, 1.5)] == [below, at, above]


def test_a_gate_names_a_value_whole_or_after_its_dot():
    found = {"quality.accuracy": 0.5, "attack.noise": 0.25}
    assert values.Gate("quality.accuracy<6e-1").holds_for(found)
    assert values.Gate("accuracy<+.6").holds_for(found)
    assert not values.Gate("noise<-1").holds_for(found)


def test_a_gate_on_a_value_that_was_not_measured_names_those_that_were():
    with pytest.raises(UserError) as caught:
        values.Gate("acuracy<0.9").holds_for({"accuracy": 0.5, "cost.size_bytes": 1.0})
    assert "no value 'acuracy'. Did you mean 'accuracy'?" in str(caught.value)
    assert "Values: accuracy, size_bytes." in str(caught.value)


@pytest.mark.parametrize("text", ["accuracy", "accuracy=0.9", "accuracy<", "<0.9", "accuracy<1.2.3", "a<b", "a<1 b"])
def test_what_is_no_comparison_is_no_gate(text: str):
    with pytest.raises(ArgumentTypeError, match=r"accuracy<0\.9"):
        values.Gate(text)


def test_flags_are_read_as_their_annotations_say():
    assert values.choices_of("Literal['a', 'b'] | None") == ("a", "b")
    assert values.sequence_of("tuple[int, ...] | None") == "int"
    assert values.sequence_of("float | None") is None


def test_overrides_reach_into_a_recipe():
    recipe = {"model": "m", "steps": ["learn.finetune", {"prune.depth": {"keep": 2}}]}
    changed = values.overridden(recipe, ["seed=3", "steps.0.epochs=1.5", "steps.1.keep=4", "task.classify.train=a.csv"])
    assert changed == {
        "model": "m", "seed": 3, "steps": [{"learn.finetune": {"epochs": 1.5}}, {"prune.depth": {"keep": 4}}],
        "task": {"classify": {"train": "a.csv"}},
    }  # fmt: skip
    assert recipe["steps"][0] == "learn.finetune"


def test_an_override_is_read_as_a_recipe_would_read_it():
    changed = values.overridden({}, ["labels=[bad, good]", "lora=true", "test=", "name=a=b", "n=1", "n=2"])
    assert changed == {"labels": ["bad", "good"], "lora": True, "test": None, "name": "a=b", "n": 2}


def test_an_override_replaces_a_step_and_leaves_its_neighbours():
    recipe = {"steps": ["learn.finetune", {"prune.depth": None}, "learn.calibrate"]}
    assert values.overridden(recipe, ["steps.1=prune.width"])["steps"] == [
        "learn.finetune", "prune.width", "learn.calibrate",
    ]  # fmt: skip
    assert values.overridden(recipe, ["steps.1.keep=1"])["steps"][1] == {"prune.depth": {"keep": 1}}


def test_an_override_reaches_the_teachers_steps():
    recipe = {"teacher": {"model": "t", "steps": [{"finetune": {"epochs": 4, "freeze": 0.5}}]}}
    changed = values.overridden(recipe, ["teacher.steps.0.epochs=1"])
    assert changed["teacher"] == {"model": "t", "steps": [{"finetune": {"epochs": 1, "freeze": 0.5}}]}


def test_an_override_reaches_what_has_a_dot_in_its_name():
    recipe = {"beside": {"keep 0.5": [{"prune.depth": {"keep": 2}}], "keep 0": ["learn.finetune"]}}
    changed = values.overridden(recipe, ["beside.keep 0.5.0.keep=4", "beside.keep 0.0.epochs=2"])
    assert changed["beside"] == {
        "keep 0.5": [{"prune.depth": {"keep": 4}}], "keep 0": [{"learn.finetune": {"epochs": 2}}],
    }  # fmt: skip
    assert values.overridden(recipe, ["beside.keep 0.5.0.prune.depth.keep=1"])["beside"]["keep 0.5"] == [
        {"prune.depth": {"keep": 1}}
    ]


@pytest.mark.parametrize(
    ("assignment", "part"),
    [
        ("=3", "overrides look like"),
        ("model.layers=3", "nothing stands under 'layers'"),
        ("steps.2.keep=1", "'2' must be a place from 0 to 1"),
        ("steps.last.keep=1", "'last' must be a place"),
        ("seed=[1", "seed: can't read the value '[1'"),
    ],
)
def test_an_override_that_leads_nowhere_is_refused(assignment: str, part: str):
    with pytest.raises(UserError) as caught:
        values.overridden({"model": "m", "steps": ["prune.depth", "learn.calibrate"]}, [assignment])
    assert part in str(caught.value)


def test_in_quotes_a_name_of_an_override_may_hold_an_equals_sign_or_a_dot_and_numbers_are_found():
    recipe = {"names": {"a=b": "good", "v1.2": "bad", 3: "fair", True: "yes"}}
    changed = values.overridden(recipe, ['names."a=b"=x=y', 'names."v1.2"=z', "names.3=w", "names.true=v"])
    assert changed == {"names": {"a=b": "x=y", "v1.2": "z", 3: "w", True: "v"}}
    with pytest.raises(UserError, match=r'an equals sign stands in double quotes, as in "a=b"=…'):
        values.overridden(recipe, ["names.a=b=fine"])


def test_an_override_in_an_empty_list_says_so():
    with pytest.raises(UserError, match=r"the list that '0' is to be in is empty; write it whole"):
        values.overridden({"steps": []}, ["steps.0.keep=1"])


def test_full_width_commas_and_list_marks_part_names_too():
    assert values.names("正面，负面、中性") == ("正面", "负面", "中性")
    assert values.labels("正面＝好，负面=差") == {"正面": "好", "负面": "差"}
    assert values.columns("text=评论，label=标签") == {"text": "评论", "label": "标签"}


def test_in_quotes_a_name_may_hold_a_comma():
    given = '"Sports, local",world, "1，2"=numbers'
    assert values.names('"Sports, local",world') == ("Sports, local", "world")
    assert values.labels(given) == {"Sports, local": "Sports, local", "world": "world", "1，2": "numbers"}
    assert values.labels(values.as_names(values.labels(given))) == values.labels(given)
    equal = '"a=b"=good,"c＝d",e="x=y, z"'
    assert values.labels(equal) == {"a=b": "good", "c＝d": "c＝d", "e": "x=y, z"}
    assert values.labels(values.as_names(values.labels(equal))) == values.labels(equal)
    assert values.names('5" pipe,other') == ('5" pipe', "other")


@pytest.mark.parametrize("text", ["1=,0=good", "1= ,0=good", "1＝，0=good"])
def test_a_label_whose_word_is_left_out_is_refused(text: str):
    with pytest.raises(ArgumentTypeError, match="1 is to be said in a word, as in 1=good,0=bad; got"):
        values.labels(text)


def test_columns_of_dialogues_are_named_as_their_page_says():
    assert values.columns("prompt=q,answer=a") == {"prompt": "q", "answer": "a"}
    with pytest.raises(
        ArgumentTypeError, match=r"and of dialogues messages, prompt, .*got 'promt'. Did you mean 'prompt'"
    ):
        values.columns("promt=q")
