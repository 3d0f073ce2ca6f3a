"""Codes get names, several codes one name; what is named already stays, and what can't be meant is refused."""

from pathlib import Path

import pytest
import yaml

from llamita.core.command import data_words
from llamita.core.errors import UserError
from llamita.core.recipe_task import plain_task
from llamita.data.label_names import parsed, written_twice
from llamita.data.label_sets import written_names
from llamita.data.read import read_beside, read_table
from llamita.tasks.classify import open_known, open_task


def table(tmp_path: Path, *labels: str, head: str = "text,label") -> str:
    file = tmp_path / "data.csv"
    file.write_text(f"{head}\n" + "".join(f"text {i},{label}\n" for i, label in enumerate(labels)), encoding="utf-8")
    return str(file)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("0=negative,1=positive", {"0": "negative", "1": "positive"}),
        (" 1 = 差评 ， 5＝好评", {"1": "差评", "5": "好评"}),
        ('1="New York, NY","a=b"=c', {"1": "New York, NY", "a=b": "c"}),
        ('1="say ""no"""', {"1": 'say "no"'}),
    ],
)
def test_names_are_read_as_they_are_written(text: str, names: dict[str, str]) -> None:
    assert parsed(text) == names
    assert parsed(written_names(names)) == names


@pytest.mark.parametrize("text", ["", "negative", "0=", "=a", "0=a=b", "0=a,1", ","])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="names of labels must look like 0=negative,1=positive"):
        parsed(text)


def test_a_name_with_an_equals_sign_is_told_to_stand_in_quotes() -> None:
    with pytest.raises(UserError, match='stands in double quotes: "a=b"=good'):
        parsed("a=b=good,c=bad")


def test_one_label_has_one_name() -> None:
    with pytest.raises(UserError, match="label '0' is given two names, 'a' and 'b'"):
        parsed("0=a,0=b")


def test_codes_get_names_and_several_may_share_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="llamita")
    file = table(tmp_path, "1", "2", "5.0", "4", "3")
    found = read_table(file, columns={"names": {1: "bad", 2: "bad", 4: "good", 5: "good"}})
    assert found.labels == ["bad", "bad", "good", "good", "3"]
    assert "labels without another name stay as they are: 3" in caplog.text
    assert found.columns == {"text": "text", "label": "label"}


def test_each_of_several_labels_gets_its_name(tmp_path: Path) -> None:
    file = table(tmp_path, "1|2", "2|3", "", "1|3", "2|1", "3")
    found = read_table(file, columns={"labels": "label", "names": "1=a,2=b,3=b"})
    assert found.labels == ["a|b", "b", "", "a|b", "b|a", "b"]


def test_a_folder_for_each_label_and_lists_from_python_have_names_too(tmp_path: Path) -> None:
    for label in ("neg", "pos"):
        (tmp_path / "films" / label).mkdir(parents=True)
        (tmp_path / "films" / label / "a.txt").write_text(label, encoding="utf-8")
    found = read_table(str(tmp_path / "films"), columns={"names": "neg=bad,pos=good"})
    assert found.labels == ["bad", "good"]
    assert read_table((["a", "b"], [0, 1]), columns={"names": {0: "bad", 1: "good"}}).labels == ["bad", "good"]


def test_a_file_that_has_the_names_already_stays_and_one_with_other_labels_is_refused(tmp_path: Path) -> None:
    names = {"names": "0=bad,1=good"}
    assert read_table(table(tmp_path, "good", "bad"), columns=names).labels == ["good", "bad"]
    with pytest.raises(UserError, match="none of 0, 1 is a label here; labels are negative, positive"):
        read_table(table(tmp_path, "negative", "positive"), columns=names)


def test_files_beside_the_data_take_the_names_whatever_their_columns(tmp_path: Path) -> None:
    file = table(tmp_path, "0", "1", head="sentence,target")
    assert read_beside(file, columns={"text": "review", "names": "0=bad,1=good"}).labels == ["bad", "good"]


def test_a_task_has_the_names_and_a_command_that_repeats_a_measure_tells_them(tmp_path: Path) -> None:
    task = open_task(train=table(tmp_path, *"0101" * 10), columns={"names": {"0": "bad", "1": "good"}})
    assert task.labels == ("bad", "good")
    words = data_words("evaluate", "model", "data.csv", {"label": "y", "names": "0=bad,1=good", "separator": ";"})
    assert words[2:] == ["model", "--data", "data.csv", "--columns", "label=y", "--label-separator", ";",
                         "--label-names", "0=bad,1=good"]  # fmt: skip


def test_codes_that_are_the_names_of_others_change_places(tmp_path: Path) -> None:
    assert read_table(table(tmp_path, "0", "1", "1"), columns={"names": "0=1,1=0"}).labels == ["1", "0", "0"]
    stars = {"names": "1=0,2=0,4=1,5=1"}
    assert read_table(table(tmp_path, "1", "5", "2"), columns=stars).labels == ["0", "1", "0"]
    assert read_table(table(tmp_path, "1", "0"), columns=stars).labels == ["1", "0"], "they are named already"


def test_a_dict_has_numbers_and_truth_values_as_data_have_them(tmp_path: Path) -> None:
    texts = ["a", "b"]
    assert read_table((texts, [0, 1]), columns={"names": {0.0: "bad", 1.0: "good"}}).labels == ["bad", "good"]
    truth = {"names": {True: "good", False: 'not "good"'}}
    assert read_table((texts, [True, False]), columns=truth).labels == ["good", 'not "good"']
    assert read_table(table(tmp_path, "True", "False"), columns=truth).labels == ["good", 'not "good"']


def test_a_recipe_takes_names_as_the_guide_writes_them(tmp_path: Path) -> None:
    given = yaml.safe_load("{classify: {train: data.csv, columns: {names: {0: negative, 1: positive}}}}")
    held = plain_task(given)
    held["classify"]["train"] = table(tmp_path, *"0101" * 10)
    assert open_task(**held["classify"]).labels == ("negative", "positive")
    with pytest.raises(UserError, match="columns must be columns by their role"):
        plain_task({"classify": {"train": "data.csv", "columns": {"label": {0: "negative"}}}})


def test_a_number_written_otherwise_has_its_name_unless_it_has_one_of_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="llamita")
    both = table(tmp_path, "5", "5.0", "1.0", "true", "True")
    assert read_table(both, columns={"names": "5.0=good,1=bad,True=yes"}).labels == [
        "good",
        "good",
        "bad",
        "yes",
        "yes",
    ]
    assert "5.0 stands there in two ways, which get one name: good" in caplog.text
    assert read_table(both, columns={"names": "5=a,5.0=b"}).labels == ["a", "b", "1.0", "true", "True"]
    assert read_table(both, columns={"names": "5.0=5,true=True"}).labels == ["5", "5", "1.0", "True", "True"]
    assert read_table(both).labels == ["5", "5.0", "1.0", "true", "True"], "as they stand"


def test_a_number_that_is_written_in_two_ways_is_told_where_a_model_learns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = table(tmp_path, *["5", "5.0", "1.0", "1.5"] * 10)
    open_task(train=file)
    assert (
        "warning: '5' and '5.0' are two labels as they are written; if one is meant: --label-names 5.0=5" in caplog.text
    )
    caplog.clear()
    assert open_task(train=file, columns={"names": "5.0=5"}).labels == ("1.0", "1.5", "5")
    assert "two labels" not in caplog.text
    assert written_twice(["1.5", "15", "1.0"]) == ""


def test_a_models_number_is_found_however_the_data_write_it(tmp_path: Path) -> None:
    task = open_known(table(tmp_path, "0.0", "1.0", "1.0"), ("0", "1"))
    assert (task.labels, task.test.labels) == (("0.0", "1.0"), (0, 1, 1))
    assert open_known(table(tmp_path, "0", "1"), ("0.0", "1.0")).test.labels == (0, 1)
    assert open_known(table(tmp_path, "1", "1.0"), ("1", "1.0")).test.labels == (0, 1)
