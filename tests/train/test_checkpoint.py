"""Checkpoints are whole or absent, and belong to one training."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from llamita._cli.failures import explained
from llamita.core import processes
from llamita.train.checkpoint import Checkpoints, training_key
from llamita.train.settings import LoopSettings


def test_a_checkpoint_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    weights = {"a": torch.randn(3, 2), "b": torch.zeros(0)}
    model = nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    Checkpoints(folder=tmp_path, key="k").save(
        7, {"parameters": weights, "optimizer": optimizer.state_dict(), "records": "[]"}
    )
    state = Checkpoints(folder=tmp_path, key="k").load()
    assert state is not None
    assert (state["step"], state["records"]) == (7, "[]")
    assert all(torch.equal(state["parameters"][name], value) for name, value in weights.items())
    torch.testing.assert_close(state["optimizer"], optimizer.state_dict(), rtol=0, atol=0)


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert Checkpoints(folder=tmp_path / "new", key="k").load() is None
    assert (tmp_path / "new" / "key").read_text(encoding="utf-8") == "k"


def test_an_unreadable_checkpoint_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoints = Checkpoints(folder=tmp_path, key="a")
    checkpoints.save(5, {"parameters": {"w": torch.ones(2)}})
    (tmp_path / "step-00000009.pt").write_bytes(b"PK\x03\x04 not a checkpoint")
    state = checkpoints.load()
    assert state is not None
    assert state["step"] == 5
    assert "can't be read" in caplog.text


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_checkpoint_cut_off_is_dropped_for_the_one_before(share: float, tmp_path: Path) -> None:
    checkpoints = Checkpoints(folder=tmp_path, key="a")
    checkpoints.save(5, {"parameters": {"w": torch.ones(200)}})
    whole = (tmp_path / "step-00000005.pt").read_bytes()
    (tmp_path / "step-00000009.pt").write_bytes(whole[: int(share * len(whole))])
    state = checkpoints.load()
    assert state is not None
    assert state["step"] == 5
    assert not (tmp_path / "step-00000009.pt").exists()


def test_a_checkpoint_of_another_format_is_passed_over(tmp_path: Path) -> None:
    checkpoints = Checkpoints(folder=tmp_path, key="a")
    torch.save({"format": 0, "step": 9}, tmp_path / "step-00000009.pt")
    assert checkpoints.load() is None


def test_only_the_last_checkpoint_is_kept_and_another_key_drops_it(tmp_path: Path) -> None:
    checkpoints = Checkpoints(folder=tmp_path, key="a")
    for step in (1, 2, 3):
        checkpoints.save(step, {})
    assert [path.name for path in tmp_path.glob("*.pt")] == ["step-00000003.pt"]
    assert Checkpoints(folder=tmp_path, key="a").load() is not None
    assert Checkpoints(folder=tmp_path, key="b").load() is None


def test_where_each_process_saves_the_last_that_all_have_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(folder=tmp_path, key="a", each=True)
    for step in (2, 3):
        checkpoints.save(step, {})
    assert [path.name for path in tmp_path.glob("*.pt")] == ["step-00000003.pt"]

    def killed() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "wait", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(6, {})
    for others, expected in ((6, 6), (9, 6), (3, 3), (4, None), (0, None)):
        monkeypatch.setattr(processes, "least", lambda mine, others=others: min(mine, others))
        state = checkpoints.load()
        assert (state["step"] if state else None) == expected


def test_another_key_drops_the_best_weights_and_what_was_half_written(tmp_path: Path) -> None:
    Checkpoints(folder=tmp_path, key="a").save_best({"w": torch.ones(2)})
    (tmp_path / "step-00000004.part").write_bytes(b"half")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"x")
    Checkpoints(folder=tmp_path, key="b")
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_the_best_weights_are_the_last_that_were_called_so(tmp_path: Path) -> None:
    checkpoints = Checkpoints(folder=tmp_path, key="a")
    table = torch.arange(6.0).reshape(2, 3)
    checkpoints.save_best({"w": torch.zeros(3, 2)})
    checkpoints.save_best({"w": nn.Parameter(table).T})
    assert torch.equal(Checkpoints(folder=tmp_path, key="a").load_best()["w"], table.T)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.safetensors", "key"]


def test_a_checkpoint_with_code_in_it_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "ran",))

    checkpoints = Checkpoints(folder=tmp_path, key="a")
    torch.save({"format": 1, "step": 1, "evil": Evil()}, tmp_path / "step-00000001.pt")
    assert checkpoints.load() is None
    assert not (tmp_path / "ran").exists()


def test_the_key_tells_apart_whatever_would_train_otherwise() -> None:
    def key(rate: float = 0.1, cut: int = 2, length: int = 5, seed: int = 0, name: str = "w", **changed: float) -> str:
        weights = torch.arange(1000.0)
        weights[0] += changed.get("first", 0)
        parameter = nn.Parameter(weights, requires_grad=not changed.get("frozen"))
        batches = list(np.split(np.array([3, 1, 2, 0]), [cut]))
        return training_key(LoopSettings(learning_rate=rate), batches, [1, 2, 3, length], {name: parameter}, seed)

    assert key() == key()
    others = (
        key(rate=0.2), key(cut=1), key(length=6), key(seed=1), key(name="v"), key(first=0.5), key(frozen=True)
    )  # fmt: skip
    assert len({key(), *others}) == 1 + len(others)


@pytest.mark.parametrize("content", ["empty", "no dict"])
def test_a_checkpoint_that_holds_nothing_is_passed_over(content: str, tmp_path: Path) -> None:
    checkpoints = Checkpoints(folder=tmp_path, key="a")
    checkpoints.save(5, {"parameters": {"w": torch.ones(2)}})
    if content == "empty":
        (tmp_path / "step-00000009.pt").write_bytes(b"")
    else:
        torch.save([1, 2], tmp_path / "step-00000009.pt")
    state = checkpoints.load()
    assert state is not None
    assert state["step"] == 5


def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, given: bytes) -> int:  # pyrefly: ignore
            if len(given) < 9000:
                return len(given)
            raise OSError(errno.ENOSPC, "No space left on device")

    kept = Checkpoints(folder=tmp_path, key="k")
    monkeypatch.setattr(Path, "open", lambda self, mode: Full())
    with pytest.raises(OSError, match="No space left on device") as told:
        kept.save(3, {"weights": torch.zeros(9000)})
    code, line = explained(told.value)
    assert (code, line.split(";")[0]) == (2, f"the disk is full at {tmp_path}")
