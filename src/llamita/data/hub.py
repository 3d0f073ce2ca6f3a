"""Data sets of the Hugging Face Hub as data: owner/name, owner/name:split or owner/name:config:split."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from llamita.core.errors import UserError, first_line
from llamita.data.files import FORMATS, PACKED

NAMED = re.compile(
    r"(?P<id>[\w-][\w.-]*/[\w-][\w.-]*)(?::(?P<config>[\w.-]+))??(?::(?P<split>[\w.+-]+(?:\[[\w%:-]*\])?))?"
)
"""The last part after a colon is the split; a slice such as train[:1000] is one, too."""


def is_hub_id(named: str) -> bool:
    """Whether it reads like a data set of the Hub and nothing on this disk is called so."""
    match = NAMED.fullmatch(named)
    if match is None or Path(named).exists() or Path(match["id"]).suffix.lower() in (*FORMATS, *PACKED):
        return False
    return not Path(match["id"]).parent.is_dir()


def hub_dataset(named: str) -> Any:
    """The rows of one split; "train" where none is named. Fetched once, then read from the cache of `datasets`.

    Raises:
        UserError: no network, no such data set, configuration or split.
    """
    match = NAMED.fullmatch(named)
    assert match is not None
    try:
        import datasets
    except ImportError:
        raise UserError(f"reading {named} from the Hub needs datasets: pip install 'llamita[train]'") from None
    try:
        return datasets.load_dataset(match["id"], match["config"], split=match["split"] or "train")
    except ConnectionError as error:
        raise UserError(f"can't fetch {named!r}: {_reason(error)}. {ADVICE}") from None
    except FileNotFoundError as error:
        raise UserError(
            f"no file {named}, and no data set of this name on the Hub ({_reason(error)}). {ADVICE}"
        ) from None
    except (ValueError, OSError, RuntimeError) as error:
        raise UserError(
            f"can't read {named!r} from the Hub: {_reason(error)}. Name configuration and split: owner/name:config:split"
        ) from None


ADVICE = (
    "Without a network: give a file (CSV, JSONL, Parquet; any data set's page offers its files), or fill the cache elsewhere,"
    " copy it here (HF_HOME) and set HF_HUB_OFFLINE=1. HF_ENDPOINT names a mirror"
)


def _reason(error: Exception) -> str:
    return first_line(error).rstrip(".")[:200]
