"""Answers come as text, never half a character, and a dialogue can be forgotten."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from tests.talks import chat_model, chat_task, talk

from llamita._cli.chat import Shown, Talk
from llamita.cli import main
from llamita.core.decoding import Decoding


def test_half_a_character_waits_for_its_other_half() -> None:
    tokenizer = chat_model().tokenizer
    pieces: list[str] = []
    shown = Shown(tokenizer, pieces.append)
    for token in tokenizer("很好 film", add_special_tokens=False)["input_ids"]:
        shown.hear(token)
    assert "".join(pieces) + shown.rest() == "很好 film"
    assert not any("\ufffd" in piece for piece in pieces)


def test_a_pipe_is_answered_line_by_line_and_reset_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("你好\n/reset\n/nothing\n"))
    talk = Talk(chat_model(), Decoding(max_tokens=3), [{"role": "system", "content": "be brief"}])
    assert talk.go_on() == 0
    assert [one["role"] for one in talk.messages] == ["system"]


def dialogues(file: Path, number: int, start: int = 0) -> str:
    rows = [{"messages": talk(f"number {start + i}", ("a warm film", "a dull film")[i % 2])} for i in range(number)]
    file.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return str(file)


def saved(folder: Path) -> str:
    chat_task(2).fit_head(chat_model()).save(folder)
    return str(folder)


def test_dialogues_from_a_file_to_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, test = saved(tmp_path / "model"), dialogues(tmp_path / "test.jsonl", 6, 100)
    words = ["finetune", model, "--task", "chat", "--data", dialogues(tmp_path / "train.jsonl", 40), "--test", test,
             "--epochs", "4", "--learning-rate", "1e-2", "--batch-size", "8", "--threads", "1"]  # fmt: skip
    assert main([*words, "--out", str(tmp_path / "tuned")]) == 0, capsys.readouterr().err
    told = capsys.readouterr().out
    assert "6 dialogues that were not trained on" in told
    found = []
    for folder in (model, str(tmp_path / "tuned")):
        assert main(["evaluate", folder, "--task", "chat", "--data", test, "--threads", "1", "--json"]) == 0
        findings = {one["name"]: one for one in json.loads(capsys.readouterr().out)["findings"]}
        assert findings["quality.bits_per_byte"]["n"] == 6
        found.append(findings["quality.bits_per_byte"]["value"])
    assert found[1] < found[0] / 2
    shown = [float(number) for number in re.findall(r"([\d.]+) bits \[", told)]
    assert shown == pytest.approx(found, rel=5e-3), "finetune's before and after are evaluate's"
    assert main(["predict", str(tmp_path / "tuned"), "number 3", "--max-tokens", "8"]) == 0
    assert "film" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evaluate", "MODEL", "--task", "chat", "--cost"], "--cost is about labels, and dialogues have none"),
        (["measure", "cost", "MODEL", "--task", "chat"], "dialogues have no labels; measure them with: llamita evaluate"),
        (["compare", "MODEL", "MODEL", "--task", "chat", "--cost"], "--cost times a classifier; leave it out with --task chat"),
        (["evaluate", "MODEL", "--task", "chat", "--fail-if", "accuracy<1"], "accuracy"),
    ],
)  # fmt: skip
def test_what_is_about_labels_is_refused_of_dialogues(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = saved(tmp_path / "model")
    given = [model if word == "MODEL" else word for word in words]
    assert main([*given, "--data", dialogues(tmp_path / "test.jsonl", 3)]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_the_check_reads_dialogues_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(dialogues(tmp_path / "train.jsonl", 5))
    rows = file.read_text(encoding="utf-8").splitlines()
    empty = json.dumps({"messages": talk("number 9", " ")})
    file.write_text("\n".join([*rows, rows[0], empty]) + "\n", encoding="utf-8")
    main(["data", "check", str(file), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert {one["kind"]: one["lines"] for one in told["findings"]} == {"dialogue_empty": [7], "duplicate": [6]}
    main(["data", "check", str(file), "--task", "chat", "--json"])
    assert json.loads(capsys.readouterr().out) == told


def test_a_question_too_long_is_told_by_its_number_among_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "questions.txt"
    file.write_text("\n".join(["a film"] * 16 + ["film " * 900, "a film"]) + "\n", encoding="utf-8")
    words = ["predict", saved(tmp_path / "model"), "--file", str(file), "--max-tokens", "1", "--threads", "1"]
    assert main(words) == 2
    assert f"llamita: {file}:17: prompt 17 takes " in capsys.readouterr().err
