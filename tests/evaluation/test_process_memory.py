"""Memory is counted in a process of its own: what it takes, nothing of whoever asked."""

import os

import numpy as np
import pytest

from src.errors import UserError
from src.evaluation.process_memory import own_peak, peak_of


def hold(megabytes: int) -> None:
    np.ones(megabytes * 2**20, dtype=np.uint8)


def die() -> None:
    os._exit(1)


def test_what_a_process_holds_is_counted():
    here = np.ones(300 * 2**20, dtype=np.uint8)  # of this process, and not of the others
    little, much = peak_of(hold, 1), peak_of(hold, 200)
    assert 180 * 2**20 < much - little < 260 * 2**20
    assert own_peak() > len(here)


def test_a_process_that_is_killed_is_told_in_a_sentence():
    with pytest.raises(UserError, match="was ended from outside"):
        peak_of(die)
