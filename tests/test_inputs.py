"""What a run is given: the folder it goes to, the columns of its tables, and the teacher for its language."""

from pathlib import Path

import pytest
from tests.sentiments import sentences

from llamita.core.errors import UserError
from llamita.core.sources import Source
from llamita.inputs import checked, default_folder, default_teacher


@pytest.mark.parametrize(
    ("data", "folder"),
    [("a/reviews.csv", "light-reviews"), ("reviews.jsonl.gz", "light-reviews"), ("shards/*.csv", "light-data"), ("-", "light-data"),
     ("shards/", "light-shards"), ("评论.v2.csv", "light-评论.v2"), ((["a"], ["b"]), "light-model")],
)  # fmt: skip
def test_a_run_has_a_folder_of_its_datas_name(data, folder):
    assert default_folder(data) == folder


def test_columns_named_for_the_labelled_texts_leave_the_unlabelled_ones_alone(tmp_path):
    rows = sentences(80)
    body = "".join(f"{text},{label}\n" for text, label in rows[:60])
    (tmp_path / "train.csv").write_text("review,stars\n" + body, encoding="utf-8")
    (tmp_path / "more.txt").write_text("".join(f"{text}\n" for text, _ in rows[60:]), encoding="utf-8")
    (tmp_path / "more.csv").write_text("review\n" + "".join(f"{text}\n" for text, _ in rows[60:]), encoding="utf-8")
    for more in ("more.txt", "more.csv"):
        columns = {"text": "review", "label": "stars"}
        tables, _ = checked(str(tmp_path / "train.csv"), None, str(tmp_path / more), columns)
        assert (len(tables["train"]), len(tables["unlabelled"])) == (60, 20)
        assert tables["unlabelled"].labels is None


def test_the_packaged_teacher_is_for_english_and_chinese_texts_ask_for_one(monkeypatch):
    monkeypatch.setattr(
        "llamita.inputs.locate", lambda name: Source(kind="gguf", path=Path(name), name=name, address=name)
    )
    assert default_teacher(["a warm film", ("one", "two")]) == "smollm2"
    with pytest.raises(UserError, match="the texts are Chinese"):
        default_teacher(["服务很好", "房间太小"])
    monkeypatch.setattr("llamita.inputs.locate", lambda name: Source(kind="hub", path=None, name=name, address=name))
    with pytest.raises(UserError, match="no model is named, and smollm2, the usual teacher, isn't installed"):
        default_teacher(["a warm film"])
