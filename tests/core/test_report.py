"""The report is plain data: it goes to JSON and back, follows its schema, and can be rid of the users' texts."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from llamita.core.errors import UserError
from llamita.core.measure import Finding
from llamita.core.report import SCHEMA_FILE, Goal, Report, Subject
from llamita.core.store import address


def report() -> Report:
    findings = (
        Finding(
            name="quality.accuracy", value=0.9, unit="share", interval=(0.8, 0.95), better="higher", n=10,
            detail={"confusion": [[4, 1], [0, 5]]},
            rows=({"index": 0, "text": "secret words", "pair": "secret pair", "label": "a"},),
        ),
        Finding(
            name="cost.peak_memory_bytes", value=None, unit="bytes", better="lower",
            reason="this system has no way to read it",
        ),
        Finding(
            name="explain.occlusion", value=0.2, n=1,
            rows=({"index": 0, "text": "secret words", "words": ["secret", "words"], "scores": [1.0, 0.0]},),
        ),
        Finding(
            name="attack.noise", value=0.5, n=1, rows=({"index": 0, "text": "secret words", "noisy": "secrte words"},)
        ),
        Finding(name="samples.filled", value=1.0, rows=({"index": 0, "given": "secret [MASK]", "text": "secret words"},)),
    )  # fmt: skip
    lineage = ({"step": "load", "settings": {"model": "x/y"}, "parameters": 10},)
    candidate = {"name": "c", "size_bytes": 5, "score": 0.8, "interval": [0.7, 0.9], "n": 10}
    doubt = {"kind": "empty", "severity": "warning", "file": "f.csv", "line": 3, "count": 1}
    return Report(
        title="t",
        task={"labels": ["a", "b"]},
        command="llamita run r.yaml",
        seed=3,
        subjects=(Subject(name="m", role="light", path="light/onnx", lineage=lineage, findings=findings),),
        goals=(Goal(name="max_size", limit=1e6, unit="bytes", value=2e6, met=False, advice="relax it"),),
        candidates=({**candidate, "on_front": True, "chosen": False, "note": ""},),
        machine={"threads": 2},
        versions={"python": "3.11"},
        notes=("a note",),
        data_findings=({**doubt, "message": "1 row with an empty text", "remedy": "fill it"},),
    )


def schema() -> dict:
    return json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))


def test_the_schema_is_itself_valid_and_describes_a_report() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(json.loads(json.dumps(report().to_dict())), schema())


@pytest.mark.parametrize(
    ("key", "wrong"), [("seed", "three"), ("subjects", [{"name": "x"}]), ("goals", [{"name": "keep"}]), ("extra", 1)]
)
def test_the_schema_refuses_what_is_not_a_report(key: str, wrong: object) -> None:
    data = json.loads(json.dumps(report().to_dict())) | {key: wrong}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema())


def test_a_missing_value_needs_a_reason() -> None:
    data = json.loads(json.dumps(report().to_dict()))
    data["subjects"][0]["findings"][1]["reason"] = ""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema())


def test_a_report_comes_back_equal_from_its_dict_and_from_its_file(tmp_path: Path) -> None:
    assert Report.from_dict(report().to_dict()) == report()
    report().save(tmp_path / "report.json")
    assert Report.load(tmp_path / "report.json") == report()
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_a_report_shows_itself_in_a_line_and_in_a_notebook() -> None:
    assert repr(report()).startswith(f"<Report {report().title!r}: ")
    assert len(repr(report())) < 300
    assert "<table" in report()._repr_html_()


def test_a_subject_and_a_finding_show_themselves_in_a_line() -> None:
    shown, none = (
        Finding(name="a.b", value=0.9, unit="share", interval=(0.8, 0.95), n=1000),
        Finding(name="c", value=None),
    )
    assert repr(replace(shown, rows=({"text": "secret"},))) == "<Finding a.b: 0.9 share [0.8, 0.95], n = 1,000>"
    assert repr(replace(none, reason="it has no labels")) == "<Finding c: no value, it has no labels>"
    subject = Subject(name="x", role="light", findings=(shown, none))
    assert repr(subject) == "<Subject 'x' (light): a.b, c>"
    assert repr(replace(subject, findings=())) == "<Subject 'x' (light): nothing measured>"


def test_a_redacted_report_has_the_numbers_but_no_text() -> None:
    hidden = report().redacted()
    assert not any(word in json.dumps(hidden.to_dict()) for word in ("secret", "secrte"))
    assert hidden.subjects[0].findings[0].value == 0.9
    jsonschema.validate(json.loads(json.dumps(hidden.to_dict())), schema())


def test_a_redacted_finding_of_the_data_quotes_no_text() -> None:
    found = {
        "kind": "encoding", "severity": "warning", "message": "2 rows in a wrong encoding such as 'secret cafÃ©'",
        "quotes": ["secret cafÃ©"],
    }  # fmt: skip
    open_ = replace(report(), data_findings=(found,))
    jsonschema.validate(json.loads(json.dumps(open_.to_dict())), schema())
    (hidden,) = open_.redacted().data_findings
    assert hidden["message"] == "2 rows in a wrong encoding such as '…'"
    assert "secret" not in json.dumps(hidden)


def test_a_file_name_that_is_no_utf8_keeps_no_report_from_being_written(tmp_path: Path) -> None:
    named = replace(report(), command="llamita lighten --data caf\udce9.csv")
    named.save(tmp_path / "report.json")
    assert Report.load(tmp_path / "report.json") == named
    assert len(address({"data": "caf\udce9.csv"})) == 64


def test_a_report_is_found_in_its_runs_folder_and_what_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report().save(str(tmp_path / "report.json"))
    assert Report.load(str(tmp_path)) == report() == pickle.loads(pickle.dumps(report())) == copy.deepcopy(report())
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Report.load("~/report.json") == report()
    (tmp_path / "other.json").write_text('{"a": 1}', encoding="utf-8")
    for path, said in (
        (tmp_path / "none.json", "no report .*none.json"),
        (tmp_path / "other.json", "is no report of this"),
    ):
        with pytest.raises(UserError, match=said):
            Report.load(path)
    with pytest.raises(UserError, match=r"a report is a report.json or a run's folder, got None"):
        Report.load(None)  # type: ignore[arg-type]
