"""A command run once in peace, and once more in processes that are killed one after another by SIGKILL.

    python -m tests.killed '[0.3, 0.2]' FOLDER lighten MODEL --out FOLDER ...

The first run's folder is put aside as FOLDER-calm, its plan is given to the others. Each of them dies before a change of its
own in FOLDER is carried out (a file opened for writing; a file or folder made, renamed or removed): the first after 0.3 of as
many changes as the calm run made, the second after 0.2 of them, and the last one runs to its end. What a kill leaves behind
is decided by which changes had happened, so these are the moments there are, and the same ones on any machine. Each process is
forked from this one, which has imported everything: that is most of a small run's time. Prints each one's exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from tests.brief import be_brief

CHANGES = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate")
IMPORTED = (
    "onnxruntime", "onnxscript", "sklearn.linear_model", "torch.onnx", "transformers.models.bert.modeling_bert",
    "transformers.trainer", "llamita.export.onnx", "llamita.lighten", "llamita.pages.report", "llamita.unlabelled",
)  # fmt: skip


def counted(folder: Path, last: int | None) -> list[int]:
    """Count this process's changes in the folder from now on, and die before the last one that is allowed."""
    seen = [0]

    def watch(event: str, given: tuple) -> None:
        if event == "open":
            path, mode, flags = given
            writes = any(letter in mode for letter in "wax+") if mode else flags & (os.O_WRONLY | os.O_RDWR)
        else:
            writes, path = event in CHANGES, given[0] if given else None
        if writes and isinstance(path, (str, os.PathLike)) and Path(path).absolute().is_relative_to(folder):
            seen[0] += 1
            if seen[0] == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    return seen


def one(words: list[str], folder: Path, last: int | None = None) -> tuple[int, int]:
    """Exit code (-9 when killed) and changes of the command in a process of its own; 0 changes where it was killed."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.close(ours)
        code = 70
        try:
            from llamita.cli import main

            seen = counted(folder, last)
            code = main(words)
            os.write(theirs, str(seen[0]).encode())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        told = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), int(told or 0)


def all_of_them(shares: list[float], folder: Path, words: list[str]) -> list[int]:
    """The exit codes: of the calm run, of those that are killed, and of the last."""
    code, changes = one(words, folder)
    calm = folder.with_name(f"{folder.name}-calm")
    folder.rename(calm)
    if (calm / "plan.json").exists():
        folder.mkdir()
        shutil.copy(calm / "plan.json", folder)
    return [code, *(one(words, folder, round(share * changes))[0] for share in shares), one(words, folder)[0]]


if __name__ == "__main__":
    import torch

    for module in IMPORTED:
        importlib.import_module(module)
    torch.set_num_threads(1)
    be_brief(pytest.MonkeyPatch())
    ends = all_of_them(json.loads(sys.argv[1]), Path(sys.argv[2]).absolute(), sys.argv[3:])
    print(json.dumps(ends))
