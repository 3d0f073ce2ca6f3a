"""Flags of a verb: what they become, and what is said of a wrong one."""

from __future__ import annotations

import pytest

from llamita._cli import parser as flags
from llamita.core.errors import UserError
from llamita.core.registry import Entry, Setting, build, entries


def method(*settings: tuple[str, str, str | None], text: str = "") -> Entry:
    """An entry with settings of (name, type, default)."""
    listed = tuple(Setting(name=name, type=kind, default=default, help=text) for name, kind, default in settings)
    return Entry(name="prune.made_up", kind="step", class_name="MadeUp", summary="", settings=listed)


def given(entry: Entry, *words: str) -> dict[str, object]:
    """The settings that these words give."""
    parser = flags.Parser("verb", "")
    flags.add_settings(parser, entry)
    return flags.settings_from(parser.read(words), entry)


def complaint(parser: flags.Parser, *words: str) -> str:
    with pytest.raises(UserError) as caught:
        parser.read(words)
    return str(caught.value)


EVERY_KIND = method(
    ("keep_layers", "int", None), ("lora", "bool", "True"), ("mode", "Literal['fast', 2]", "'fast'"),
    ("layers", "tuple[int, ...] | None", "None"), ("shares", "Sequence[float]", "()"), ("rate", "float | None", "0.5"),
    ("schedule", "str", "'linear'"),
)  # fmt: skip


def test_a_setting_that_is_not_given_is_left_to_the_method():
    assert given(EVERY_KIND, "--keep-layers", "3") == {"keep_layers": "3"}


def test_a_truth_value_is_said_or_denied():
    assert given(EVERY_KIND, "--keep-layers", "3", "--lora")["lora"] is True
    assert given(EVERY_KIND, "--keep-layers", "3", "--no-lora")["lora"] is False


def test_a_choice_keeps_its_type_and_others_are_refused():
    assert given(EVERY_KIND, "--keep-layers", "3", "--mode", "2")["mode"] == 2
    assert given(EVERY_KIND, "--keep-layers", "3", "--mode", "fast")["mode"] == "fast"
    with pytest.raises(UserError, match="--mode"):
        given(EVERY_KIND, "--keep-layers", "3", "--mode", "slow")


def test_values_with_commas_between_are_a_list():
    found = given(EVERY_KIND, "--keep-layers", "3", "--layers", "0, 5,11", "--shares", ".5")
    assert (found["layers"], found["shares"]) == ([0, 5, 11], [0.5])


def test_a_list_with_a_wrong_element_names_the_method_and_the_element():
    with pytest.raises(UserError, match=r"prune\.made_up: layers must be ints with commas between, got 'two'"):
        given(EVERY_KIND, "--keep-layers", "3", "--layers", "1,two")


def test_the_word_none_unsets_only_what_may_be_unset():
    found = given(EVERY_KIND, "--keep-layers", "3", "--rate", "None", "--schedule", "none")
    assert (found["rate"], found["schedule"]) == (None, "none")
    finetune = entries()["learn.finetune"]
    built = build(finetune.name, given(finetune, "--class-weights", "none", "--learning-rate", "none", "--epochs", "2"))
    assert (built.class_weights, built.learning_rate, built.epochs) == ("none", None, 2.0)


def test_a_setting_without_default_must_be_given():
    parser = flags.Parser("verb", "")
    flags.add_settings(parser, EVERY_KIND)
    assert complaint(parser, "--lora") == "give --keep-layers. See `llamita verb --help`."


def test_help_shows_defaults_and_percent_signs_as_they_are():
    entry = method(("share", "float", "0.1"), ("form", "str", "'%d'"), text="of the words, in % or not")
    parser = flags.Parser("verb", "")
    flags.add_settings(parser, entry)
    text = " ".join(parser.format_help().split())
    assert "--share FLOAT of the words, in % or not (default: 0.1)" in text
    assert "(default: '%d')" in text


def test_a_methods_own_setting_goes_before_the_verbs_flag():
    entry = method(("precision", "str", "'auto'"))
    parser = flags.Parser("verb", "")
    flags.add_settings(parser, entry)
    flags.add_precision(parser)
    flags.add_machine(parser)
    args = parser.read(["--precision", "int8-static", "--seed", "4"])
    assert flags.settings_from(args, entry) == {"precision": "int8-static"}
    assert args.seed == 4


def machine() -> flags.Parser:
    parser = flags.Parser("verb", "")
    flags.add_machine(parser)
    flags.add_precision(parser)
    return parser


def test_a_flag_is_written_out():
    assert complaint(machine(), "--thr", "1").startswith("no flag '--thr'. Did you mean '--threads'?")


def test_an_unknown_flag_is_told_without_its_value():
    assert complaint(machine(), "--sed=3") == "no flag '--sed'. Did you mean '--seed'? See `llamita verb --help`."


def test_a_wrong_value_is_told_in_a_sentence_that_begins_with_its_flag():
    assert complaint(machine(), "--seed", "-1").startswith("--seed must be a whole number from 0 on, got '-1'.")
    told = complaint(machine(), "--precision", "fp16")
    assert told.startswith("--precision: ")
    assert all(precision in told for precision in ("fp16", "fp32", "bf16", "auto"))


def test_a_flag_without_its_value_is_refused():
    assert complaint(machine(), "--threads", "-5ms") == (
        "--threads must be a whole number from 1 on, got '-5ms'. See `llamita verb --help`."
    )
    assert complaint(machine(), "--seed").startswith("--seed: expected one argument.")


def test_flags_for_training_are_no_flags_for_measuring():
    parser = flags.Parser("verb", "")
    flags.add_data(parser)
    assert "no flag '--unlabelled'" in complaint(parser, "--data", "a.csv", "--unlabelled", "b.txt")
    assert "give --data" in complaint(parser)


def test_texts_may_stand_before_between_and_after_flags():
    def parser() -> flags.Parser:
        made = machine()
        flags.add_model(made)
        made.add("texts", nargs="*", default=[])
        return made

    for words in (["m", "a", "b", "--seed", "1"], ["m", "--seed", "1", "a", "b"], ["m", "a", "--seed", "1", "b"]):
        args = parser().read(words, rest="texts")
        assert (args.model, args.texts, args.seed) == ("m", ["a", "b"], 1)
    assert parser().read(["m", "-"], rest="texts").texts == ["-"]
    assert parser().read(["m", "--", "--seed", "-x"], rest="texts").texts == ["--seed", "-x"]


@pytest.mark.parametrize("words", [("--label-names", "0=a"), ("--label-separator", ";"), ("--label-columns", "a,b")])
def test_what_is_said_of_labels_is_refused_where_a_task_has_none_and_told_by_its_own_flag(words: tuple[str, str]):
    parser = flags.Parser("verb", "")
    flags.add_data(parser)
    for task in ("chat", "language"):
        told = complaint(parser, "--data", "a.csv", "--task", task, *words)
        assert told == f"{words[0]} doesn't go with --task {task}; leave it out"
    assert flags.columns_flag(parser.read(["--data", "a.csv", "--columns", "text=a", *words])) == words[0]
    assert flags.columns_flag(parser.read(["--data", "a.csv", "--columns", "text=a"])) == "--columns"
    assert flags.columns_flag(parser.read(["--data", "a.csv"])) == ""
