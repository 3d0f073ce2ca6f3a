"""The pages: complete, escaped, self-contained, free of the users' texts when asked."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest
from tests.pages import sample_reports
from tests.pages.sample_reports import CHINESE, HOSTILE, LONG_WORD, chinese_report, comparison_report, english_report

from llamita.core.measure import Finding
from llamita.core.report import SCHEMA_FILE, Goal, Report, Subject
from llamita.pages import format as write
from llamita.pages._examples import changes, coloured, noisy_texts
from llamita.pages._table import groups, ratio
from llamita.pages._view import tiles
from llamita.pages.report import html_summary, write_pages
from llamita.pages.strings import words


class Page(HTMLParser):
    """What a browser would see: tags with attributes, and the text outside style and script."""

    def __init__(self, source: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "link", "img", "input", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += data


def written(report: Report, folder: Path, **options) -> tuple[Page, str, str]:
    write_pages(report, folder, **options)
    source = (folder / "report.html").read_text(encoding="utf-8")
    return Page(source), source, (folder / "report.md").read_text(encoding="utf-8")


def squeezed(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").split())


@pytest.mark.parametrize("make", [english_report, chinese_report, comparison_report])
def test_the_sample_reports_follow_the_schema(make) -> None:
    jsonschema.validate(json.loads(json.dumps(make().to_dict())), json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


@pytest.mark.parametrize("make", [english_report, chinese_report, comparison_report])
def test_tags_are_closed_and_ids_are_unique(make, tmp_path: Path) -> None:
    page, _, _ = written(make(), tmp_path)
    assert page.open == []
    ids = [given["id"] for _, given in page.tags if "id" in given]
    assert len(ids) == len(set(ids))
    targets = [given["href"] for tag, given in page.tags if tag == "a"]
    assert targets
    assert all(target and target.removeprefix("#") in ids for target in targets)


def test_what_became_of_a_candidate_and_its_note_are_parted_by_a_comma(tmp_path: Path) -> None:
    *_, markdown = written(english_report(), tmp_path)
    (row,) = [line for line in markdown.splitlines() if "smallest that keeps 99 %" in line]
    assert row.endswith(", smallest that keeps 99 % |")


def test_the_headline_is_the_heading_of_the_page(tmp_path: Path) -> None:
    page, _, markdown = written(english_report(), tmp_path)
    first = "The teacher bought nothing measurable: +1.5 points"
    assert squeezed(page.text).index(first) < 200
    assert first in markdown.splitlines()[2]


def test_users_texts_are_escaped(tmp_path: Path) -> None:
    page, source, markdown = written(chinese_report(), tmp_path, language="zh")
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not {"img", "i", "iframe"} & {tag for tag, _ in page.tags}
    assert all(not name.startswith("on") for _, given in page.tags for name in given)
    assert "<script>alert" not in source
    assert "<script>" not in markdown
    assert "<b>" not in markdown
    assert "[a](javascript" not in markdown
    assert HOSTILE in page.text
    shown = [given for _, given in page.tags if given.get("class", "").startswith("said")]
    assert {given.get("dir") for given in shown} == {"auto"}, "texts are read in their own direction"


def test_nothing_is_loaded_from_anywhere(tmp_path: Path) -> None:
    page, source, _ = written(english_report(), tmp_path)
    assert not [
        tag for tag, given in page.tags if tag in ("link", "img", "iframe", "object", "embed") or "src" in given
    ]
    assert "url(" not in source
    assert "@import" not in source
    assert "default-src 'none'" in source
    assert not re.search(r"https?://", source)


def test_the_policy_allows_only_the_page_s_own_script(tmp_path: Path) -> None:
    import base64
    import hashlib

    _, source, _ = written(english_report(), tmp_path)
    script = re.search(r"<script>(.*?)</script>", source, re.DOTALL)
    assert script is not None
    assert f"sha256-{base64.b64encode(hashlib.sha256(script.group(1).encode()).digest()).decode()}" in source


@pytest.mark.parametrize("make", [english_report, chinese_report, comparison_report])
def test_every_accuracy_stands_with_its_interval_and_n(make, tmp_path: Path) -> None:
    page, _, markdown = written(make(), tmp_path)
    for subject in make().subjects:
        found = subject.finding("quality.accuracy")
        low, high = (f"{100 * bound:.1f}" for bound in found.interval)
        cell = f"{100 * found.value:.1f} % [{low}, {high}] n = {found.n}"
        assert cell in squeezed(re.sub(r"\(best of the row\)", "", page.text)), subject.name
        assert cell in squeezed(markdown.replace("\\", "")), subject.name


def test_a_missing_finding_shows_its_reason(tmp_path: Path) -> None:
    page, _, markdown = written(chinese_report(), tmp_path, language="zh")
    for reason in ("本系统无法读取峰值内存 <i>", "没有教师模型的概率"):
        assert reason in page.text
    assert "没有教师模型的概率" in markdown


def test_sections_without_data_are_left_out(tmp_path: Path) -> None:
    page, _, _ = written(comparison_report(), tmp_path)
    ids = {given["id"] for _, given in page.tags if "id" in given}
    assert {"table", "scatter", "confusion", "examples"} <= ids
    assert not {"goals", "cascade", "reliability", "noise", "lineage", "run"} & ids


def test_several_light_models_are_told_apart_by_name_everywhere(tmp_path: Path) -> None:
    report = comparison_report()
    lights = tuple(replace(s, role="light") if s.role == "model" else s for s in report.subjects)
    page, source, _ = written(replace(report, subjects=lights), tmp_path)
    assert "light-a/onnx can't be told from teacher-folder" in squeezed(page.text)
    assert source.count('class="name role-light">light-b/onnx<') == 2
    assert 'class="tiles"' not in source
    assert "fp32 PyTorch" not in page.text


def test_an_empty_report_is_still_a_page(tmp_path: Path) -> None:
    page, _, markdown = written(Report(title="nothing", task={}, subjects=()), tmp_path)
    assert "nothing" in page.text
    assert markdown.startswith("# nothing")


def test_a_redacted_page_holds_no_text_of_the_users(tmp_path: Path) -> None:
    _, source, markdown = written(english_report(), tmp_path, redact=True)
    for sentence, _ in sample_reports.SENTENCES:
        assert sentence not in source
        assert sentence not in markdown
        said = [word for word in sentence.split() if word.isalpha()]
        for pair in (" ".join(two) for two in pairwise(said)):
            assert len(pair) < 12 or pair not in source + markdown, pair
    _, source, markdown = written(chinese_report(), tmp_path, redact=True, language="zh")
    for text in (*CHINESE, LONG_WORD, "第218条", "alert("):
        assert text not in source + markdown


def test_a_redacted_page_keeps_the_numbers(tmp_path: Path) -> None:
    page, _, _ = written(english_report(), tmp_path, redact=True)
    assert "Of 872 texts the light model lost 20" in squeezed(page.text)
    assert "left out" in page.text


@pytest.mark.parametrize(("language", "said"), [("en", "explained ones first"), ("zh", "先列有词语解释的")])
@pytest.mark.parametrize("labelled_by", [None, {"checked": False, "teacher": "Big"}])
def test_explained_examples_are_said_to_come_first_only_where_some_are(
    labelled_by: dict[str, object] | None, language: str, said: str, tmp_path: Path
) -> None:
    report = english_report()
    if labelled_by:
        report = replace(report, task=report.task | {"labelled_by": labelled_by})
    unexplained = tuple(
        replace(s, findings=tuple(f for f in s.findings if not f.name.startswith("explain."))) for s in report.subjects
    )
    assert said in squeezed(written(report, tmp_path, language=language)[0].text)
    for other, how in ((replace(report, subjects=unexplained), {}), (report, {"redact": True})):
        page, _, markdown = written(other, tmp_path, language=language, **how)
        assert said not in squeezed(page.text) + markdown


def test_a_chinese_page_says_nothing_in_english(tmp_path: Path) -> None:
    page, source, markdown = written(chinese_report(), tmp_path, language="zh")
    assert '<html lang="zh-Hans">' in source
    english = {
        text for key, text in words("en").items() if len(text) > 6 and text != words("zh")[key] and "{" not in text
    }
    assert [text for text in english if text in page.text or text in markdown] == []


def test_a_chinese_page_says_in_chinese_what_the_run_wrote_into_the_report(tmp_path: Path) -> None:
    report = replace(
        english_report(), notes=("Left out of training, since the test split has them too: 3 of the training texts",)
    )
    page, _, markdown = written(report, tmp_path, language="zh")
    for text in (page.text, markdown.replace("\\", "")):
        assert "3 条训练文本也出现在测试集中，已从训练中去掉" in text
        assert "可放宽：--max-latency 3.5ms，或增加 --threads" in text
        assert "9 行与前面的文本和标签重复" in text
    assert "relax it" not in page.text + markdown
    assert "relax it" in written(report, tmp_path)[0].text


def test_a_chinese_page_names_models_candidates_and_the_machine_in_chinese(tmp_path: Path) -> None:
    report = english_report()
    teacher, *others = report.subjects
    tried = {
        "name": "teacher · 3 layers · FFN 256 · 2183 pieces",
        "size_bytes": 7e5,
        "score": 0.5,
        "n": 9,
        "latency_ms": 3,
    }
    report = replace(
        report, title="smollm2 made light", subjects=(replace(teacher, name="smollm2 (best plain int8)"), *others),
        candidates=({**tried, "note": "stands in linear/"},), machine={"cpu": "EPYC", "cores": 2, "memory_bytes": 9},
    )  # fmt: skip
    page, _, markdown = written(report, tmp_path, language="zh")
    for text in (page.text, markdown.replace("\\", "")):
        for wanted in (
            "smollm2 的轻量化",
            "teacher · 3 层 · FFN 256 · 2183 词元",
            "在 linear/ 中",
            "核数",
            "内存（字节）",
        ):
            assert wanted in text
    assert "smollm2（最佳直接 int8）" in page.text


def test_a_goal_that_was_missed_says_what_to_relax(tmp_path: Path) -> None:
    page, _, markdown = written(english_report(), tmp_path)
    for text in (page.text, markdown.replace("\\", "")):
        assert "--max-latency 3.5ms, or more --threads" in text
        assert "missed" in text


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_pages(english_report(), tmp_path / name)
    assert (tmp_path / "a" / "report.html").read_bytes().replace(b"/a/", b"/b/") == (
        tmp_path / "b" / "report.html"
    ).read_bytes()


def test_the_summary_for_notebooks_has_first_line_goals_and_table_but_no_texts() -> None:
    page = Page(html_summary(english_report()))
    assert page.open == []
    for words_there in ("bought nothing measurable", "Latency, p95", "TF-IDF"):
        assert words_there in page.text
    assert sample_reports.SENTENCES[0][0] not in page.text


def test_measured_ratios_go_to_the_reference_they_were_taken_against() -> None:
    report = english_report()
    light, int8, teacher = (report.subject(role) for role in ("light", "teacher_int8", "teacher"))
    rule = ("cost.latency_ratio", "cost.latency_p50_ms", False)
    assert ratio(light, int8, *rule).value == 9.41
    assert ratio(light, teacher, *rule).value == 32.0
    bare = replace(light, findings=tuple(f for f in light.findings if "_ratio" not in f.name))
    computed = ratio(bare, int8, *rule)
    assert computed.value == pytest.approx(18.4 / 1.956)
    assert computed.interval is None


def test_a_ratio_to_int8_is_not_taken_for_one_to_a_teacher_about_as_fast() -> None:
    report = english_report()
    light, teacher = report.subject("light"), report.subject("teacher")
    p50 = replace(teacher.finding("cost.latency_p50_ms"), value=20.0)
    teacher = replace(teacher, findings=tuple(p50 if f.name == p50.name else f for f in teacher.findings))
    to_int8 = replace(light.finding("cost.latency_ratio"), detail={"reference": "SmolLM2"})
    to_torch = replace(to_int8, name="cost.latency_ratio_to_torch", value=10.2)
    rest = tuple(f for f in light.findings if not f.name.startswith("cost.latency_ratio"))
    light = replace(light, findings=(*rest, to_int8, to_torch))
    assert ratio(light, teacher, "cost.latency_ratio", "cost.latency_p50_ms", False) is to_torch


def test_a_measured_ratio_stands_although_the_reference_was_slower_another_time() -> None:
    def timed(value: float) -> Finding:
        return Finding(name="cost.latency_p50_ms", value=value, unit="ms", n=500)

    measured = Finding(name="cost.latency_ratio", value=2.0, interval=(1.9, 2.1), n=5, detail={"reference": "films"})
    teacher = Subject(name="models/films", path="models/films", role="teacher", findings=(timed(9.0),))
    light = Subject(name="light", role="light", findings=(timed(2.0), measured))
    assert ratio(light, teacher, "cost.latency_ratio", "cost.latency_p50_ms", False) is measured


def test_the_best_of_a_row_is_marked_and_ties_are_not() -> None:
    rows = {row.label: row for _, group in groups(english_report(), words("en")) for row in group}
    assert [cell.best for cell in rows["Size on disk"].cells] == [False, False, False, True, False]
    assert [cell.best for cell in rows["Accuracy"].cells] == [True, False, False, False, False]
    assert not any(cell.best for cell in rows["Brier score"].cells)


def test_calibration_error_is_shown_above_its_floor() -> None:
    found = Finding(name="calibration.ece", value=0.03, better="lower", n=872, detail={"floor": 0.019})
    report = Report(title="x", task={}, subjects=(Subject(name="m", role="model", findings=(found,)),))
    cell = groups(report, words("en"))[0][1][0].cells[0]
    assert (cell.text, cell.note) == ("0.011", "ECE 0.030, floor 0.019")


def test_a_calibration_error_below_its_floor_is_none_and_no_better_than_another_such() -> None:
    def model(name: str, error: float) -> Subject:
        detail = {"floor": 0.019, "floor_interval": (0.01, 0.03)}
        found = Finding(name="calibration.ece", value=error, better="lower", n=872, detail=detail)
        return Subject(name=name, role="model", findings=(found,))

    report = Report(title="x", task={}, subjects=(model("a", 0.012), model("b", 0.018), model("c", 0.05)))
    cells = groups(report, words("en"))[0][1][0].cells
    assert [(cell.text, cell.best) for cell in cells] == [("0", True), ("0", True), ("0.031", False)]
    assert cells[0].note == "ECE 0.012, floor 0.019 [0.010, 0.030]"


def test_a_score_of_one_text_says_that_it_is_one() -> None:
    found = Finding(name="quality.accuracy", value=1.0, unit="share", interval=(0.2, 1.0), better="higher", n=1)
    size = Finding(name="cost.size_bytes", value=1e6, unit="bytes", better="lower", n=1)
    report = Report(title="x", task={}, subjects=(Subject(name="m", role="model", findings=(found, size)),))
    assert [group[0].cells[0].n for _, group in groups(report, words("en"))] == ["1", ""]


def test_coloured_words_keep_the_text_and_its_spaces() -> None:
    text = "well , not  bad at all ."
    pieces = coloured(text, ["well", "not", "bad", "at", "all"], [0.0, -0.2, 0.4, 0.001, 0.1])
    assert "".join(piece.text for piece in pieces) == text
    assert [(p.text, p.side, p.depth) for p in pieces if p.side] == [
        ("not", "against", 0.5),
        ("bad", "for", 1.0),
        ("all", "for", 0.25),
    ]


def test_words_that_left_no_trace_have_no_colour() -> None:
    assert not any(piece.side for piece in coloured("a b", ["a", "b"], [0.0, 0.0]))


def test_what_noise_wrote_is_marked_word_by_word_or_character_by_character() -> None:
    assert [piece for piece, changed in changes("a fine film", "a fnie film") if changed] == ["fnie"]
    assert [piece for piece, changed in changes("赢下了比赛", "赢下了比塞") if changed] == ["塞"]
    assert "".join(piece for piece, _ in changes("a  b\nc", "a  x\nc")) == "a  x\nc"


def test_many_labels_show_the_confusions_instead_of_a_matrix(tmp_path: Path) -> None:
    labels = [f"label {i}" for i in range(30)]
    table = [[9 if i == j else int(j == i + 1) * i for j in range(30)] for i in range(30)]
    found = Finding(
        name="quality.accuracy",
        value=0.5,
        interval=(0.4, 0.6),
        n=300,
        better="higher",
        detail={"labels": labels, "confusion": table, "per_class": {}},
    )
    page, _, _ = written(
        Report(title="x", task={}, subjects=(Subject(name="m", role="light", findings=(found,)),)), tmp_path
    )
    assert not any(given.get("class") == "matrix" for tag, given in page.tags if tag == "table")
    assert "label 28label 2928" in page.text


def test_ten_long_labels_can_be_pushed_sideways_and_broken(tmp_path: Path) -> None:
    labels = [f"{LONG_WORD}{i}" for i in range(10)]
    table = [[9 * (i == j) for j in range(10)] for i in range(10)]
    per_class = {label: {"precision": 1.0, "recall": None, "f1": 0.5, "n": 9} for label in labels}
    detail = {"labels": labels, "confusion": table, "per_class": per_class}
    found = Finding(name="quality.accuracy", value=1.0, interval=(0.96, 1.0), n=90, better="higher", detail=detail)
    report = Report(title="x", task={}, subjects=(Subject(name="m", role="light", findings=(found,)),))
    page, source, _ = written(report, tmp_path)
    assert page.open == []
    assert '<div class="sideways" tabindex="0"><table class="matrix">' in source
    assert '<table class="labels">' in source


def test_pages_are_written_without_torch() -> None:
    import subprocess
    import sys

    heavy = "('torch', 'transformers', 'scipy', 'matplotlib')"
    code = (
        f"import sys, llamita.pages.report, llamita.pages.model_card; sys.exit(any(m in sys.modules for m in {heavy}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.9995, "99.95"), (0.99996, "99.996"), (1.0, "100.0"), (1 - 1e-12, "100.0"), (0.0004, "0.04"), (0.0, "0.0"),
     (-1e-12, "0.0"), (0.884, "88.4")],
)  # fmt: skip
def test_a_share_that_is_not_all_is_not_shown_as_all(value: float, said: str) -> None:
    assert write.percent(value) == said


def test_a_threshold_is_told_from_certainty() -> None:
    assert [write.below_one(value) for value in (0.9971, 0.62, 0.99996, 1.0)] == ["0.997", "0.62", "0.99996", "1.00"]


def test_a_goal_that_was_missed_by_little_is_not_shown_as_reached(tmp_path: Path) -> None:
    goals = (
        Goal(name="keep", limit=0.99, unit="share", value=0.98961, met=False, interval=(0.968, 1.018), n=872),
        Goal(name="max_size", limit=12e6, unit="bytes", value=12_004_000, met=False),
        Goal(name="max_latency", limit=5.0, unit="ms", value=4.999, met=True),
        Goal(name="keep", limit=0.99, unit="share", value=None, met=True),
    )
    page, _, markdown = written(replace(english_report(), goals=goals), tmp_path)
    for text in (squeezed(page.text), squeezed(markdown.replace("\\", ""))):
        assert "98.96 % [96.8, 101.8] n = 872" in text
        assert "asked: at least 99.00 %" in text
        assert "12.004 MB" in text
        assert "asked: at most 12.000 MB" in text
        assert "asked: at most 5.00 ms" in text


def with_ratio(value: float, interval: tuple[float, float]) -> str:
    report = english_report()
    light = report.subject("light")
    found = tuple(
        replace(f, value=value, interval=interval) if f.name == "cost.latency_ratio" else f for f in light.findings
    )
    p50 = replace(light.finding("cost.latency_p50_ms"), value=18.4 / value)
    found = tuple(p50 if f.name == p50.name else f for f in found)
    subjects = tuple(replace(s, findings=found) if s is light else s for s in report.subjects)
    return tiles(replace(report, subjects=subjects), words("en"))[2]["gain"]


def test_a_tile_has_its_interval_and_says_slower_of_what_is_slower() -> None:
    assert with_ratio(9.41, (9.1, 9.7)) == "9.41× [9.10, 9.70] lower than the teacher's best int8"
    assert with_ratio(0.8, (0.5, 1.25)) == "1.25× [0.800, 2.00] the latency of the teacher's best int8"


def any_labels_report() -> Report:
    rows = (
        {"index": 0, "text": "a", "label": "x | y", "predicted": "x", "confidence": 0.9, "hits": 2.0, "weight": 3.0},
    )
    table = {"x": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "f1_interval": (0.7, 1.0), "n": 1}}
    score = Finding(
        name="quality.micro_f1", value=0.8, unit="share", interval=(0.7, 0.9), better="higher", n=40,
        detail={"labels": ["x", "y"], "per_class": table}, rows=rows,
    )  # fmt: skip
    bins = [{"low": 0.8, "high": 1.0, "n": 80, "confidence": 0.9, "accuracy": 0.85}]
    ece = Finding(
        name="calibration.ece", value=0.05, unit="share", better="lower", n=40,
        detail={"floor": 0.02, "floor_interval": (0.01, 0.04), "bins": bins},
    )  # fmt: skip
    task = {"task": "multilabel", "score": "quality.micro_f1", "labels": ["x", "y"], "sizes": {"test": 40}}
    return Report(title="x", task=task, subjects=(Subject(name="m", role="light", findings=(score, ece)),))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_of_any_labels_the_page_has_each_label_and_no_score_where_single_answers_are_counted(
    language: str, tmp_path: Path
) -> None:
    page, _, markdown = written(any_labels_report(), tmp_path, language=language)
    diagram = page.text[page.text.index(words(language)["reliability_text"][:12]) :]
    diagram = diagram[: diagram.index(words(language)["per_class"])]
    assert words(language)["plot_right"] in diagram
    assert "F1" not in diagram
    for text in (squeezed(page.text), squeezed(markdown.replace("\\", ""))):
        assert "100.0 % [70.0, 100.0]" in text
        assert "0.020 [0.010, 0.040]" in text


def test_texts_that_noise_did_not_turn_are_not_called_turned(tmp_path: Path) -> None:
    same = {
        "text": "a film",
        "noisy": "a fylm",
        "label": "positive",
        "clean_predicted": "positive",
        "predicted": "positive",
    }
    for row, heading in ((same, "none of them changed"), (same | {"predicted": "negative"}, "that changed the answer")):
        found = Finding(name="attack.noise", value=0.9, interval=(0.8, 1.0), n=9, detail={"clean": 0.9}, rows=(row,))
        report = Report(title="x", task={}, subjects=(Subject(name="m", role="light", findings=(found,)),))
        page, _, _ = written(report, tmp_path)
        assert heading in page.text


def test_what_noise_did_to_a_pair_is_marked_in_both_texts_alone() -> None:
    row = {
        "text": "new market", "pair": "old senate", "noisy": "new matket\nold senate", "clean_predicted": "a",
        "predicted": "b",
    }  # fmt: skip
    report = english_report()
    noise = Finding(name="attack.noise", value=0.5, rows=(row,))
    (turned,) = noisy_texts(replace(report.subjects[0], findings=(noise,)))
    assert [piece for piece, changed in turned["pieces"] if changed] == ["matket"]


def test_an_interval_breaks_in_a_narrow_column_and_never_runs_into_the_next(tmp_path: Path) -> None:
    write_pages(english_report(), tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<table class="compare' in page
    assert ".compare .small .nowrap { white-space: normal; }" in page


def test_many_columns_are_as_wide_as_their_words_and_few_as_wide_as_the_page(tmp_path: Path) -> None:
    report = comparison_report()
    names = [f"smollm2 · prune.vocabulary, distill.logits {i}" for i in range(6)]
    more = replace(report, subjects=(*report.subjects, *(replace(report.subjects[1], name=name) for name in names)))
    for shown, wide in ((report, False), (more, True)):
        page, source, _ = written(shown, tmp_path)
        assert ("broad" in [given.get("class") for _, given in page.tags]) == wide
    assert ".broad .compare { table-layout: auto; }" in source
