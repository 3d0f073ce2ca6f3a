"""Documents come out of whatever holds text, in order and with their weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from llamita.core.errors import UserError
from llamita.data import documents
from llamita.data.corpus import parse_sources
from llamita.data.documents import gathered, read_documents


def test_a_plain_text_is_cut_between_paragraphs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "LONG", 12)
    assert list(gathered("one two\n\nthree four\n \nfive\n\n\n".splitlines(keepends=True))) == [
        "one two\n\nthree four",
        "five",
    ]
    assert list(gathered([])) == []


def test_files_folders_tables_and_weights(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.txt").write_text("第一篇", encoding="utf-8")
    (tmp_path / "a" / "two.txt").write_text("second", encoding="utf-8")
    (tmp_path / "b.csv").write_text("id,text\n1,a row\n2,another row\n", encoding="utf-8")
    found = read_documents({str(tmp_path / "a"): 1.0, str(tmp_path / "b.csv"): 0.5})
    assert found.texts == ("第一篇", "second", "a row", "another row")
    assert found.weights == (1.0, 1.0, 0.5, 0.5)
    assert read_documents(str(tmp_path / "b.csv")).texts == ("a row", "another row")
    assert read_documents([str(tmp_path / "b.csv"), str(tmp_path / "a")]).texts[0] == "a row"
    assert read_documents(["plain texts", "of a list"]).texts == ("plain texts", "of a list")


@pytest.mark.parametrize(
    ("sources", "message"),
    [("nowhere.txt", "no file nowhere.txt"), ({"x": 0}, "weight must be in"), ([" "], "no documents given")],
)
def test_what_can_not_be_read_is_refused(sources, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_documents(sources)
    with pytest.raises(UserError, match="documents must be texts"):
        read_documents(["a text", 3])


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text(" \n\n", encoding="utf-8")
    with pytest.raises(UserError, match="no text in it"):
        read_documents(str(tmp_path / "empty.txt"))


def test_a_misspelt_name_among_files_makes_no_documents_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a text", encoding="utf-8")
    for names in (["a.txt", "mising.txt"], ["mising.txt"], ["mising.jsonl.gz", "b.csv"]):
        with pytest.raises(UserError, match=r"no file .*(mising|a\.txt)"):
            read_documents([str(tmp_path / name) for name in names])
        with pytest.raises(UserError, match=r"no file (mising|a\.txt)"):
            read_documents(names)
    assert read_documents(["It stands in a.txt", "see b.csv"]).source == "texts"


@pytest.mark.parametrize("texts", [["Is it true?", "Who knows? *"], ["好吗?", "真的[是]吗?"]])
def test_texts_that_ask_are_not_taken_for_patterns(texts: list[str]):
    assert read_documents(texts).texts == tuple(texts)


def test_a_pattern_that_nothing_matches_is_told(tmp_path: Path):
    with pytest.raises(UserError, match="no file matches"):
        read_documents([str(tmp_path / "*.txt")])


def test_a_folder_is_read_however_deep_its_files_stand(tmp_path: Path) -> None:
    for place in ("top.txt", "a/one.txt", "b/c/two.txt", "b/c/.git/no.txt", ".cache/no.txt"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(place, encoding="utf-8")
    assert read_documents(str(tmp_path)).texts == ("a/one.txt", "b/c/two.txt", "top.txt")
    assert [path.name for path in parse_sources(f"{tmp_path}=2")[0].files] == ["one.txt", "two.txt", "top.txt"]


def test_documents_may_stand_in_a_column_an_array_a_generator_or_a_table() -> None:
    import numpy as np
    import pandas
    from datasets import Dataset

    texts = ["The first document.", "The second one."]
    frame = pandas.DataFrame({"text": texts, "date": ["2020", "2021"]})
    given = (frame["text"], np.array(texts), (text for text in texts), frame, Dataset.from_dict({"text": texts}))
    assert all(read_documents(one).texts == tuple(texts) for one in given)
    for strange in ({"books.txt": None}, {"books.txt": "half"}):
        with pytest.raises(UserError, match=r"books\.txt: a source's weight must be in"):
            read_documents(strange)
