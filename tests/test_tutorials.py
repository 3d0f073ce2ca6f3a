"""The tutorials run from their first cell to the last, on tiny models; Chinese twins and notebooks hold the same code."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "tutorials"
ENGLISH = sorted(FOLDER.glob("*.py"))
CHINESE = sorted((FOLDER / "zh").glob("*.py"))
PAGES = {"first_light_model": "light-films", "first_fine_tuning": "light-topics", "sentiment_in_chinese": "light-zh"}
"""Folders of the runs that a tutorial makes; each ends with a page."""
BRIEFLY = """
import runpy, sys
import pytest
from tests.brief import be_brief
be_brief(pytest.MonkeyPatch())
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def code_of(tutorial: Path) -> list[str]:
    """The code cells, without the prose between them."""
    cells = re.split(r"(?m)^# %%", tutorial.read_text(encoding="utf-8"))[1:]
    return [cell.strip() for cell in cells if not cell.startswith(" [markdown]")]


@pytest.mark.parametrize("tutorial", ENGLISH, ids=lambda path: path.stem)
def test_a_tutorial_runs(tutorial: Path, tmp_path: Path) -> None:
    if "import jieba" in tutorial.read_text(encoding="utf-8"):
        pytest.importorskip("jieba")
    environment = {**os.environ, "LLAMITA_QUICK": "1", "LLAMITA_OUT": str(tmp_path), "OMP_NUM_THREADS": "1"}
    environment.pop("LLAMITA_ENCODER", None)
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", BRIEFLY, str(tutorial)], cwd=FOLDER, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    if tutorial.stem in PAGES:
        assert (tmp_path / PAGES[tutorial.stem] / "report.html").exists()


@pytest.mark.parametrize("tutorial", CHINESE, ids=lambda path: path.stem)
def test_a_chinese_tutorial_holds_the_code_of_its_english_twin(tutorial: Path) -> None:
    assert code_of(tutorial) == code_of(FOLDER / tutorial.name)


@pytest.mark.parametrize("tutorial", [*ENGLISH, *CHINESE], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_notebook_holds_the_cells_of_its_source_with_their_results(tutorial: Path) -> None:
    notebook = json.loads(tutorial.with_suffix(".ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert ["".join(cell["source"]).strip() for cell in cells] == code_of(tutorial)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]
