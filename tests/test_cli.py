"""The command line as a whole: words find their verb, help costs nothing, and the light core needs no training packages."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.families import tiny_model

from llamita import __version__
from llamita.cli import VERBS, main
from llamita.core.registry import entries


def environment() -> dict[str, str]:
    source = Path(__file__).parent.parent / "src"
    return {**os.environ, "PYTHONPATH": str(source), "PYTHONIOENCODING": "utf-8"}


def test_help_and_list_import_nothing_heavy():
    code = (
        "import sys; from llamita.cli import main; main(['--help']); main(['prune', 'depth', '--help'])\n"
        "heavy = {'torch', 'transformers', 'onnxruntime', 'numpy', 'tokenizers', 'rich'} & set(sys.modules)\n"
        "main(['list'])\n"
        "sys.exit(str(heavy) if heavy or 'torch' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment())
    assert done.returncode == 0, done.stderr.decode()
    text = done.stdout.decode()
    assert all(verb in text for verb in VERBS)
    assert "--keep" in text
    assert "prune.depth" in text


@pytest.mark.skipif(os.name != "posix", reason="the environment of a POSIX shell")
def test_what_another_program_reads_is_utf8_wherever_it_is_written(tmp_path: Path):
    rows = "".join(f"a text about the number {i},{'good' if i % 2 else 'bad'}\n" for i in range(30))
    (tmp_path / "caf\udce9.csv").write_text("text,label\n" + rows, encoding="utf-8")
    bare = {name: value for name, value in environment().items() if name not in ("PYTHONIOENCODING", "PYTHONUTF8")}
    words = [sys.executable, "-m", "llamita", "--language", "zh", "data"]
    for more in ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "cp936"}):
        done = subprocess.run([*words, "--help"], capture_output=True, env=bare | more)
        assert done.stdout.decode("utf-8").startswith("用法：llamita data")
        half = subprocess.run([*words, "check", "caf\udce9.csv"], capture_output=True, env=bare | more, cwd=tmp_path)
        assert half.returncode == 0
        assert b"caf\\udce9.csv" in half.stdout


def test_every_verb_and_every_step_has_help(capsys: pytest.CaptureFixture[str]):
    for verb in VERBS:
        assert main([verb, "quality", "--help"] if verb == "measure" else [verb, "--help"]) == 0
        assert "usage: llamita" in capsys.readouterr().out
    for entry in entries().values():
        if entry.kind == "step":
            assert main([*entry.name.removeprefix("learn.").split("."), "--help"]) == 0
            text = capsys.readouterr().out
            assert all(f"--{s.name.replace('_', '-')}" in text for s in entry.settings), entry.name


def test_no_words_at_all_get_the_help_and_the_exit_code_of_bad_input(capsys: pytest.CaptureFixture[str]):
    codes = [main(list(words)) for words in ([], ["--help"], ["-h"], ["help"])]
    assert codes == [2, 0, 0, 0]
    text = capsys.readouterr().out
    assert text.count("usage: llamita VERB") == 4
    assert len(set(text.split("usage: ")[1:])) == 1


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]):
    assert (main(["--version"]), main(["-V"])) == (0, 0)
    assert capsys.readouterr().out == f"llamita {__version__}\n" * 2


@pytest.mark.parametrize("verb", ["lighten", "prune", "finetune"])
def test_a_verb_a_room_and_a_method_of_learn_are_found_by_a_near_name(verb: str, capsys: pytest.CaptureFixture[str]):
    wrong = f"{verb[:-2]}{verb[-1]}"
    assert main([wrong]) == 2
    line = f"llamita: no verb {wrong!r}. Did you mean {verb!r}? See `llamita --help`."
    assert capsys.readouterr() == ("", f"{line}\n")


def test_other_libraries_are_asked_not_to_tell_of_their_use(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DO_NOT_TRACK", "")
    monkeypatch.delenv("DO_NOT_TRACK")
    assert main(["--version"]) == 0
    assert os.environ["DO_NOT_TRACK"] == "1"


def test_a_command_leaves_no_handler_behind(capsys: pytest.CaptureFixture[str]):
    before = list(logging.getLogger("llamita").handlers)
    assert [main(["--version"]), main(["lightn"]), main(["list", "--help"])] == [0, 2, 0]
    assert logging.getLogger("llamita").handlers == before


WITHOUT_TRAINING = """
import sys
heavy = "torch transformers onnx onnxscript scipy sklearn pandas pyarrow datasets datasketch psutil"
for name in heavy.split():
    sys.modules[name] = None
from llamita.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_the_light_core_alone_predicts_measures_and_explains_an_exported_folder(tmp_path: Path):
    tiny_model("bert").save(tmp_path / "tiny")
    assert main(["export", str(tmp_path / "tiny"), "--to", "onnx", "--out", str(tmp_path / "light")]) == 0
    rows = (
        f"{text} {i},{label}"
        for i in range(10)
        for text, label in (("a warm film", "positive"), ("很失望", "negative"))
    )
    (tmp_path / "good.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    commands = (
        ["predict", "light", "a warm film", "--format", "jsonl"],
        ["evaluate", "light", "--data", "good.csv", "--json"],
        ["explain", "light", "a warm film", "--json"],
        ["attack", "light", "--data", "good.csv", "--json"],
        ["compare", "light", "light", "--data", "good.csv", "--out", "page"],
        ["data", "check", "good.csv"],
        ["list"],
        ["doctor"],
    )
    for words in commands:
        command = [sys.executable, "-c", WITHOUT_TRAINING, *words]
        done = subprocess.run(command, capture_output=True, env=environment(), cwd=tmp_path)
        assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "page" / "report.html").stat().st_size > 1000
    command = [sys.executable, "-c", WITHOUT_TRAINING, "predict", "tiny", "a text"]
    done = subprocess.run(command, capture_output=True, env=environment(), cwd=tmp_path)
    assert (done.returncode, b"pip install 'llamita[train]'" in done.stderr) == (2, True)
