"""A GGUF file is parsed once, to what the stock reader finds."""

from pathlib import Path

import gguf
import numpy as np
import pytest

from llamita.core.gguf import parsed_once


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A small one, of words and two tensors."""
    path = tmp_path / "small.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_token_list(["a", "of", "好"])
    writer.add_block_count(2)
    writer.add_tensor("output_norm.weight", np.arange(32, dtype=np.float32))
    writer.add_tensor("token_embd.weight", np.arange(96, dtype=np.float16).reshape(3, 32))
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    return path


def test_it_is_parsed_once_to_what_the_stock_reader_finds(file: Path) -> None:
    stock = gguf.GGUFReader(file)
    with parsed_once():
        reader = gguf.GGUFReader(file)
        assert gguf.GGUFReader(file) is reader
        names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2)
        assert gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2) is names
        assert gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 3) is not names
    assert list(reader.fields) == list(stock.fields)
    for name, field in stock.fields.items():
        assert reader.fields[name].contents() == field.contents()
    for found, told in zip(reader.tensors, stock.tensors, strict=True):
        assert found.name == told.name
        np.testing.assert_array_equal(found.data, told.data)


def test_afterwards_the_stock_reader_is_back(file: Path) -> None:
    before = gguf.GGUFReader, gguf.get_tensor_name_map
    file.write_bytes(b"something else" * 9)
    with pytest.raises(ValueError, match="magic"), parsed_once():
        gguf.GGUFReader(file)
    assert (gguf.GGUFReader, gguf.get_tensor_name_map) == before
