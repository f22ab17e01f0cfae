"""A process that works for a sweep ends when the sweep has, its own job done."""

import os
import time

import pytest

from src.tasks.job import BUSY, end_with_sweep


@pytest.mark.slow
def test_a_worker_whose_sweep_was_lost_finishes_its_job_and_ends(tmp_path):
    reading, writing = os.pipe()  # its end is read once nobody holds the other side
    sweep = os.fork()
    if not sweep:
        if os.fork():
            time.sleep(0.5)
            os._exit(0)  # without a word to its worker
        end_with_sweep()
        with BUSY:
            time.sleep(3)
            (tmp_path / "job").touch()
        time.sleep(60)
        (tmp_path / "idle").touch()
        os._exit(0)
    os.close(writing)
    os.waitpid(sweep, 0)
    assert os.read(reading, 1) == b""
    os.close(reading)
    assert (tmp_path / "job").exists()
    assert not (tmp_path / "idle").exists()
