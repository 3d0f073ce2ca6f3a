"""Exceptions as an exit code and one line."""

from __future__ import annotations

import errno
import re
import tempfile
import traceback
from pathlib import Path

from llamita.core.errors import UserError

EXTRAS = {
    "train": ("torch", "transformers", "accelerate", "datasets", "datasketch", "peft", "gguf", "sentencepiece", "scipy", "sklearn",
              "psutil", "pyarrow", "pandas", "cleanlab"),
    "onnx": ("onnx", "onnxscript", "ml_dtypes"),
    "zh": ("jieba", "opencc"),
    "track": ("tensorboard", "mlflow", "trackio"),
}  # fmt: skip
"""Extras of the package and the modules each brings."""
SYSTEM_SAID = re.compile(r"I/O error: (?P<said>.*?) \(os error (?P<number>\d+)\)")
"""How the library of .safetensors files tells what the system said, as where a file can't be written."""
LOST_PEER = re.compile(
    r"(?i)(gloo|nccl).*(connection (reset|closed|refused)|remote process exited|timed? ?out)", re.DOTALL
)
"""How torch's ways between processes tell that one is gone."""
DISK_FULL = "the disk is full; free some space and give the same command again"


def explained(error: BaseException) -> tuple[int, str]:
    """The exit code and the line for the user; what is not the user's to mend goes to a file as our own bug."""
    line = _user_line(error)
    if line is not None:
        return 2, " ".join(line.split())
    return 3, _bug_line(error)


def _user_line(error: BaseException) -> str | None:
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return _missing_extra(error)
    if "No space left on device" in str(error) and not isinstance(error, OSError):
        return DISK_FULL
    if isinstance(error, MemoryError) or _torch_ran_out(error):
        return "not enough memory; take a smaller model, shorter texts or fewer at a time, or a machine with more"
    if isinstance(error, OSError):
        return _system_line(error)
    if isinstance(error, UnicodeDecodeError):
        remedy = "convert it: llamita data convert FILE --encoding gb18030 --out NEW"
        return f"a file is not UTF-8 (byte {error.start}); {remedy}"
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return "a name that begins with ~ is taken for a home, and there is none of this name; give the whole path"
    if isinstance(error, RuntimeError) and LOST_PEER.search(str(error)):
        return (
            "another process of this run ended or can't be reached; see what it says, and give the same command again: it goes on"
            " where it stopped"
        )
    return _damaged_model(error)


def _missing_extra(error: ModuleNotFoundError) -> str | None:
    package = (error.name or "").split(".")[0]
    extra = next((extra for extra, modules in EXTRAS.items() if package in modules), None)
    if extra is None:
        return None
    light = " (an exported folder, such as DIR/light/onnx, runs without it)" if package == "torch" else ""
    return f"this needs {package}, of the {extra} extra: pip install 'llamita[{extra}]'{light}"


def _torch_ran_out(error: BaseException) -> bool:
    text = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in text or "out of memory" in text.lower())


def _system_line(error: OSError) -> str | None:
    name = _final_name(str(error.filename)) if error.filename else ""
    where = f" at {name}" if name else ""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", -1)):
        return DISK_FULL.replace(";", f"{where};", 1)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"no right to write or read{where} ({error.strerror}); choose another folder, or change its rights"
    if error.errno == errno.EMFILE:
        return "too many open files; raise the limit (ulimit -n) or use fewer threads"
    if error.filename is None and error.errno is None:
        return _damaged_model(error)
    return f"{name or 'a file'}: {error.strerror or error}; check the place, or name another"


def _final_name(path: str) -> str:
    """What a temporary file or folder is to be called: .x.part, .x.123.part and .x.stages stand for x."""
    return re.sub(r"(^|/)\.([^/]+?)(?:\.\d+)?\.(?:part|stages|old)(?=/|$)", r"\1\2", path)


def _damaged_model(error: BaseException) -> str | None:
    """Errors of the libraries that read a model's files."""
    home = type(error).__module__.split(".")[0]
    first = next(iter(str(error).strip().splitlines()), type(error).__name__)
    if home.startswith("onnxruntime"):
        return f"onnxruntime can't run the model's file: {first[:200]}; if it is damaged or cut short, export it again"
    if home.startswith("safetensors") or "SafetensorError" in type(error).__name__:
        if refused := SYSTEM_SAID.search(first):
            return _system_line(OSError(int(refused["number"]), refused["said"]))
        return f"the model's .safetensors file is damaged ({first[:120]}); copy or make it again"
    return None


def _bug_line(error: BaseException) -> str:
    text = "".join(traceback.format_exception(error))
    what = f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')[:200]}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="llamita-bug-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as stream:
            stream.write(text)
        return f"a bug in llamita: {what}. Please report it on the project's issue page with {Path(stream.name)}"
    except OSError:
        return f"a bug in llamita: {what}. Please report it on the project's issue page"
