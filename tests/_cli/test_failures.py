"""What goes wrong becomes one line and an exit code; what is nobody's fault but ours goes to a file."""

from __future__ import annotations

import ast
import errno
import importlib
import re
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import llamita
from llamita._cli.failures import EXTRAS, explained
from llamita.core.errors import UserError


def caught(act: Callable[[], object]) -> BaseException:
    """What the act raises."""
    with pytest.raises(BaseException) as info:
        act()
    return info.value


def told(act: Callable[[], object]) -> str:
    """The line that the act's error becomes, which the user can mend."""
    code, line = explained(caught(act))
    assert code == 2, line
    assert "\n" not in line
    return line


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_users_error_is_told_in_one_line_whatever_it_quotes():
    assert explained(UserError("keep must be\n  in (0, 1],\tgot 2 ")) == (2, "keep must be in (0, 1], got 2")


def test_a_system_error_names_its_file_and_not_its_number(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    for path, act in (
        (tmp_path / "nowhere", (tmp_path / "nowhere").read_text),
        (tmp_path / "file" / "in", (tmp_path / "file" / "in").read_text),
        (tmp_path / "file", (tmp_path / "file").mkdir),
    ):
        line = told(act)
        assert line.startswith(f"{path}: ")
        assert "Errno" not in line


def test_a_full_disk_says_where(tmp_path: Path):
    code, line = explained(OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "model.safetensors")))
    assert code == 2
    assert line.startswith(f"the disk is full at {tmp_path / 'model.safetensors'}; free some space")


def test_too_many_open_files_say_what_to_raise():
    code, line = explained(OSError(errno.EMFILE, "Too many open files"))
    assert (code, "ulimit -n" in line) == (2, True)


def test_a_file_in_another_encoding_is_told_with_its_byte_and_the_remedy(tmp_path: Path):
    (tmp_path / "a.yaml").write_bytes("# 很好".encode("gb18030"))
    line = told(lambda: (tmp_path / "a.yaml").read_text(encoding="utf-8"))
    assert "byte 2" in line
    assert "llamita data convert" in line


def test_memory_that_torch_or_numpy_cannot_get_is_told_alike():
    import numpy
    import torch

    lines = {told(lambda: numpy.empty(1 << 55, "uint8")), told(lambda: torch.empty(1 << 55, dtype=torch.uint8))}
    assert len(lines) == 1
    assert "not enough memory" in lines.pop()


def test_a_weights_file_cut_short_is_called_damaged(tmp_path: Path):
    import numpy
    from safetensors import safe_open
    from safetensors.numpy import save_file

    file = tmp_path / "model.safetensors"
    save_file({"a": numpy.ones(100)}, file)
    file.write_bytes(file.read_bytes()[:-50])
    assert ".safetensors file is damaged" in told(lambda: safe_open(file, "numpy"))


def test_weights_that_the_system_does_not_let_be_written_are_not_called_damaged(tmp_path: Path):
    import numpy
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    assert "check the place" in told(lambda: save_file({"a": numpy.ones(9)}, tmp_path / "none" / "model.safetensors"))
    ends = {
        f"Disk quota exceeded (os error {errno.EDQUOT})": "the disk is full",
        "Read-only file system (os error 30)": "no right to write",
        "File too large (os error 27)": "a file: File too large; check the place",
    }
    for said, line in ends.items():
        code, found = explained(SafetensorError(f"Error while serializing: I/O error: {said}"))
        assert code == 2
        assert found.startswith(line)


def test_a_graph_that_is_none_is_told_with_the_way_out(tmp_path: Path):
    import onnxruntime

    (tmp_path / "model.onnx").write_bytes(b"no graph at all")
    line = told(lambda: onnxruntime.InferenceSession(str(tmp_path / "model.onnx")))
    assert line.startswith("onnxruntime can't run the model's file")
    assert "export it again" in line


@pytest.mark.parametrize(("extra", "module"), [(extra, module) for extra in EXTRAS for module in EXTRAS[extra]])
def test_a_missing_package_is_told_with_the_extra_that_brings_it(
    extra: str, module: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, module, None)
    line = told(lambda: importlib.import_module(f"{module}.inside"))
    assert f"needs {module}," in line
    assert f"pip install 'llamita[{extra}]'" in line
    assert ("exported folder" in line) == (module == "torch")


def imported() -> Iterator[tuple[str, str]]:
    """Packages that the library's modules import as they run, and where."""
    root = Path(llamita.__file__).parent
    for file in sorted(root.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        typing = [
            node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        ]
        unread = {id(inner) for node in typing for inner in ast.walk(node)}
        for node in ast.walk(tree):
            if id(node) in unread:
                continue
            if isinstance(node, ast.Import):
                yield from ((alias.name.split(".")[0], file.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module.split(".")[0], file.name


def test_every_package_that_may_be_missing_has_an_extra():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}
    core = (core - {"pyyaml"}) | {"yaml", "markupsafe"}
    with_extra = {module for modules in EXTRAS.values() for module in modules}
    in_its_place = {"onnx_ir", "tqdm", "modelscope"}
    """Refused where it is imported, or never there without torch."""
    known = core | with_extra | in_its_place | {"llamita", *sys.stdlib_module_names}
    assert [(package, file) for package, file in imported() if package not in known] == []
    assert set(EXTRAS) == set(project["optional-dependencies"]) - {"bench", "dev"}


def test_every_package_that_an_extra_brings_is_imported():
    by_others = {"accelerate", "pandas", "onnx", *EXTRAS["track"]}
    """By transformers, datasets and torch's exporter, or by a name that the user gives."""
    with_extra = {module for modules in EXTRAS.values() for module in modules}
    assert with_extra - {package for package, _ in imported()} == by_others


def test_a_package_that_no_extra_brings_is_our_bug(scratch: Path):
    code, line = explained(ModuleNotFoundError("No module named 'nothing'", name="nothing"))
    assert (code, "ModuleNotFoundError: No module named 'nothing'" in line) == (3, True)


def test_our_own_bug_is_exit_code_3_with_a_file_to_report(
    model: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("llamita.workshop.open_engine", lambda *_, **__: 1 / 0)
    line = refused("predict", model, "a text", code=3)
    assert "ZeroDivisionError" in line
    file = Path(line.split(" with ")[-1])
    assert "Traceback" in file.read_text(encoding="utf-8")
    file.unlink()


def test_a_bugs_file_holds_its_cause_and_what_no_terminal_shows(scratch: Path):
    def fail() -> None:
        try:
            raise KeyError("the cause")
        except KeyError as cause:
            raise ValueError("half a character: \udc80\nand more") from cause

    code, line = explained(caught(fail))
    assert code == 3
    assert "and more" not in line
    (file,) = scratch.iterdir()
    assert line.endswith(str(file))
    text = file.read_text(encoding="utf-8")
    assert "KeyError: 'the cause'" in text
    assert "\\udc80" in text
    assert "and more" in text


def test_a_bug_is_told_where_no_file_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    code, line = explained(RuntimeError())
    assert code == 3
    assert "RuntimeError" in line
    assert "Please report it" in line


def test_a_name_that_begins_with_a_tilde_and_is_no_home_is_told_in_a_line() -> None:
    assert told(lambda: Path("~$review.csv").expanduser()).startswith("a name that begins with ~ is taken for a home")


@pytest.mark.parametrize(
    "said",
    [
        "[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:4242",
        "[../gloo/transport/tcp/pair.cc:534] Read error [127.0.0.1]:9: Connection reset by peer",
        "NCCL error: remote process exited or there was a network error",
        "[gloo/transport/tcp/unbound_buffer.cc:81] Timed out waiting 1800000ms for recv operation to complete",
    ],
)
def test_a_process_that_lost_its_peer_says_so(said: str, scratch: Path) -> None:
    code, line = explained(RuntimeError(said))
    assert (code, list(scratch.iterdir())) == (2, [])
    assert line.startswith("another process of this run ended or can't be reached")
    assert explained(RuntimeError("Connection closed by peer"))[0] == 3, "of no process of ours"
