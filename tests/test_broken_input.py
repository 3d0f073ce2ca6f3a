"""Whatever a user gets wrong is told in one line, with exit code 2, and leaves nothing half-written."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from llamita.cli import main

GOOD = "text,label\n" + "".join(f"text number {i},{('negative', 'positive')[i % 2]}\n" for i in range(20))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with good data in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.csv").write_text(GOOD, encoding="utf-8")
    return tmp_path


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Carry out a command that must fail, and hand back its one line."""

    def carry_out(*words: str | Path, code: int = 2) -> str:
        before = set(Path().rglob("*"))
        capsys.readouterr()
        assert main([str(word) for word in words]) == code
        said = capsys.readouterr().err
        assert "Traceback" not in said
        lines = [line for line in said.splitlines() if line.startswith("llamita: ")]
        assert len(lines) == 1, said
        assert said.splitlines()[-1] == lines[0]
        new = set(Path().rglob("*")) - before
        assert not {path for path in new if path.is_file()}, f"left behind: {new}"
        return lines[0]

    return carry_out


FILES: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "empty file": ("bad.csv", b"", ("bad.csv", "empty (0 bytes)")),
    "only blank lines": ("bad.csv", b"\n\n \n", ("bad.csv", "needs a header")),
    "header only": ("bad.csv", b"text,label\n", ("bad.csv", "only a header")),
    "missing header": (
        "bad.csv",
        b"a fine film,good\na bad film,bad\nthird,good\n",
        ("bad.csv:1", "first row looks like data"),
    ),
    "column named twice": ("bad.csv", b"text,text\na,b\n", ("bad.csv:1", "two columns are named 'text'")),
    "too many fields": ("bad.csv", b"text,label\na,b,good\n", ("bad.csv:2", "double quotes")),
    "unbalanced quote": ("bad.csv", b'text,label\na,b\n"c,d\n', ("bad.csv:3", "never closes")),
    "empty label": ("bad.csv", b"text,label\na,good\nb,\n", ("bad.csv:3", "label is empty")),
    "Latin-1": (
        "bad.csv",
        "text,label\ndéjà vu,good\n".encode("latin-1"),
        ("bad.csv:2", "byte 12", "Latin-1", "data convert"),
    ),
    "GB18030": ("bad.csv", "text,label\n很好的酒店,好评\n".encode("gb18030"), ("bad.csv:2", "GB18030", "data convert")),
    "UTF-16": ("bad.csv", GOOD.encode("utf-16"), ("bad.csv:1", "UTF-16", "data convert")),
    "NUL bytes": ("bad.csv", b"text,label\nab\0c,good\n", ("bad.csv:2", "byte 13 is NUL")),
    "a 10 MB line": ("bad.csv", b"text,label\na,b\n" + b"x" * 10_000_000, ("bad.csv:3", "longer than 1,000,000 bytes")),
    "broken JSON line": ("bad.jsonl", b'{"text": "a", "label": "b"}\n{"text": "c"', ("bad.jsonl:2", "not JSON")),
    "a binary under a table's name": ("bad.parquet", b"PAR1 not really", ("bad.parquet", "not a Parquet file")),
    "a spreadsheet": ("bad.xlsx", b"PK\x03\x04", ("bad.xlsx", "Save the sheet as CSV")),
}


NOTED = ("unbalanced quote", "empty label", "NUL bytes", "broken JSON line")
"""Faults of single rows, that the doctor tells of while it reads the others."""
LATER = [("evaluate", case) for case in NOTED] + [
    (verb, case) for verb in ("evaluate", "lighten") for case in ("empty file", "missing header", "GB18030")
]


@pytest.mark.parametrize(("verb", "case"), [*(("check", case) for case in FILES if case not in NOTED), *LATER])
def test_a_broken_file_is_refused_with_its_line_and_remedy(
    verb: str, case: str, place: Path, model: Path, refused: Callable[..., str]
):
    name, content, parts = FILES[case]
    (place / name).write_bytes(content)
    words = {
        "check": ["data", "check", name],
        "evaluate": ["evaluate", model, "--data", name],
        "lighten": ["lighten", model, "--data", name, "--out", "out"],
    }[verb]
    line = refused(*words)
    assert all(part in line for part in parts), line


@pytest.mark.parametrize("case", NOTED)
def test_a_broken_row_is_told_by_the_doctor_with_its_line_and_remedy(
    case: str, place: Path, capsys: pytest.CaptureFixture[str]
):
    name, content, parts = FILES[case]
    (place / name).write_bytes(content)
    assert main(["data", "check", name]) == 1
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("error: ")]
    assert any(all(part.removeprefix("label is ") in line for part in parts) for line in told), told


def test_a_missing_file_is_refused_with_the_nearest_name(place: Path, refused: Callable[..., str]):
    assert "Did you mean 'good.csv'?" in refused("data", "check", "god.csv")
    assert "no file nowhere.csv" in refused("lighten", "--data", "nowhere.csv")
    (place / "folder").mkdir()
    assert "a folder without data files" in refused("data", "check", "folder")
    assert "no file matches *.parquet" in refused("data", "check", "*.parquet")
    assert "is a folder" in refused("data", "convert", "folder", "--out", "new.csv")


def test_data_that_cannot_teach_a_classifier_is_refused(place: Path, model: Path, refused: Callable[..., str]):
    (place / "one.csv").write_text("text,label\na,good\nb,good\n", encoding="utf-8")
    assert "'good'" in refused("lighten", model, "--data", "one.csv", "--out", "out")
    (place / "test.csv").write_text("text,label\na,negative\nb,neutral\n", encoding="utf-8")
    line = refused("lighten", model, "--data", "good.csv", "--test", "test.csv", "--out", "out")
    assert "test.csv" in line
    assert "'neutral'" in line
    assert "test.csv:3: label 'neutral'" in refused("evaluate", model, "--data", "test.csv")
    (place / "bare.txt").write_text("a\nb\n", encoding="utf-8")
    assert "has no labels" in refused("evaluate", model, "--data", "bare.txt")


def test_the_doctors_errors_are_exit_code_1(place: Path, capsys: pytest.CaptureFixture[str]):
    (place / "one.csv").write_text("text,label\na,good\nb,good\n", encoding="utf-8")
    assert main(["data", "check", "one.csv"]) == 1
    assert "error: one.csv:2: every row has the label 'good'" in capsys.readouterr().out


COMMANDS = {
    "unknown verb": (["lightn"], "no verb 'lightn'. Did you mean 'lighten'?"),
    "unknown flag": (["lighten", "--data", "good.csv", "--kep", "0.9"], "no flag '--kep'. Did you mean '--keep'?"),
    "missing flag": (["lighten"], "--data"),
    "missing model": (["evaluate", "--data", "good.csv"], "give MODEL"),
    "too many arguments": (["list", "prune", "more"], "too many arguments: 'more'"),
    "keep is no number": (["lighten", "--data", "good.csv", "--keep", "much"], "--keep must be a number, got 'much'"),
    "negative keep": (["lighten", "--data", "good.csv", "--keep", "-0.5", "--out", "out"], "keep must be in (0, 1.5]"),
    "bad size": (["lighten", "--data", "good.csv", "--max-size", "20 apples"], "--max-size must be more than 0"),
    "negative size": (["lighten", "--data", "good.csv", "--max-size=-1MB"], "look like 20MB"),
    "negative latency": (
        ["lighten", "--data", "good.csv", "--max-latency", "-5ms"],
        "--max-latency must be more than 0 and look like 5ms, got '-5ms'. See",
    ),
    "bad latency": (["lighten", "--data", "good.csv", "--max-latency", "fast"], "look like 5ms"),
    "no threads": (["lighten", "--data", "good.csv", "--threads", "0"], "--threads must be a whole number from 1 on"),
    "far too many threads": (["predict", "m", "a", "--threads", "99999"], "--threads must be at most "),
    "far too many threads of a run": (
        ["run", "r.yaml", "--threads", "99999999999", "--out", "out"],
        "must be at most ",
    ),
    "bad columns": (["data", "check", "good.csv", "--columns", "review"], "text=review,label=stars"),
    "unknown role": (["data", "check", "good.csv", "--columns", "txt=text"], "Did you mean 'text'? See"),
    "missing column": (["data", "check", "good.csv", "--columns", "text=review"], "no column 'review'"),
    "bad gate": (["evaluate", "x", "--data", "good.csv", "--fail-if", "accuracy"], "accuracy<0.9"),
    "unknown encoding": (["data", "check", "good.csv", "--encoding", "utf-88"], "no encoding 'utf-88'"),
    "unknown model": (["predict", "smolm2", "a text"], "Did you mean 'smollm2'?"),
    "model is empty": (["predict", "", "a text"], "MODEL is empty"),
    "unknown method": (["list", "quality2"], "Did you mean 'quality'?"),
    "unknown measure": (["measure", "qality", "m", "--data", "good.csv"], "Did you mean 'quality'?"),
    "unknown exporter": (["export", "m", "--to", "onx", "--out", "out"], "--to takes"),
    "texts and file": (["predict", "m", "a text", "--file", "good.csv"], "give texts or --file, not both"),
    "out is the input": (["predict", "m", "--file", "good.csv", "--out", "good.csv"], "names a file that is read"),
    "out in no folder": (["predict", "m", "a", "--out", "nowhere/p.csv"], "there is no folder nowhere"),
    "out is a folder": (["predict", "m", "a", "--out", "."], "is a folder"),
    "out is a file": (["lighten", "--data", "good.csv", "--out", "good.csv"], "is a file; name a folder"),
    "out lies in a file": (["lighten", "--data", "good.csv", "--out", "good.csv/x"], "good.csv is a file"),
    "half a character": (["predict", "m", "a\udc80"], "not UTF-8"),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_a_broken_command_is_refused_by_name(case: str, place: Path, model: Path, refused: Callable[..., str]):
    words, part = COMMANDS[case]
    line = refused(*(str(model) if word == "m" else word for word in words))
    assert part in line, line


RECIPES = {
    "not YAML": ("model: [", "not a YAML file"),
    "no mapping": ("- a\n- b\n", "expected keys"),
    "no model": ("seed: 1\n", "'model' must name a model"),
    "unknown key": ("model: m\nstep: []\n", "unknown key 'step'. Did you mean 'steps'?"),
    "unknown step": ("model: m\nsteps: [learn.finetun]\n", "Did you mean 'learn.finetune'?"),
    "unknown setting": ("model: m\nsteps: [{learn.finetune: {epoch: 1}}]\n", "Did you mean 'epochs'?"),
    "wrong type": ("model: m\nsteps: [{learn.finetune: {epochs: many}}]\n", "epochs must be float, got 'many'"),
    "out of range": ("model: m\nsteps: [{learn.finetune: {epochs: -1}}]\n", "epochs must be"),
    "seed is a word": ("model: m\nseed: abc\n", "'seed' must be a whole number from 0 on, got 'abc'"),
    "seed is nothing": ("model: m\nseed: null\n", "'seed' must be a whole number from 0 on, got None"),
    "seed is a part": ("model: m\nseed: 1.7\n", "'seed' must be a whole number from 0 on, got 1.7"),
    "seed is negative": ("model: m\nseed: -1\n", "'seed' must be a whole number from 0 on, got -1"),
    "unsure truth": ("model: m\nmeasure_each: maybe\n", "'measure_each' must be true or false, got 'maybe'"),
    "beside is a list": ("model: m\nbeside: [learn.finetune]\n", "'beside' must be lists of steps by name"),
    "a way is a number": ("model: m\nbeside: {cut: 5}\n", "'cut' must be a list such as [{prune.depth: {keep: 4}}]"),
    "a way's step is unknown": ("model: m\nbeside: {cut: [prune.dpeth]}\n", "cut: no step 'prune.dpeth'"),
    "teacher is a number": ("model: m\nteacher: 5\n", "'teacher' must name a model or hold a recipe, got 5"),
    "steps is a number": ("model: m\nsteps: 5\n", "'steps' must be a list such as [{prune.depth: {keep: 4}}], got 5"),
    "steps is a name": ("model: m\nsteps: learn.finetune\n", "'steps' must be a list"),
    "step is a number": ("model: m\nsteps: [5]\n", "steps: a method is a name or {name: {setting: value}}"),
    "step is empty": ("model: m\nsteps: [{}]\n", "steps: a method is a name or {name: {setting: value}}"),
    "settings are a list": ("model: m\nexporters: [{export.onnx: [1]}]\n", "exporters: a method is a name or"),
    "setting is a number": ("model: m\nexporters: [{export.onnx: {1: 2}}]\n", "export.onnx has no setting 1."),
    "task is a number": ("model: m\ntask: 5\n", "'task' must be one entry such as {classify: {train: reviews.csv}}"),
    "task's settings are a number": ("model: m\ntask: {classify: 5}\n", "'task' must be one entry"),
    "unknown task": ("model: m\ntask: {clasify: {train: good.csv}}\n", "Did you mean 'tasks.classify'?"),
    "unknown task setting": (
        "model: m\ntask: {classify: {tran: good.csv}}\n",
        "task: tasks.classify has no setting 'tran'. Did you mean 'train'?",
    ),
    "labels are a number": ("model: m\ntask: {classify: {train: good.csv, labels: 5}}\n", "labels must be names"),
    "columns are a word": (
        "model: m\ntask: {classify: {train: good.csv, columns: abc}}\n",
        "columns must be columns by",
    ),
    "data is a number": ("model: m\ntask: {classify: {train: 5}}\n", "train must be a file"),
    "select is a word": ("model: m\ntask: {classify: {train: good.csv, select: abc}}\n", "no file abc"),
}


@pytest.mark.parametrize("case", RECIPES)
def test_a_broken_recipe_is_refused_by_its_key(case: str, place: Path, refused: Callable[..., str]):
    content, part = RECIPES[case]
    (place / "r.yaml").write_text(content, encoding="utf-8")
    assert part in refused("run", "r.yaml", "--out", "out")
    assert not (place / "out").exists()


def test_a_run_that_fails_before_its_first_stage_leaves_no_folder(
    place: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
):
    (place / "r.yaml").write_text("model: m\ntask: {classify: {train: good.csv}}\n", encoding="utf-8")
    monkeypatch.setattr("llamita.run.open_task", lambda _: 1 / 0)
    Path(refused("run", "r.yaml", "--out", "out", code=3).split(" with ")[-1]).unlink()
    assert not (place / "out").exists()


def test_a_recipe_of_steps_that_need_data_is_refused_without_a_task(
    place: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    (place / "r.yaml").write_text(f"model: '{model.as_posix()}'\nsteps: [learn.finetune]\n", encoding="utf-8")
    assert main(["run", "r.yaml", "--out", "out"]) == 2
    assert "learn.finetune needs data" in capsys.readouterr().err
    assert not (place / "out" / "light").exists()


def test_a_missing_recipe_and_a_bad_override_are_refused(place: Path, refused: Callable[..., str]):
    assert "no recipe file nothing.yaml" in refused("run", "nothing.yaml", "--out", "out")
    (place / "r.yaml").write_text("model: m\nsteps: [learn.finetune]\n", encoding="utf-8")
    assert "overrides look like" in refused("run", "r.yaml", "seed", "--out", "out")
    assert "must be a place" in refused("run", "r.yaml", "steps.3.epochs=1", "--out", "out")
    assert "Did you mean 'epochs'" in refused("run", "r.yaml", "steps.0.epoch=1", "--out", "out")


def damaged(model: Path, copy: Path) -> Path:
    copy.mkdir()
    for file in model.iterdir():
        content = file.read_bytes()
        (copy / file.name).write_bytes(content[: len(content) // 2] if file.suffix == ".safetensors" else content)
    return copy


def test_a_damaged_or_empty_model_folder_is_refused(place: Path, model: Path, refused: Callable[..., str]):
    assert "damaged" in refused("predict", damaged(model, place / "cut"), "a text")
    (place / "empty").mkdir()
    assert "holds no model" in refused("predict", "empty", "a text")
    (place / "odd").mkdir()
    (place / "odd" / "config.json").write_text("{", encoding="utf-8")
    assert "odd" in refused("predict", "odd", "a text")


def test_a_damaged_artifact_is_refused(place: Path, refused: Callable[..., str]):
    (place / "a").mkdir()
    (place / "a" / "artifact.json").write_text("{}", encoding="utf-8")
    assert "artifact.json is damaged" in refused("predict", "a", "a text")
    (place / "a" / "artifact.json").write_text('{"exporter": "export.nothing"}', encoding="utf-8")
    assert "made by 'export.nothing', which this version can't open" in refused("predict", "a", "a text")


FAILURES = {
    "full disk": (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
    "full disk under safetensors": (
        RuntimeError("I/O error: No space left on device (os error 28)"),
        "the disk is full",
    ),
    "read-only disk": (OSError(errno.EROFS, "Read-only file system", "p.csv"), "no right to write or read at p.csv"),
    "no permission": (
        PermissionError(errno.EACCES, "Permission denied", "p.csv"),
        "no right to write or read at p.csv",
    ),
    "no memory": (MemoryError(), "not enough memory"),
    "no torch": (ModuleNotFoundError("No module named 'torch'", name="torch"), "pip install 'llamita[train]'"),
    "no onnx": (ModuleNotFoundError("No module named 'onnx'", name="onnx"), "pip install 'llamita[onnx]'"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failing_machine_is_told_in_one_line_and_leaves_nothing_half_written(
    case: str, place: Path, model: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
):
    error, part = FAILURES[case]

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("llamita.core.whole.os.replace", fail)
    assert part in refused("predict", model, "a text", "--out", "p.csv")


def test_a_folder_with_other_files_is_not_overwritten(place: Path, model: Path, refused: Callable[..., str]):
    (place / "mine").mkdir()
    (place / "mine" / "thesis.txt").write_text("precious", encoding="utf-8")
    assert "holds other files" in refused("lighten", "--data", "good.csv", "--out", "mine")
    assert "isn't empty" in refused("finetune", model, "--data", "good.csv", "--out", "mine")
    (place / "mine" / "table.csv").write_text("text\nprecious\n", encoding="utf-8")
    assert "exists already" in refused("data", "convert", "good.csv", "--out", "mine/table.csv")
    assert (place / "mine" / "thesis.txt").read_text(encoding="utf-8") == "precious"


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "llamita", *words]


def environment() -> dict[str, str]:
    source = Path(__file__).parent.parent / "src"
    return {**os.environ, "PYTHONPATH": str(source), "PYTHONIOENCODING": "utf-8"}


def hear_ctrl_c() -> None:
    """A shell that starts the tests in the background lets them ignore Ctrl-C; the program under test must not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_is_exit_code_130_and_one_line(model: Path):
    process = subprocess.Popen(
        command("predict", str(model), "-"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment(), preexec_fn=hear_ctrl_c,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(b"a text\n" * 1024)
    process.stdin.flush()
    assert process.stdout.readline().startswith(b"text,label")
    process.send_signal(signal.SIGINT)
    said = process.stderr.read().decode()
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()
    assert process.wait() == 130
    assert said.strip().splitlines()[-1] == "stopped"
    assert "Traceback" not in said


def test_a_long_run_that_is_stopped_says_how_it_goes_on(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("llamita.lighten"), "lighten", stop)
    assert main(["lighten", "--data", "good.csv", "--out", "out"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "stopped; the same command goes on where it stopped"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_one_line():
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command("list", "--json"), stdout=full, stderr=subprocess.PIPE, env=environment())
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        "llamita: the disk is full; free some space and give the same command again"
    ]


def test_a_closed_pipe_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command("list", "--json"), stdout=writing, stderr=subprocess.PIPE, env=environment())
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
