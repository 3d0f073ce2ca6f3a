"""One process at a time in a folder."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from llamita.core.alone import LOCK_FILE, alone_in
from llamita.core.errors import UserError


def test_a_second_one_is_refused_until_the_first_has_ended_and_nothing_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with (
        alone_in(folder),
        pytest.raises(UserError, match="another process is at work in out; wait until it ends"),
        alone_in(folder, Path("out")),
    ):
        pass
    with alone_in(folder):
        assert (folder / LOCK_FILE).exists()
    assert list(folder.iterdir()) == []


def test_a_lock_ends_with_the_process_that_held_it(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).touch()  # as kill -9 leaves it
    with alone_in(tmp_path):
        pass


def test_where_the_disk_has_no_locks_the_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*given: object) -> None:
        raise OSError(errno.ENOTSUP, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with alone_in(tmp_path):
        pass


def test_a_lock_on_a_file_that_its_last_holder_took_away_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    lock = fcntl.flock

    def too_late(descriptor: int, operation: int) -> None:
        lock(descriptor, operation)
        if operation & fcntl.LOCK_EX:
            (tmp_path / LOCK_FILE).unlink(missing_ok=True)

    monkeypatch.setattr(fcntl, "flock", too_late)
    with pytest.raises(UserError, match="another process is at work"), alone_in(tmp_path):
        pass


def test_a_folder_that_may_not_be_written_to_is_said_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError), alone_in(tmp_path):
        pass
