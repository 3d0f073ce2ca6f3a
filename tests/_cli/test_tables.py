"""data: its verbs, standard input, and that nothing is written over."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.files import table

from llamita.cli import main
from llamita.data.copies import kept_of
from llamita.data.portion import proportional, share_of_each


def piped(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_without_a_verb_it_lists_the_verbs(said: Callable[..., str], refused: Callable[..., str]):
    text = said("data", "--help")
    assert text == said("data", code=2)
    assert text.startswith("usage: llamita data VERB FILE")
    assert all(f"\n  {verb} " in text for verb in ("check", "convert", "split", "dedup", "sample"))
    assert "llamita data takes check, convert, split, dedup, sample, got 'chek'. Did you mean 'check'?" in refused(
        "data", "chek"
    )


def test_standard_input_is_read_once_and_whole(place: Path, said: Callable[..., str], monkeypatch: pytest.MonkeyPatch):
    rows = "text,label\n" + "".join(f"text number {i},{'ab'[i % 2]}\n" for i in range(20))
    piped(monkeypatch, rows)
    assert "written: once.csv, 20 rows; 0 rows dropped" in said(
        "data", "dedup", "-", "--near", "0", "--out", "once.csv"
    )
    assert (place / "once.csv").read_text(encoding="utf-8") == rows
    piped(monkeypatch, rows)
    assert "18 rows\nwritten: parts/test.csv, 2 rows" in said("data", "split", "-", "--out", "parts")
    piped(monkeypatch, rows)
    assert "6 rows" in said("data", "sample", "-", "--rows", "6", "--out", "six.csv")


def test_nothing_is_written_over_and_nothing_half(place: Path, said: Callable[..., str], refused: Callable[..., str]):
    table(place, "x.aside.csv", "one,a", "two,b", ",a")
    before = (place / "x.aside.csv").read_bytes()
    assert "--fix x.aside.csv exists already" in refused("data", "check", "x.aside.csv", "--fix", "x.csv")
    assert (place / "x.aside.csv").read_bytes() == before
    (place / "l.csv").write_text("line,text,label\n1,one,a\n2,,b\n3,three,b\n", encoding="utf-8")
    said("data", "check", "l.csv", "--fix", "m.csv")
    assert (place / "m.aside.csv").read_text(encoding="utf-8").splitlines()[0] == "line_,reason,line,text,label"
    (place / "t.txt").write_text("one\none\ntwo\n", encoding="utf-8")
    said("data", "check", "t.txt", "--fix", "u.txt")
    assert (place / "u.txt").read_text(encoding="utf-8") == "one\ntwo\n"
    assert (place / "u.aside.csv").is_file()
    assert "no file matches sh/*.csv" in refused("data", "dedup", "sh/*.csv", "--out", "new.csv")
    assert "--fix mends one file" in refused("data", "check", "-", "--fix", "new.csv")
    (place / "n.jsonl").write_text('{"text": "a", "label": "x"}\n{"text": "b"}\n' * 9, encoding="utf-8")
    refused("data", "split", "n.jsonl", "--out", "halves")
    assert not (place / "halves").exists()
    assert "whole number" in refused("data", "sample", "good.csv", "--rows", "4", "--seed", "-1", "--out", "s.csv")


@pytest.mark.parametrize(
    ("verb", "form"), [("sample", "csv"), ("split", "csv"), ("dedup", "csv"), ("dedup", "jsonl"), ("convert", "jsonl")]
)
def test_memory_does_not_hold_the_texts(
    place: Path, said: Callable[..., str], monkeypatch: pytest.MonkeyPatch, verb: str, form: str
):
    for held in ("passes.CHUNK", "chunks.SAMPLE", "delimited.FIRST"):
        monkeypatch.setattr(f"llamita.data.{held}", 20)
    words = {"sample": ("--rows", "20"), "dedup": ("--near", "0")}.get(verb, ())
    said("data", verb, "good.csv", *words, "--out", "first" if verb == "split" else "first.csv")  # what is loaded once
    with (place / f"large.{form}").open("w", encoding="utf-8") as stream:
        stream.write("text,label\n" if form == "csv" else "")
        for i in range(2000):
            text, label = f"{' ' * 2000}film {i}", "ab"[i % 2]
            stream.write(f"{text},{label}\n" if form == "csv" else json.dumps({"text": text, "label": label}) + "\n")
    tracemalloc.start()
    try:
        said("data", verb, f"large.{form}", *words, "--out", "new" if verb == "split" else "new.csv")
        assert tracemalloc.get_traced_memory()[1] < 1_500_000 < (place / f"large.{form}").stat().st_size / 2
    finally:
        tracemalloc.stop()


def test_what_is_written_in_passes_is_what_all_rows_at_once_would_give(place: Path, said: Callable[..., str]):
    lines = [f"{i},{'Film' if i % 2 else 'film'} number {i * i % 211},{'abc'[i * i % 3]}" for i in range(1500)]
    (place / "all.csv").write_text("\n".join(["id,text,label", *lines]) + "\n", encoding="utf-8")
    texts, labels = [line.split(",")[1] for line in lines], [line.split(",")[2] for line in lines]
    groups: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        groups.setdefault(text.lower(), []).append(row)
    dropped = kept_of(groups.values(), labels)[0]
    cut = share_of_each(texts, ["abc".index(label) for label in labels], 0.2, 3)
    wanted = {
        "once.csv": [line for row, line in enumerate(lines) if row not in dropped],
        "few.csv": [lines[row] for row in proportional(labels, 70, 3)],
        "parts/test.csv": [lines[row] for row in cut],
        "parts/train.csv": [line for row, line in enumerate(lines) if row not in cut],
    }
    said("data", "dedup", "all.csv", "--near", "0", "--out", "once.csv")
    said("data", "sample", "all.csv", "--rows", "70", "--seed", "3", "--out", "few.csv")
    said("data", "split", "all.csv", "--test", "0.2", "--seed", "3", "--out", "parts")
    for name, expected in wanted.items():
        assert (place / name).read_text(encoding="utf-8").splitlines() == ["id,text,label", *expected]
        assert len(expected) > 50


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    """Ten dialogues, the last two of which say what the first says."""
    said = [f"how is film {i}" for i in range(8)] + ["how is film 0", "How is film 0 "]
    rows = [
        {
            "id": i,
            "messages": [{"role": "user", "content": q}, {"role": "assistant", "content": f"warm, {q[-1:]} stars"}],
        }
        for i, q in enumerate(said)
    ]
    rows[9]["messages"][1]["content"] = "warm, 0 stars"
    rows[3]["system"] = "be brief"
    path = tmp_path / "talks.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def objects(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_dialogues_are_split_thinned_out_and_drawn_as_they_stand(talks: Path, capsys: pytest.CaptureFixture[str]):
    place = talks.parent
    assert main(["data", "split", str(talks), "--out", str(place / "cut"), "--test", "0.3"]) == 0
    train, test = (objects(place / "cut" / f"{name}.jsonl") for name in ("train", "test"))
    assert sorted(row["id"] for row in train + test) == list(range(10))
    sides = [{row["id"] for row in part} for part in (train, test)]
    assert any({0, 8, 9} <= side for side in sides), "copies stand on one side"
    assert main(["data", "dedup", str(talks), "--out", str(place / "once.jsonl"), "--near", "0"]) == 0
    assert [row["id"] for row in objects(place / "once.jsonl")] == list(range(8))
    assert objects(place / "once.jsonl")[3]["system"] == "be brief"
    assert main(["data", "sample", str(talks), "--rows", "4", "--out", str(place / "four.jsonl")]) == 0
    four = objects(place / "four.jsonl")
    assert len(four) == 4
    assert all(row in objects(talks) for row in four)
    capsys.readouterr()
    assert main(["data", "sample", str(talks), "--rows", "4", "--balanced", "--out", str(place / "b.jsonl")]) == 2
    assert "--balanced is about labels" in capsys.readouterr().err


def test_questions_and_answers_are_dialogues_when_the_task_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rows = "prompt,completion\n" + "".join(f"how is film {i},warm\n" for i in range(6)) + "how is film 0,dull\n"
    (tmp_path / "qa.csv").write_text(rows, encoding="utf-8")
    words = ["data", "dedup", str(tmp_path / "qa.csv"), "--task", "chat", "--near", "0"]
    assert main([*words, "--out", str(tmp_path / "once.csv")]) == 0
    assert len((tmp_path / "once.csv").read_text().splitlines()) == 8, "another answer is another dialogue"
    (tmp_path / "bad.jsonl").write_text('{"messages": [{"role": "user", "content": "hi"}]}', encoding="utf-8")
    capsys.readouterr()
    assert main(["data", "split", str(tmp_path / "bad.jsonl"), "--out", str(tmp_path / "cut")]) == 2
    assert "bad.jsonl:1: no message of the assistant" in capsys.readouterr().err
    assert not (tmp_path / "cut").exists()
