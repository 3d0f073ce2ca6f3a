"""The command line does what its words say."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from tests.families import tiny_model

from llamita._cli import values
from llamita.cli import VERBS, main
from llamita.core.registry import entries

ROWS = [("a warm film", "positive"), ("a dull mess", "negative"), ("很好的酒店", "positive"), ("很失望", "negative")]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny classifier's folder."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_model("bert").save(folder)
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a table of 40 texts in it."""
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "good.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("text", "label"))
        writer.writerows((f"{text} {i}", label) for i in range(10) for text, label in ROWS)
    return tmp_path


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Carry out a command that must succeed and hand back what it printed."""

    def carry_out(*words: str | Path, code: int = 0) -> str:
        capsys.readouterr()
        got = main([str(word) for word in words])
        captured = capsys.readouterr()
        assert got == code, captured.err
        return captured.out

    return carry_out


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


def test_every_verb_and_every_step_has_help(said: Callable[..., str]):
    for verb in VERBS:
        words = [verb, "quality", "--help"] if verb == "measure" else [verb, "--help"]
        assert "usage: llamita" in said(*words)
    for entry in entries().values():
        if entry.kind == "step":
            words = entry.name.removeprefix("learn.").split(".")
            text = said(*words, "--help")
            assert all(f"--{s.name.replace('_', '-')}" in text for s in entry.settings), entry.name


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
    monkeypatch.setattr("llamita._cli.predict.CHUNK", 7)
    parts = said("predict", model, "--file", "good.csv")
    assert [row[:2] for row in csv.reader(io.StringIO(parts))] == [row[:2] for row in csv.reader(io.StringIO(whole))]


def test_predict_takes_pairs_and_flags_between_texts(place: Path, model: Path, said: Callable[..., str]):
    (place / "pairs.jsonl").write_text('{"premise": "a", "hypothesis": "b"}\n', encoding="utf-8")
    from_file = said("predict", model, "--file", "pairs.jsonl")
    assert from_file == said("predict", model, "a", "--pair", "b")
    assert from_file.startswith("text,pair,label")
    both = said("predict", model, "one", "--threads", "1", "two", "--format", "jsonl")
    assert [json.loads(line)["text"] for line in both.splitlines()] == ["one", "two"]
    assert "- not a flag" in said("predict", model, "--", "- not a flag")


def test_evaluate_agrees_with_predict_and_judges_its_gates(place: Path, model: Path, said: Callable[..., str]):
    answers = said("predict", model, "--file", "good.csv", "--format", "jsonl").splitlines()
    truth = [label for _ in range(10) for _, label in ROWS]
    right = sum(json.loads(answer)["label"] == label for answer, label in zip(answers, truth, strict=True))
    found = json.loads(said("evaluate", model, "--data", "good.csv", "--json"))
    by_name = {finding["name"]: finding for finding in found["findings"]}
    assert by_name["quality.accuracy"]["value"] == right / 40
    assert by_name["quality.accuracy"]["n"] == 40
    assert by_name["cost.parameters"]["value"] > 0
    assert "rows" not in by_name["quality.accuracy"]
    assert "accuracy" in said("evaluate", model, "--data", "good.csv", "--fail-if", "accuracy<0")
    missed = said(
        "evaluate", model, "--data", "good.csv", "--fail-if", "accuracy<=1", "--fail-if", "size_bytes>9e9", code=1
    )
    assert "missed: accuracy<=1" in missed
    assert "size_bytes" not in missed.split("missed:")[1]


def test_evaluate_reads_labels_that_differ_in_case(place: Path, model: Path, said: Callable[..., str]):
    content = (place / "good.csv").read_text(encoding="utf-8")
    (place / "upper.csv").write_text(content.replace("positive", "Positive"), encoding="utf-8")
    accuracy = [
        json.loads(said("measure", "quality", model, "--data", name, "--json"))["findings"][0]["value"]
        for name in ("good.csv", "upper.csv")
    ]
    assert accuracy[0] == accuracy[1]


def test_a_model_agrees_with_itself(place: Path, model: Path, said: Callable[..., str]):
    found = json.loads(said("measure", "agreement", model, "--against", model, "--data", "good.csv", "--json"))
    assert {f["name"]: f["value"] for f in found["findings"]}["agreement.same_label"] == 1.0


def test_explain_names_every_word_and_writes_a_page(place: Path, model: Path, said: Callable[..., str]):
    row = json.loads(said("explain", model, "a <b>warm</b> film", "--html", "why.html", "--json"))[0]
    assert len(row["words"]) == len(row["scores"]) > 2
    page = (place / "why.html").read_text(encoding="utf-8")
    assert "&lt;" in page
    assert "<b>" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_step_writes_a_model_that_predicts_and_leaves_no_scratch(place: Path, model: Path, said: Callable[..., str]):
    assert "written: cut" in said("prune", "depth", model, "--keep", "1", "--data", "good.csv", "--out", "cut")
    lineage = json.loads((place / "cut" / "lineage.json").read_text(encoding="utf-8"))
    assert lineage[-1]["step"] == "prune.depth"
    assert lineage[-1]["settings"]["keep"] == 1
    assert sorted(p.name for p in place.iterdir()) == ["cut", "good.csv"]
    assert said("predict", "cut", "a text").startswith("text,label")


def test_the_doctor_of_data_tells_lines_and_sets_the_exit_code(place: Path, said: Callable[..., str]):
    (place / "test.csv").write_text("text,label\nA warm film 0,positive\nnew,negative\n", encoding="utf-8")
    text = said("data", "check", "good.csv", "--test", "test.csv", code=1)
    assert "error: good.csv:2: 1 row whose text also stands in test.csv (first: its line 2)" in text
    said("data", "check", "good.csv", "--test", "test.csv", "--allow-leakage")
    found = json.loads(said("data", "check", "good.csv", "--json"))
    assert found == {"rows": {"train": 40}, "findings": []}


def test_convert_makes_a_refused_file_readable(place: Path, said: Callable[..., str]):
    (place / "gbk.csv").write_bytes("text,label\n很好,好评\n很差,差评\n".encode("gb18030"))
    said("data", "check", "gbk.csv", code=2)
    said("data", "convert", "gbk.csv", "--encoding", "gb18030", "--out", "utf8.jsonl")
    assert json.loads((place / "utf8.jsonl").read_text(encoding="utf-8").splitlines()[0])["label"] == "好评"
    said("data", "check", "utf8.jsonl")


def test_list_tells_a_methods_settings(said: Callable[..., str]):
    assert "keep" in said("list", "prune.depth")
    methods = json.loads(said("list", "prune", "--json"))
    assert {m["name"].split(".")[0] for m in methods} == {"prune"}


WITHOUT_TRAINING = """
import sys
for name in ("torch", "transformers", "onnx", "onnxscript", "scipy", "sklearn", "pandas", "pyarrow", "datasets", "psutil"):
    sys.modules[name] = None
from llamita.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_the_light_core_alone_predicts_measures_and_explains_an_exported_folder(
    place: Path, model: Path, said: Callable[..., str]
):
    said("export", model, "--to", "onnx", "--out", "light")
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
        done = subprocess.run(command, capture_output=True, env=environment(), cwd=place)
        assert done.returncode == 0, done.stderr.decode()
    assert (place / "page" / "report.html").stat().st_size > 1000
    command = [sys.executable, "-c", WITHOUT_TRAINING, "predict", str(model), "a text"]
    done = subprocess.run(command, capture_output=True, env=environment())
    assert (done.returncode, b"pip install 'llamita[train]'" in done.stderr) == (2, True)


def test_doctor_tells_machine_versions_and_extras(said: Callable[..., str]):
    found = json.loads(said("doctor", "--json"))
    assert found["machine"]["cores"] >= 1
    assert "numpy" in found["versions"]
    assert set(found["extras"]) == {"train", "onnx", "zh"}
    assert "smollm2" in found["models"]
    assert "processor" in said("doctor")


def test_lighten_hands_its_flags_to_the_function_and_tells_missed_goals(
    place: Path, said: Callable[..., str], monkeypatch: pytest.MonkeyPatch
):
    from llamita.core.report import Goal, Report

    given: dict[str, object] = {}
    goals = (
        Goal(name="max_size", limit=2e7, unit="bytes", value=1e7, met=True),
        Goal(name="keep", limit=0.99, unit="share", value=0.95, met=False, advice="relax it: --keep 0.95"),
    )

    def lighten(model: str | None, **settings: object) -> Report:
        given.update(settings, model=model)
        return Report(title="light", task={}, subjects=(), goals=goals)

    monkeypatch.setattr(import_module("llamita.lighten"), "lighten", lighten)
    words = ["lighten", "--data", "good.csv", "--max-size", "20MB", "--max-latency", "5ms", "--labels", "a,b"]
    text = said(*words, "--columns", "text=text,label=label", "--redact", "--language", "zh", code=1)
    assert given["max_size"] == 20_000_000
    assert given["max_latency"] == 5.0
    assert given["labels"] == ("a", "b")
    assert given["columns"] == {"text": "text", "label": "label"}
    assert (given["model"], given["out"], given["redact"], given["language"]) == (None, Path("light-good"), True, "zh")
    assert "goal max-size 20 MB: met, 10 MB." in text
    assert "goal keep 99.0 %: missed, 95.0 %. relax it: --keep 0.95." in text


def test_the_demo_finds_its_data_or_says_so(place: Path, monkeypatch: pytest.MonkeyPatch, said: Callable[..., str]):
    from llamita.core.report import Report

    given: dict[str, object] = {}
    monkeypatch.setattr(
        "llamita.lighten.lighten", lambda *_, **k: given.update(k) or Report(title="", task={}, subjects=())
    )
    data = place / "examples" / "data"
    data.mkdir(parents=True)
    for name in ("sst2_train.csv", "sst2_validation.csv"):
        (data / name).write_text("text,label\na,b\n", encoding="utf-8")
    said("demo", "--minutes", "3")
    assert given["data"] == str(data / "sst2_train.csv")
    assert (given["minutes"], given["out"]) == (3.0, Path("demo-light"))
    (data / "sst2_train.csv").unlink()
    monkeypatch.setattr("llamita.__file__", str(place / "site" / "llamita" / "__init__.py"))
    said("demo", code=2)


@pytest.mark.parametrize(("text", "size"), [("20MB", 20_000_000), ("1.5 kB", 1500), ("2MiB", 2 << 20), ("7", 7)])
def test_sizes_are_decimal(text: str, size: int):
    assert values.size(text) == size


@pytest.mark.parametrize(("text", "ms"), [("5ms", 5.0), ("0.5s", 500.0), ("250us", 0.25), ("3", 3.0)])
def test_latencies_are_milliseconds(text: str, ms: float):
    assert values.latency(text) == pytest.approx(ms)


def test_a_gate_fails_on_a_missing_value():
    gate = values.Gate("latency_p95_ms > 5")
    assert gate.holds_for({"cost.latency_p95_ms": 5.1})
    assert not gate.holds_for({"cost.latency_p95_ms": 5.0})
    assert gate.holds_for({"cost.latency_p95_ms": None})


def test_overrides_reach_into_a_recipe():
    recipe = {"model": "m", "steps": ["learn.finetune", {"prune.depth": {"keep": 2}}]}
    changed = values.overridden(recipe, ["seed=3", "steps.0.epochs=1.5", "steps.1.keep=4", "task.classify.train=a.csv"])
    assert changed == {
        "model": "m", "seed": 3, "steps": [{"learn.finetune": {"epochs": 1.5}}, {"prune.depth": {"keep": 4}}],
        "task": {"classify": {"train": "a.csv"}},
    }  # fmt: skip
    assert recipe["steps"][0] == "learn.finetune"


def test_flags_are_read_as_their_annotations_say():
    assert values.choices_of("Literal['a', 'b'] | None") == ("a", "b")
    assert values.sequence_of("tuple[int, ...] | None") == "int"
    assert values.sequence_of("float | None") is None
