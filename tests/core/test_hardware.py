"""What the machine is, read from what it tells."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from llamita.core import hardware
from llamita.core.errors import UserError

SAPPHIRE = "flags\t\t: fpu sse4_2 avx2 avx512f avx512_vnni amx_tile amx_bf16 amx_int8 avx512_fp16"
ARM = "Features\t: fp asimd evtstrm aes"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file read in place of /proc/cpuinfo."""
    monkeypatch.setattr(hardware, "Path", lambda _: tmp_path / "cpuinfo")
    return tmp_path / "cpuinfo"


def has(features: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of these features, asked anew each time."""
    monkeypatch.setattr(hardware, "cpu_features", lambda: features)
    monkeypatch.setattr(hardware, "has_fast_bf16", hardware.has_fast_bf16.__wrapped__)


def test_features_and_name_are_those_of_the_first_processor(told: Path) -> None:
    told.write_text(f"processor\t: 0\nmodel name\t: Xeon : 4\n{SAPPHIRE}\n\nprocessor\t: 1\nflags\t: avx_vnni\n")
    expected = ("avx2", "avx512f", "avx512_vnni", "amx_tile", "amx_bf16", "amx_int8")
    assert hardware.cpu_features.__wrapped__() == expected
    assert hardware.cpu_name() == "Xeon : 4"


@pytest.mark.parametrize("content", [None, "", f"processor\t: 0\n{ARM}\n"])
def test_a_machine_that_tells_nothing_has_no_feature_and_the_systems_name(told: Path, content: str | None) -> None:
    if content is not None:
        told.write_text(content)
    assert hardware.cpu_features.__wrapped__() == ()
    assert hardware.cpu_name() == (platform.processor() or platform.machine())


@pytest.mark.parametrize(
    ("features", "fast", "overflow"),
    [
        ((), False, False),
        (("avx2",), False, True),
        (("avx2", "avx512f"), False, True),
        (("avx2", "avx_vnni"), False, False),
        (("avx2", "avx512f", "avx512_vnni", "avx512_bf16"), True, False),
        (("avx2", "avx512_vnni", "amx_bf16"), True, False),
    ],
)
def test_bf16_is_fast_and_int8_overflows_by_features(
    features: tuple[str, ...], fast: bool, overflow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    has(features, monkeypatch)
    assert hardware.has_fast_bf16() is fast
    assert hardware.int8_sums_overflow() is overflow


@pytest.mark.parametrize(("features", "fast"), [(("amx_bf16",), True), (("avx2",), False)])
def test_bf16_is_used_where_asked_for_or_where_it_is_fast(
    features: tuple[str, ...], fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    has(features, monkeypatch)
    assert hardware.use_bf16("bf16")
    assert not hardware.use_bf16("fp32")
    assert hardware.use_bf16("auto") is fast
    assert not hardware.use_bf16("auto", "mps")


def test_a_numbered_gpu_is_as_fast_at_bf16_as_one_without_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    has((), monkeypatch)
    for supported in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda supported=supported: supported)
        assert [hardware.use_bf16("auto", device) for device in ("cuda", "cuda:0", "cuda:1")] == [supported] * 3


def test_the_first_device_that_torch_finds_is_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    for cuda, mps, best in ((True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda mps=mps: mps)
        assert hardware.best_device() == best


def test_a_device_may_be_named_and_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "best_device", lambda: "mps")
    assert [hardware.chosen_device(named) for named in (None, "cpu", "cpu:0", "mps")] == ["mps", "cpu", "cpu", "mps"]
    with pytest.raises(UserError, match="device cuda: torch sees none here; take mps, or leave it out"):
        hardware.chosen_device("cuda")
    with pytest.raises(UserError, match="device must be one of cuda, mps, cpu, got 'gpu'"):
        hardware.chosen_device("gpu")
    monkeypatch.setattr(hardware, "best_device", lambda: "cuda")
    assert hardware.chosen_device("cuda:0", to_train=True) == "cuda:0"
    assert hardware.chosen_device("cuda:1") == "cuda:1"
    with pytest.raises(UserError, match=r"training takes the first GPU it sees; take cuda, .* CUDA_VISIBLE_DEVICES=1"):
        hardware.chosen_device("cuda:1", to_train=True)


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        ("0::/\n", {"memory.max": "3000"}, [3000]),
        ("0::/pod/own\n", {"memory.max": "max", "pod/memory.max": "5000", "pod/own/memory.max": "7000"}, [7000, 5000]),
        ("4:memory:/docker/a\n1:cpu:/b\n0::/\n", {"memory/memory.limit_in_bytes": "2000"}, [2000]),
        ("4:cpu,memory:/a\n", {"memory/a/memory.limit_in_bytes": "9000", "cpu/a/memory.limit_in_bytes": "1"}, [9000]),
        ("", {"memory.max": "3000"}, []),
    ],
)
def test_a_containers_limits_of_memory_are_read(
    groups: str, limits: dict[str, str], expected: list[int], tmp_path: Path
) -> None:
    (tmp_path / "groups").write_text(groups)
    for name, limit in limits.items():
        file = tmp_path / "root" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{limit}\n")
    assert hardware.container_limits(tmp_path / "groups", tmp_path / "root") == expected


def test_the_least_of_the_machines_memory_and_a_containers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "container_limits", list)
    whole = hardware.memory_bytes()
    for limit in (1 << 20, 1 << 62):
        monkeypatch.setattr(hardware, "container_limits", lambda limit=limit: [limit])
        assert hardware.memory_bytes() == min(whole or limit, limit)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds a process to cores")
def test_only_the_cores_that_the_process_may_use_count_and_torch_is_not_needed() -> None:
    code = """
import json, os, sys
sys.modules["torch"] = None
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from llamita.core.hardware import machine
print(json.dumps(machine()))
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    found = json.loads(printed)
    assert found["cores"] == 1
    assert found["system"] == f"{platform.system()} {platform.machine()}"
    assert found["features"] == list(hardware.cpu_features())


def test_versions_are_those_installed_and_what_is_missing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "PACKAGES", ("numpy", "no-such-package-of-ours", "tokenizers"))
    assert hardware.versions() == {
        "python": platform.python_version(),
        "numpy": metadata.version("numpy"),
        "tokenizers": metadata.version("tokenizers"),
    }
