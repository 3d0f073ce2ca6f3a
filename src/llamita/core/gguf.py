"""GGUF files through Transformers, each parsed once: of itself it parses one for the config, the tokenizer and the weights anew,
a string at a time, and makes the table of tensor names for every part of the module."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np


@contextmanager
def parsed_once() -> Generator[None]:
    """While inside, what Transformers asks of a GGUF file a second time is there already."""
    import gguf

    class Reader(gguf.GGUFReader):
        def __setattr__(self, name: str, value: Any) -> None:
            # a slice of a memory map takes four times as long as one of the plain array over it
            super().__setattr__(name, np.asarray(value) if name == "data" else value)

    stock = {name: getattr(gguf, name) for name in ("GGUFReader", "get_tensor_name_map")}
    try:
        gguf.GGUFReader = cache(Reader)  # type: ignore[misc]
        gguf.get_tensor_name_map = cache(gguf.get_tensor_name_map)
        yield
    finally:
        for name, one in stock.items():
            setattr(gguf, name, one)
