"""What a run sets for the whole process is put back."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from llamita.core.kept import process_as_it_was


def _drawn() -> tuple[float, ...]:
    return random.random(), float(np.random.random()), float(torch.rand(()))


@pytest.mark.parametrize("fails", [False, True])
def test_threads_and_random_numbers_go_on_as_if_nothing_had_been(fails: bool) -> None:
    threads = torch.get_num_threads()
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    expected = _drawn()
    random.setstate(states[0]), np.random.set_state(states[1]), torch.set_rng_state(states[2])
    try:
        with process_as_it_was():
            torch.set_num_threads(threads + 1)
            torch.manual_seed(7), np.random.seed(7), random.seed(7)
            assert not fails, "as a run may"
    except AssertionError:
        assert fails
    assert _drawn() == expected
    assert torch.get_num_threads() == threads
