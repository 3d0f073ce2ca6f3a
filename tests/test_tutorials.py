"""The tutorials run from their first cell to the last, on a tiny teacher."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "docs" / "tutorials"


@pytest.mark.parametrize("tutorial", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_a_tutorial_runs(tutorial, tmp_path):
    environment = {**os.environ, "LLAMITA_QUICK": "1", "LLAMITA_OUT": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(tutorial)], cwd=FOLDER, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert list(tmp_path.glob("*/report.html"))
