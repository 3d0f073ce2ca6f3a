"""Numbers and tables as a reader of the terminal sees them."""

from __future__ import annotations

import json

import pytest

from llamita._cli import show
from llamita._cli.language import speaking
from llamita.core.measure import Finding


@pytest.fixture(autouse=True)
def _no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.8764, "share", "87.6 %"), (1, "share", "100.0 %"), (-0.05, "share", "-5.0 %"),
        (0.9996, "share", "99.96 %"), (-0.0004, "share", "-0.04 %"), (-1e-15, "share", "0.0 %"),
        (0.000032, "nats", "0.000032 nats"), (12_345_678, "bytes", "12.3 MB"),
        (3, "ms", "3 ms"), (0.12346, "ms", "0.1235 ms"), (1.234, "ms", "1.23 ms"), (123.46, "ms", "123.5 ms"),
        (12_345.6, "1/s", "12,346 1/s"), (30_242, "", "30,242"), (-2.346, "nats", "-2.35 nats"),
    ],
)  # fmt: skip
def test_a_number_is_rounded_to_what_matters_and_carries_its_unit(value: float, unit: str, text: str):
    assert show.quantity(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (132_400, "132 kB"),
        (1e6, "1 MB"),
        (999_700_000, "1 GB"),
        (2_500_000_000, "2.5 GB"),
    ],
)
def test_bytes_are_decimal(value: float, text: str):
    assert show.bytes_text(value) == text


def test_in_chinese_a_unit_that_is_a_word_is_chinese():
    with speaking("zh"):
        found = [show.quantity(2.5, unit) for unit in ("times", "nats", "correlation", "ms")]
    assert found == ["2.50 倍", "2.50 nat", "2.50 （相关系数）", "2.50 ms"]


def test_an_interval_stands_in_brackets_and_says_its_unit_once():
    finding = Finding(name="a", value=0.5, unit="share", interval=(0.25, 0.75))
    assert show.written(finding) == "50.0 % [25.0, 75.0]"
    assert show.written(Finding(name="a", value=2.5, unit="ms", interval=(2, 3.25))) == "2.50 ms [2, 3.25]"


def test_a_difference_of_shares_is_told_in_points():
    lost = Finding(name="quality.loss_to_reference", value=0.008, unit="share", interval=(-0.004, 0.02))
    assert show.written(lost) == "0.8 points [-0.4, 2.0]"


def test_a_value_that_is_missing_says_why():
    assert show.written(Finding(name="a", value=None, reason="no text has a word")) == "— no text has a word"
    assert show.written(Finding(name="a", value=0.0, unit="share")) == "0.0 %"


def cells(text: str) -> list[list[str]]:
    """Rows of a printed table, split where two spaces stand."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


def test_findings_stand_in_rows_and_models_in_columns(capsys: pytest.CaptureFixture[str]):
    accuracy = Finding(name="quality.accuracy", value=0.5, unit="share", n=1200)
    size = Finding(name="cost.size_bytes", value=2e6, unit="bytes")
    kept = Finding(name="agreement.same_label", value=0.9, unit="share", n=1200)
    show.findings_table([("large", [accuracy, size]), ("small", [accuracy, kept])], "on my texts")
    rows = cells(capsys.readouterr().out)
    assert ["on my texts"] in rows
    assert ["large", "small", "n"] in rows
    assert ["accuracy", "50.0 %", "50.0 %", "1,200"] in rows
    assert ["size", "2 MB"] in rows
    assert ["same label as the teacher", "90.0 %", "1,200"] in rows


def test_the_score_under_noise_is_named_as_what_it_is(capsys: pytest.CaptureFixture[str]):
    for score, said in (("quality.micro_f1", "micro-F1 under noise"), ("quality.accuracy", "accuracy under noise")):
        show.findings_table(
            [("a", [Finding(name="attack.noise", value=0.5, unit="share", n=9, detail={"score": score})])]
        )
        assert said in capsys.readouterr().out


def test_different_counts_are_told_from_least_to_most(capsys: pytest.CaptureFixture[str]):
    counts = [[Finding(name="odd", value=7.5, n=n)] for n in (500, 25, 60)]
    show.findings_table([(f"m{i}", found) for i, found in enumerate(counts)])
    assert ["odd", "7.50", "7.50", "7.50", "25–500"] in cells(capsys.readouterr().out)


def test_a_model_without_a_finding_leaves_its_own_column_empty(capsys: pytest.CaptureFixture[str]):
    only = Finding(name="odd", value=7)
    show.findings_table([("first", []), ("second", [only])])
    lines = capsys.readouterr().out.splitlines()
    head = next(line for line in lines if "second" in line)
    row = next(line for line in lines if "odd" in line)
    assert head.index("first") + len("first") < row.index("7") < head.index("second") + len("second")


def test_the_references_own_values_are_left_out(capsys: pytest.CaptureFixture[str]):
    found = [Finding(name="cost.latency_p50_ms", value=1), Finding(name="cost.reference_latency_p50_ms", value=2)]
    show.findings_table([("m", found)])
    told = capsys.readouterr().out
    assert "latency p50" in told
    assert "reference" not in told


def test_what_a_user_wrote_is_neither_markup_nor_emoji(capsys: pytest.CaptureFixture[str]):
    show.table(("a [b]head[/b]", "b"), [("[red]text[/red]", ":smile: [/]")], title="[i]title[/i]")
    told = capsys.readouterr().out
    for text in ("[b]head[/b]", "[red]text[/red]", ":smile: [/]", "[i]title[/i]"):
        assert text in told
    assert "\x1b" not in told


def test_a_long_cell_is_folded_and_never_cut(capsys: pytest.CaptureFixture[str]):
    word = "".join(f"{i:04}" for i in range(100))
    show.table(("name", "value"), [("x", word)])
    told = capsys.readouterr().out
    assert "".join(cell for row in cells(told) for cell in row if cell.isdigit()) == word


def test_away_from_a_terminal_a_line_of_150_characters_stays_one_line(capsys: pytest.CaptureFixture[str]):
    show.table(("", ""), [("x" * 70, "y" * 70)])
    assert any("x" * 70 in line and "y" * 70 in line for line in capsys.readouterr().out.splitlines())


def test_printed_json_keeps_chinese_readable(capsys: pytest.CaptureFixture[str]):
    show.print_json({"text": "很好", "n": [1, None]})
    told = capsys.readouterr().out
    assert "很好" in told
    assert json.loads(told) == {"text": "很好", "n": [1, None]}


def test_progress_is_silent_where_nobody_watches(capsys: pytest.CaptureFixture[str]):
    with show.progress() as bar:
        bar.advance(bar.add_task("texts.csv", total=None), 5)
    assert capsys.readouterr() == ("", "")
