"""Progress bars: in a terminal and in a notebook, nowhere else."""

from __future__ import annotations

import os
import sys
from typing import Any


def progress_bar(total: int, title: str, unit: str = "step", done: int = 0) -> Any:
    """A tqdm bar on standard error, silent when nobody watches or TQDM_DISABLE is set.

    Args:
        done: what an earlier call did; pace and time left are of the rest.
    """
    from tqdm.auto import tqdm

    watched = (sys.stderr.isatty() or "ipykernel" in sys.modules) and not os.environ.get("TQDM_DISABLE")
    return tqdm(
        total=total, initial=done, desc=title, unit=unit, disable=not watched, leave=False, dynamic_ncols=True
    )  # fmt: skip
