"""What this machine is: CPU features in use, threads, memory, versions; no torch needed."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from llamita.core.errors import require

FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8")
PACKAGES = (
    "llamita", "numpy", "tokenizers", "safetensors", "onnxruntime", "torch", "transformers", "accelerate", "peft",
    "onnx", "onnxscript", "scikit-learn", "scipy", "gguf",
)  # fmt: skip


@cache
def cpu_features() -> tuple[str, ...]:
    """The features of `FEATURES` this CPU has; empty where the system doesn't tell (not Linux)."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    flags = next(
        (line.split(":", 1)[1].split() for line in text.splitlines() if line.startswith(("flags", "Features"))), []
    )
    return tuple(name for name in FEATURES if name in flags)


@cache
def has_fast_bf16(device: str = "cpu") -> bool:
    """Whether bf16 matrix products run much faster than fp32 here: AMX or AVX512-BF16 on a CPU, any recent GPU.

    Args:
        device: such as cpu, cuda or cuda:1.
    """
    kind = device.partition(":")[0]
    if kind == "cuda":
        import torch

        return torch.cuda.is_bf16_supported()
    return kind == "cpu" and bool({"amx_bf16", "avx512_bf16"} & set(cpu_features()))


def int8_sums_overflow() -> bool:
    """Whether onnxruntime's int8 products can overflow here: x86 without VNNI adds pairs of them in 16 bits."""
    return "avx2" in cpu_features() and not {"avx512_vnni", "avx_vnni"} & set(cpu_features())


def use_bf16(precision: str, device: str = "cpu") -> bool:
    """Whether to compute in bf16 by autocast, for a precision of fp32, bf16, or auto: where the machine is fast at it."""
    return precision == "bf16" or (precision == "auto" and has_fast_bf16(device))


def cpu_name() -> str:
    """The processor's name as the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        return next(line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def num_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int | None:
    """Memory that this process may use, where the system tells: the machine's, or less where a container has a limit."""
    try:
        physical = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, ValueError, OSError):
        physical = []
    return min([*physical, *container_limits()], default=None)


def container_limits(groups: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """Limits in bytes of the control groups that this process is in (Linux, versions 1 and 2): its own and those above it."""
    found = []
    for line in _read(groups).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            top, name = root, "memory.max"
        elif "memory" in controllers.split(","):
            top, name = root / "memory", "memory.limit_in_bytes"
        else:
            continue
        own = top / path.lstrip("/")
        found += [_read(folder / name).strip() for folder in (own, *own.parents) if folder.is_relative_to(top)]
    return [int(limit) for limit in found if limit.isdecimal()]


def _read(file: Path) -> str:
    """What a file of the system says; nothing where there is none."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def machine() -> dict[str, object]:
    """The machine's description for reports."""
    return {
        "cpu": cpu_name(), "cores": num_cores(), "features": list(cpu_features()),
        "memory_bytes": memory_bytes(), "system": f"{platform.system()} {platform.machine()}",
    }  # fmt: skip


@cache
def version_of(package: str) -> str:
    """An installed package's version; nothing where it isn't installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def versions() -> dict[str, str]:
    """Versions of Python and of what is installed of `PACKAGES`."""
    found = {name: version_of(name) for name in PACKAGES}
    return {"python": sys.version.split()[0]} | {name: version for name, version in found.items() if version}


DEVICES = ("cuda", "mps", "cpu")


def chosen_device(named: str | None = None, *, to_train: bool = False) -> str:
    """Where models learn and teachers answer: the device that is named, or the best there is.

    Args:
        to_train: whether models are trained there, which Transformers does on the first GPU it sees.

    Raises:
        UserError: there is no such device, or torch sees none here.
    """
    best = best_device()
    if named is None:
        return best
    named = str(named)  # torch.device's own text is such a name
    kind, _, place = named.partition(":")
    require(kind in DEVICES, f"device must be one of {', '.join(DEVICES)}, got {named!r}")
    require(kind in ("cpu", best), f"device {named}: torch sees none here; take {best}, or leave it out")
    require(
        not to_train or place in ("", "0"),
        f"device {named}: training takes the first GPU it sees; take {kind}, and let it see that one alone:"
        f" CUDA_VISIBLE_DEVICES={place}",
    )
    return "cpu" if kind == "cpu" else named  # there is one, whatever its number


def of_device(device: str) -> dict[str, str]:
    """What an address says of the device; nothing of a CPU."""
    return {} if device == "cpu" else {"device": device}


def best_device() -> str:
    """cuda, mps or cpu, whichever torch finds first."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
