"""Stages are whole or absent, and found again by their address."""

import pytest

from llamita.core.store import Store, address


def test_a_stage_is_made_once(tmp_path):
    store, calls = Store(folder=tmp_path), []

    def make(folder):
        calls.append(folder.name)
        (folder / "weights").write_text("x")

    first, second = store.stage("a" * 64, "prune.depth", make), store.stage("a" * 64, "prune.depth", make)
    assert first == second
    assert (first / "weights").read_text() == "x"
    assert len(calls) == 1


def test_a_failed_stage_has_no_final_name_and_keeps_its_checkpoints(tmp_path):
    store = Store(folder=tmp_path)

    def fail(folder):
        (folder / "checkpoints").mkdir()
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        store.stage("b" * 64, "finetune", fail)
    assert not store.place("b" * 64, "finetune").exists()

    def resume(folder):
        assert (folder / "checkpoints").is_dir()

    final = store.stage("b" * 64, "finetune", resume)
    assert not (final / "checkpoints").exists()


def test_a_stage_that_failed_before_it_wrote_anything_leaves_nothing(tmp_path):
    store = Store(folder=tmp_path / "stages")

    def fail(folder):
        raise RuntimeError("no such model")

    with pytest.raises(RuntimeError, match="no such model"):
        store.stage("d" * 64, "load", fail)
    assert list(store.folder.iterdir()) == []


def test_the_address_ignores_the_order_of_keys_and_nothing_else():
    assert address({"a": 1, "b": [1, 2]}) == address({"b": [1, 2], "a": 1})
    assert address({"a": 1}) != address({"a": 2})


def test_a_record_is_computed_once_and_read_back(tmp_path):
    store, calls = Store(folder=tmp_path), []

    def take():
        calls.append(1)
        return [{"value": 0.5, "text": "好"}]

    assert store.record("c" * 64, "findings-cost", take) == store.record("c" * 64, "findings-cost", take)
    assert len(calls) == 1


def test_what_the_parts_of_a_step_trained_by_leaves_with_their_checkpoints(tmp_path):
    def make(folder):
        (folder / "part-0" / "checkpoints").mkdir(parents=True)
        (folder / "model").write_text("x")

    assert [path.name for path in Store(folder=tmp_path).stage("d" * 64, "contrastive", make).iterdir()] == ["model"]
