"""A corpus is read in a stream and written once; what it gives is what the documents hold."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from tests.families import tiny_tokenizer

from llamita.core.errors import UserError
from llamita.data import corpus
from llamita.data.clean import dropped_documents
from llamita.data.corpus import Cleaning, Source, documents_in, parse_sources, sampled, tokenized
from llamita.data.documents import LONG, gathered

KEEP = Cleaning(copies="keep", filtered=False)
BACKEND = tiny_tokenizer("llama").backend_tokenizer
STORY = "the actors are wonderful and the story is told with care, number {}, in words enough to count as a text"


def jsonl(file: Path, texts: list[str]) -> Path:
    file.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts), encoding="utf-8")
    return file


def test_the_ids_are_those_of_the_documents_whatever_the_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    texts = [STORY.format(i) for i in range(7)] + ["酒店很干净，服务态度也很好。"]
    sources = parse_sources(f"{jsonl(tmp_path / 'a.jsonl', texts[:5])}=0.5, {jsonl(tmp_path / 'b.jsonl', texts[5:])}=2")
    monkeypatch.setattr(corpus, "BATCH", 3)
    found = tokenized(sources, BACKEND, tmp_path, KEEP)
    assert len(found) == 8
    assert [list(ids) for ids in found] == [BACKEND.encode(text, add_special_tokens=False).ids for text in texts]
    assert found.weights.tolist() == [0.5] * 5 + [2.0] * 3
    assert isinstance(found.tokens, np.memmap)
    assert all(np.shares_memory(ids, found.tokens) for ids in found), "a document is a view, never a copy"
    assert found.about["tokens"] == sum(map(len, found))


def test_it_is_written_once_and_anew_only_for_other_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = jsonl(tmp_path / "a.jsonl", [STORY.format(i) for i in range(3)])
    first = tokenized(parse_sources(str(file)), BACKEND, tmp_path, KEEP)
    moved = file.rename(tmp_path / "elsewhere.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr(corpus, "_write", lambda *_: pytest.fail("written again"))
        assert tokenized(parse_sources(str(moved)), BACKEND, tmp_path, KEEP).folder == first.folder
    others = [
        tokenized(parse_sources(f"{moved}=2"), BACKEND, tmp_path, KEEP),
        tokenized(parse_sources(str(moved)), BACKEND, tmp_path, Cleaning(copies="exact", filtered=False)),
        tokenized(parse_sources(str(moved)), tiny_tokenizer("gpt2").backend_tokenizer, tmp_path, KEEP),
    ]
    jsonl(moved, ["another text"])
    others.append(tokenized(parse_sources(str(moved)), BACKEND, tmp_path, KEEP))
    assert len({one.folder for one in [first, *others]}) == 5


def test_a_corpus_that_fails_leaves_nothing_behind(tmp_path: Path):
    file = jsonl(tmp_path / "a.jsonl", ["--- *** ---"])
    with pytest.raises(UserError, match="no document of the corpus is left"):
        tokenized(parse_sources(str(file)), BACKEND, tmp_path / "cache", Cleaning())
    assert list((tmp_path / "cache" / "corpus").iterdir()) == []


def test_a_stream_leaves_out_what_the_whole_would_and_tells_it(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    long = " ".join(STORY.format(f"{i}{i}") for i in range(6))
    texts = [long, long.replace("number 33", "number 34"), STORY.format(1), STORY.format(1).upper(), "--- *** --- !!! " * 9,
             "short", STORY.format(2)]  # fmt: skip
    texts += [f"{i} {'abcdefghijklmnopqrstuvwxyz'[i]} " + "of quite other things it speaks " * i for i in range(4, 9)]
    with caplog.at_level(logging.INFO, "llamita"):
        found = tokenized(parse_sources(str(jsonl(tmp_path / "a.jsonl", texts))), BACKEND, tmp_path, Cleaning())
    gone = {i for rows in dropped_documents(texts).values() for i in rows}
    kept = [BACKEND.encode(text, add_special_tokens=False).ids for i, text in enumerate(texts) if i not in gone]
    assert [list(ids) for ids in found] == kept
    assert {"copies", "near copies", "too short", "mostly marks"} <= set(found.about["left_out"])
    assert "(too short), such as 'short'" in caplog.text


def test_copies_of_texts_learned_from_besides_are_left_out(tmp_path: Path):
    texts = [STORY.format(i) + " of quite other things" * i for i in range(4)]
    sources = parse_sources(str(jsonl(tmp_path / "a.jsonl", texts)))
    known = (texts[1].upper(),)
    assert len(tokenized(sources, BACKEND, tmp_path, Cleaning(copies="exact", known=known))) == 3
    assert len(tokenized(sources, BACKEND, tmp_path, Cleaning(copies="keep", known=known))) == 4
    assert sampled(sources, known) == [text for text in texts if text != texts[1]]


@pytest.mark.parametrize(
    ("copies", "left", "told"), [("exact", 3, ("copies",)), ("near", 2, ("copies", "near copies"))]
)
def test_what_is_measured_on_is_not_learned_from(copies: str, left: int, told: tuple[str, ...], tmp_path: Path):
    texts = [" ".join(STORY.format(f"{i}{j}") for j in range(6)) for i in range(2)]
    texts += ["of quite other things " * 9, "and yet another matter " * 9]
    unseen = (texts[0].upper(), texts[1].replace("number 13", "number 93"))
    sources = parse_sources(str(jsonl(tmp_path / "a.jsonl", texts)))
    found = tokenized(sources, BACKEND, tmp_path, Cleaning(copies=copies, unseen=unseen))
    assert len(found) == left
    assert found.about["left_out"] == {f"{kind} of what is measured on": 1 for kind in told}


def test_a_file_that_is_renamed_to_another_format_is_read_anew(tmp_path: Path):
    file = jsonl(tmp_path / "c.txt", [STORY.format(i) for i in range(3)])
    assert len(tokenized(parse_sources(str(file)), BACKEND, tmp_path / "cache", KEEP)) == 1
    file = file.rename(tmp_path / "c.jsonl")
    assert len(tokenized(parse_sources(str(file)), BACKEND, tmp_path / "cache", KEEP)) == 3


def test_what_is_measured_on_is_not_learned_from_in_other_characters(tmp_path: Path):
    pytest.importorskip("opencc")
    file = jsonl(tmp_path / "a.jsonl", ["酒店的服務很好。", "旅館很遠。"])
    cleaning = Cleaning(copies="exact", filtered=False, unseen=("酒店的服务很好。",))
    made = tokenized(parse_sources(str(file)), BACKEND, tmp_path / "cache", cleaning)
    assert made.about["left_out"] == {"copies of what is measured on": 1}
    assert sampled(parse_sources(str(file)), cleaning.unseen) == ["旅館很遠。"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_paragraphs_are_joined_until_they_are_long(end: str):
    paragraphs = [f"{i} " + "x" * 1500 + end + "and so on" for i in range(8)]
    found = list(gathered(f"{end} {end}".join(paragraphs).splitlines(keepends=True)))
    assert "".join("".join(found).split()) == "".join("".join(paragraphs).split())
    assert [text.count("and so on") for text in found] == [3, 3, 2]
    assert "and so on\n\n1 x" in found[0]


def test_a_text_without_paragraphs_is_cut_at_lines():
    lines = [f"sentence number {i:6}\n" for i in range(3000)]
    found = list(gathered(lines))
    assert "\n".join(found).split("\n") == [line.strip() for line in lines]
    assert all(len(text) < 5 * LONG for text in found)
    assert len(found) > 3
    assert list(gathered([])) == list(gathered(["\n", " \n"])) == []


def test_only_what_is_asked_for_is_read(tmp_path: Path):
    def lines():
        yield from ("word " * 200 + "\n", "\n") * 10
        pytest.fail("read ahead")

    assert next(gathered(lines())).count("word") >= 800
    file = tmp_path / "a.txt"
    file.write_text("one\n\ntwo\n", encoding="utf-8")
    assert list(documents_in(Source(name="a", files=(file,)))) == ["one\n\ntwo"]


def test_a_sample_is_shared_by_weight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(corpus, "SAMPLE_CHARACTERS", 40)
    rows = [jsonl(tmp_path / f"{name}.jsonl", [name * 10] * 9) for name in "ab"]
    assert sampled(parse_sources(f"{rows[0]}=3,{rows[1]}")) == ["a" * 10] * 3 + ["b" * 10]


@pytest.mark.parametrize(
    ("named", "said"),
    [("{a}=x", "what follows = is a weight"), ("{a}=0", "weight in"), ("{a},{a}", "twice"), ("no.txt", "no file no.txt"),
     (" , ", "the corpus is empty")],
)  # fmt: skip
def test_what_names_no_source_is_refused(named: str, said: str, tmp_path: Path):
    file = jsonl(tmp_path / "a.jsonl", ["x"])
    with pytest.raises(UserError, match=said):
        parse_sources(named.format(a=file))


def test_near_copies_are_looked_for_among_few_bytes_or_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    story = " ".join(STORY.format(f"{i}{i}") for i in range(6))
    sources = parse_sources(str(jsonl(tmp_path / "a.jsonl", [story, story.replace("number 33", "number 34")])))
    assert len(tokenized(sources, BACKEND, tmp_path / "few", Cleaning())) == 1
    monkeypatch.setattr(corpus, "MANY_CHARACTERS", 100)
    with caplog.at_level(logging.INFO, "llamita"):
        assert len(tokenized(sources, BACKEND, tmp_path / "many", Cleaning())) == 2
    assert "near copies are not looked for" in caplog.text
    assert len(tokenized(sources, BACKEND, tmp_path / "many", Cleaning(copies="near"))) == 1
