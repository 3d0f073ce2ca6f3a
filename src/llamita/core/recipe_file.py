"""A recipe's file as plain data: each key stands once, and no small file stands for more than memory holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from llamita.core.errors import UserError


def read_yaml(path: str | Path) -> Any:
    """A recipe's file as plain data.

    Raises:
        UserError: no such file, no YAML, or a key that stands twice, of which one would be lost.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        _require_bounded(yaml.compose(text, Loader=_OnceLoader))
        return yaml.load(text, Loader=_OnceLoader)
    except (FileNotFoundError, IsADirectoryError, TypeError):
        raise UserError(f"no recipe file {path}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a YAML file: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise UserError(f"{path}: lists or keys within one another, too deep to be read; a recipe is flat") from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


MOST_PARTS = 100_000
"""Parts of a file in which names stand for other parts, once each name is replaced by what it stands for."""


def _require_bounded(top: yaml.Node | None) -> None:
    """Refuse a small file whose names for parts (&a, *a) stand for each other's so often that no memory would hold it all."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = 0  # a part that holds itself is left to YAML, which refuses it
            inner = [one for pair in node.value for one in pair] if isinstance(node, yaml.MappingNode) else node.value
            sizes[id(node)] = 1 + (0 if isinstance(node, yaml.ScalarNode) else sum(map(size, inner)))
        return sizes[id(node)]

    total = size(top) if top is not None else 0
    if total > max(MOST_PARTS, 2 * len(sizes)):
        raise UserError(f"its names for parts (&a, *a) stand for {total:,} parts in all; write out what is meant")


class _OnceLoader(yaml.SafeLoader):
    """Reads plain data in which each key stands once."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if str(key.value) in lines:
            raise UserError(
                f"the key {key.value!r} stands in line {lines[key.value]} and in line {line}; leave one out"
            )
        lines[str(key.value)] = line
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_OnceLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
