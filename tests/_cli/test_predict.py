"""predict: the same answers whatever form they come in and go out, and a file that is whole or untouched."""

from __future__ import annotations

import csv
import io
import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests._cli.test_given_texts import texts_of
from tests.engines import BagOfWords

from llamita._cli.models import is_device
from llamita.cli import main
from llamita.core.opening import open_engine


def test_predict_writes_csv_and_jsonl_of_the_same_answers(place: Path, model: Path, said: Callable[..., str]):
    rows = list(csv.DictReader(io.StringIO(said("predict", model, "a warm film", "很失望"))))
    assert [row["text"] for row in rows] == ["a warm film", "很失望"]
    for row in rows:
        probabilities = {key.removeprefix("probability_"): float(row[key]) for key in row if key.startswith("prob")}
        assert abs(sum(probabilities.values()) - 1) < 1e-5
        assert row["label"] == max(probabilities, key=probabilities.__getitem__)
        assert float(row["confidence"]) == max(probabilities.values())
    said("predict", model, "--file", "good.csv", "--out", "answers.jsonl")
    answers = [json.loads(line) for line in (place / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(answers) == 40
    assert answers[2]["text"] == "很好的酒店 0"
    assert set(answers[0]) == {"text", "label", "confidence", "probabilities"}
    assert not list(place.glob(".*"))


def test_predict_of_many_chunks_is_the_prediction_of_each(
    place: Path, model: Path, said: Callable[..., str], monkeypatch: pytest.MonkeyPatch
):
    whole = said("predict", model, "--file", "good.csv")
    monkeypatch.setattr("llamita._cli.given_texts.CHUNK", 7)
    parts = said("predict", model, "--file", "good.csv")
    assert [row[:2] for row in csv.reader(io.StringIO(parts))] == [row[:2] for row in csv.reader(io.StringIO(whole))]


def test_predict_takes_pairs_and_flags_between_texts(place: Path, model: Path, said: Callable[..., str]):
    (place / "pairs.jsonl").write_text('{"premise": "a", "hypothesis": "b"}\n', encoding="utf-8")
    from_file = said("predict", model, "--file", "pairs.jsonl")
    assert from_file == said("predict", model, "a", "--pair", "b")
    assert from_file.startswith("text,pair,label")
    both = said("predict", model, "one", "--threads", "1", "two", "--format", "jsonl")
    assert texts_of(both) == ["one", "two"]
    assert "- not a flag" in said("predict", model, "--", "- not a flag")


def test_a_table_goes_through_a_pipe_and_no_file_is_called_like_the_sign_for_it(
    place: Path, model: Path, said: Callable[..., str], piped: Callable[[bytes], None]
):
    piped("text,label\na warm film,positive\n很失望,negative\n".encode())
    found = said("predict", model, "--file", "-", "--out", "-")
    assert [row["text"] for row in csv.DictReader(io.StringIO(found))] == ["a warm film", "很失望"]
    assert not (place / "-").exists()


def test_at_a_terminal_without_texts_it_says_how_to_give_some(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert 'llamita predict MODEL "a text"' in refused("predict", "no-model-is-opened")


def test_a_file_that_breaks_off_midway_leaves_the_old_predictions(
    place: Path,
    model: Path,
    refused: Callable[..., str],
    piped: Callable[[bytes], None],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("llamita._cli.given_texts.CHUNK", 1)
    (place / "p.csv").write_text("what stood here", encoding="utf-8")
    piped(b"one\ntwo\n\xff\n")
    assert "stdin:3" in refused("predict", model, "--out", "p.csv")
    assert (place / "p.csv").read_text(encoding="utf-8") == "what stood here"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX's")
def test_a_pipe_takes_the_answers_and_is_not_replaced(place: Path, model: Path, said: Callable[..., str]):
    os.mkfifo(place / "pipe.csv")
    end = os.open(place / "pipe.csv", os.O_RDONLY | os.O_NONBLOCK)
    said("predict", model, "a", "--out", "pipe.csv")
    assert os.read(end, 4096).startswith(b"text,label,")
    os.close(end)
    assert (place / "pipe.csv").is_fifo()
    assert is_device(Path("/dev/null"))
    assert not is_device(Path("/dev/shm/predictions.csv"))


def test_answers_go_to_where_a_link_leads(place: Path, model: Path, said: Callable[..., str]):
    (place / "real.csv").write_text("old", encoding="utf-8")
    (place / "link.csv").symlink_to("real.csv")
    said("predict", model, "a", "--out", "link.csv")
    assert (place / "link.csv").is_symlink()
    assert (place / "real.csv").read_text(encoding="utf-8").startswith("text,label,")


@pytest.mark.parametrize(
    ("name", "words", "start"),
    [
        ("p.csv", (), "text,label,"), ("p", (), "text,label,"), ("p.NDJSON", (), '{"text": '),
        ("p.csv", ("--format", "jsonl"), '{"text": '), ("p.md", ("--format", "csv"), "text,label,"),
    ],
)  # fmt: skip
def test_the_form_is_that_of_the_name_unless_it_is_given(
    name: str, words: tuple[str, ...], start: str, place: Path, model: Path, said: Callable[..., str]
):
    assert said("predict", model, "a", "--out", name, *words) == ""
    assert (place / name).read_text(encoding="utf-8").startswith(start)


def test_a_name_that_tells_no_form_is_refused(model: Path, refused: Callable[..., str]):
    line = refused("predict", model, "a", "--out", "p.txt")
    assert "--out p.txt: predictions are written as .csv or .jsonl; name one, or give --format" in line


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("a", "b", "--pair", "c"), "--pair goes with one TEXT"),
        (("--file", "good.csv", "--pair", "c"), "put many pairs in a file with two columns"),
        (("a", "--columns", "text=review"), "--columns names columns of --file"),
        (("a", "--encoding", "gb18030"), "--encoding is for --file and stdin"),
        (("a", "--seed", "1"), "no flag '--seed'"),
    ],
)
def test_flags_that_mean_nothing_here_are_refused_before_the_model_is_opened(
    words: tuple[str, ...], part: str, refused: Callable[..., str]
):
    assert part in refused("predict", "no-model-is-opened", *words)


def test_the_length_of_an_answer_is_refused_of_a_model_with_labels(model: Path, refused: Callable[..., str]):
    line = refused("predict", model, "a", "--max-tokens", "5")
    assert f"--max-tokens is about answers in words, and {model} gives labels here; leave it out" in line


@pytest.mark.parametrize("rows", ['text\na\n""\n\nb\n', "text,label\na,x\n,\n\nb,y\n"])
def test_a_row_of_empty_cells_keeps_its_place(rows: str, place: Path, model: Path, said: Callable[..., str]):
    (place / "gaps.csv").write_text(rows, encoding="utf-8")
    assert texts_of(said("predict", model, "--file", "gaps.csv", "--format", "jsonl")) == ["a", "", "b"]


def test_where_it_was_written_is_said_in_the_language_that_is_asked_for(
    place: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["predict", str(model), "a", "--out", "z.csv", "--language", "zh"]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "已写入：z.csv"


def test_a_file_may_name_its_column_and_its_encoding(place: Path, model: Path, said: Callable[..., str]):
    (place / "gbk.csv").write_bytes("标题,内容\n一,很好的酒店\n二,很失望\n".encode("gb18030"))
    words = ("--columns", "text=内容", "--encoding", "gb18030", "--format", "jsonl")
    assert texts_of(said("predict", model, "--file", "gbk.csv", *words)) == ["很好的酒店", "很失望"]


def test_the_file_that_is_read_is_never_the_one_that_is_written(
    place: Path, model: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(place))
    before = (place / "good.csv").read_bytes()
    assert "choose another" in refused("predict", model, "--file", "good.csv", "--out", "~/good.csv")
    assert "choose another" in refused("predict", model, "--file", "*.csv", "--out", "good.csv")
    given = ("--coverage", "0.9", "--labelled", "good.csv")
    assert "choose another" in refused("predict", model, "a", *given, "--out", "good.csv")
    assert (place / "good.csv").read_bytes() == before


def test_sets_of_labels_hold_what_is_likely_enough(
    place: Path, model: Path, said: Callable[..., str], refused: Callable[..., str]
):
    words = ("predict", model, "a warm film", "very different", "--coverage", "0.9", "--labelled", "good.csv")
    records = [json.loads(line) for line in said(*words, "--format", "jsonl").splitlines()]
    rows = list(csv.DictReader(io.StringIO(said(*words, "--format", "csv"))))
    for record, row in zip(records, rows, strict=True):
        assert row["labels"] == "|".join(record["labels"])
        shares = record["probabilities"]
        inside, outside = (
            [shares[label] for label in shares if (label in record["labels"]) == wanted] for wanted in (True, False)
        )
        assert min(inside, default=1) >= max(outside, default=0)
        assert record["labels"] == sorted(record["labels"], key=lambda label: -shares[label])
    found = open_engine(model).classify(["a warm film", "very different"], coverage=0.9, labelled="good.csv")
    assert [list(one.labels) for one in found] == [record["labels"] for record in records], "as in Python"
    assert "{" in said(*words, "--format", "table")
    assert "keeps nothing that sets could be drawn from" in refused("predict", model, "a", "--coverage", "0.9")
    assert "add --coverage 0.9" in refused("predict", model, "a", "--labelled", "good.csv")
    asked = ("predict", model, "a", "--labels", "good,bad", "--coverage", "0.9")
    assert "--coverage of a model that is asked for labels needs some hundreds" in refused(*asked)


def test_sets_of_single_texts_are_not_drawn_from_pairs_nor_the_other_way_round(
    place: Path, model: Path, refused: Callable[..., str]
):
    (place / "pairs.csv").write_text("text_a,text_b,label\na,b,positive\nc,d,negative\n", encoding="utf-8")
    asked = ("--coverage", "0.9", "--labelled")
    said = refused("predict", model, "a warm film", *asked, "pairs.csv", "--out", "new.csv")
    assert "pairs.csv:2: a pair of texts, but the data has single ones" in said
    assert not (place / "new.csv").exists()
    said = refused("predict", model, "--file", "pairs.csv", *asked, "good.csv")
    assert "good.csv:2: a single text, but the data has pairs" in said


def test_a_calibrated_model_and_its_export_give_sets_by_themselves(place: Path, model: Path, said: Callable[..., str]):
    data = ("--data", "good.csv", "--select", "0.3")
    said("calibrate", model, *data, "--out", "calibrated")
    said("export", "calibrated", *data, "--to", "onnx", "--out", "exported")
    for made in ("calibrated", "exported"):
        lines = said("predict", made, "a warm film", "--coverage", "0.7", "--format", "jsonl").splitlines()
        threshold = sorted(open_engine(made).answers.conformity)[2]  # the eighth of ten from the surest on
        record = json.loads(lines[0])
        assert set(record["labels"]) == {label for label, p in record["probabilities"].items() if p >= threshold[0]}
        assert "right labels that sets hold" in said("measure", "coverage", made, "--data", "good.csv", "--kept")
    one, other = (open_engine(made).answers.conformity for made in ("calibrated", "exported"))
    np.testing.assert_allclose(one, other, atol=0.05)


def test_few_labelled_texts_promise_nothing(place: Path, model: Path, capsys: pytest.CaptureFixture[str]):
    (place / "few.csv").write_text("text,label\na,positive\nb,negative\n", encoding="utf-8")
    assert main(["predict", str(model), "a", "--coverage", "0.9", "--labelled", "few.csv", "--format", "jsonl"]) == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)["labels"]) == len(json.loads(captured.out)["probabilities"])
    assert "2 labelled texts are too few to promise 0.9" in captured.err


def test_ten_times_the_rows_take_no_more_memory(place: Path, said: Callable[..., str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "llamita._cli.predict.open_any", lambda *_, **__: BagOfWords({"good": (0.0, 1.0), "bad": (1.0, 0.0)})
    )
    peaks = []
    for rows in (200, 1100, 11_000):  # the first call imports what is needed
        lines = (f"{i},a good film of some length that is told here,{'other words ' * 9}" for i in range(rows))
        (place / "big.csv").write_text("\n".join(["id,title,body", *lines]) + "\n", encoding="utf-8")
        tracemalloc.start()
        said("predict", "model", "--file", "big.csv", "--columns", "text=title", "--out", "out.csv")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (place / "out.csv").read_text(encoding="utf-8").count("\n") == rows + 1
    assert peaks[2] < 1.3 * peaks[1]


def test_texts_that_are_not_read_whole_are_counted(model: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["predict", str(model), "a warm film", "word " * 5000, "很好" * 5000]) == 0
    assert "longer were cut at their end: 2" in capsys.readouterr().err
    assert main(["predict", str(model), "a warm film"]) == 0
    assert "longer were" not in capsys.readouterr().err


def test_columns_of_the_file_stand_beside_the_answers(model: Path, place: Path, said, refused) -> None:
    (place / "t.csv").write_text("id,text,label\n7,a warm film,positive\n8,a dull one,negative\n", encoding="utf-8")
    (place / "t.jsonl").write_text('{"id": {"n": 1}, "text": "fine"}\n{"text": "poor", "id": null}\n', encoding="utf-8")
    head, first, _ = said("predict", model, "--file", "t.csv", "--keep", "id,label", "--format", "csv").splitlines()
    assert head.startswith("id,label_given,text,label,confidence,probability_")
    assert first.startswith("7,positive,a warm film,")
    said("predict", model, "--file", "t.jsonl", "--keep", "all", "--out", "o.jsonl")
    told = [json.loads(line) for line in (place / "o.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [one["id"] for one in told] == [{"n": 1}, None]
    lines = said("predict", model, "--file", "t.jsonl", "--keep", "id", "--format", "csv").splitlines()
    assert lines[1].startswith('"{""n"": 1}",fine,')
    assert lines[2].startswith(",poor,")
    words = ("predict", model, "--file", "t.csv", "--format")
    assert "no column 'ids'. Did you mean 'id'?" in refused(*words, "csv", "--keep", "ids")
    assert "--keep is for answers as CSV or JSON lines" in refused(*words, "table", "--keep", "id")
    assert "--keep names columns of --file" in refused("predict", model, "a text", "--keep", "id", "--format", "csv")


def test_of_several_files_the_columns_kept_are_those_of_the_first(model: Path, place: Path, said) -> None:
    (place / "d").mkdir()
    (place / "d" / "a.csv").write_text("id,text\n1,a b c\n", encoding="utf-8")
    (place / "d" / "b.csv").write_text("text,id,extra\ng h i,3,z\n", encoding="utf-8")
    lines = said("predict", model, "--file", "d", "--keep", "all", "--format", "csv").splitlines()
    assert [line.split(",")[:2] for line in lines] == [["id", "text"], ["1", "a b c"], ["3", "g h i"]]


def test_labelled_texts_with_codes_draw_sets_where_the_codes_are_named(
    place: Path, model: Path, said: Callable[..., str], refused: Callable[..., str]
):
    rows = "".join(f"a warm film {i},{i % 2}\n" for i in range(40))
    (place / "codes.csv").write_text(f"text,label\n{rows}", encoding="utf-8")
    asked = ("predict", model, "a film", "--coverage", "0.8", "--format", "jsonl", "--labelled", "codes.csv")
    assert "label '0' is none of the model's labels" in refused(*asked)
    names = ("--label-names", "0=negative,1=positive")
    assert json.loads(said(*asked, *names))["labels"]
    assert "--label-names is about labelled texts" in refused("predict", model, "a film", *names)
    assert "names of labels must look like" in refused(*asked, "--label-names", "bad")
