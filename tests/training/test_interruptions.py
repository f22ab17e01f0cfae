"""What breaks a training from outside is told in one sentence, and the same command goes on."""

import multiprocessing
import os
import re
import resource
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from src.errors import UserError
from src.training.checkpoint import is_valid, newest_checkpoint
from src.training.config import TrainingConfig
from src.training.fit import fit
from src.training.interruptions import told_in_words
from tests.training.children import REFUSED, assert_same, left
from tests.training.test_fit import vqgan_run

ROOM = 300 * 2**20  # bytes


def kill_a_worker() -> None:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    own = {int(each) for each in children}  # a forked process inherits the list of its parent's
    worker = next(each for each in multiprocessing.active_children() if each.pid in own)
    os.kill(worker.pid, signal.SIGKILL)
    time.sleep(1)  # the system tells the parent


def test_a_killed_worker_is_named_and_the_run_goes_on(train, whole, tmp_path, capfd):
    expected = whole("tokens")
    # at the first of six batches, of which it draws five ahead: one is missing for certain
    assert train("tokens", tmp_path, ("forward", 0), kill_a_worker, num_workers=1) == REFUSED
    said = capfd.readouterr().err
    told = r"A process that draws batches was killed at step \d: DataLoader worker \(pid"
    assert re.search(told, said)
    assert train("tokens", tmp_path, num_workers=2) == 0
    assert_same(left(tmp_path), expected)


@pytest.mark.slow
def test_a_worker_that_hangs_ends_the_run_within_its_time(world, parts, config, tmp_path):
    settings = replace(config, num_workers=1, worker_timeout=4.0, checkpoint_every=1)
    module, batches = vqgan_run(world, parts, settings)

    def hangs(step, part):
        if step == 3:
            time.sleep(1000)
        return batches(step, part)

    begun = time.monotonic()
    with pytest.raises(UserError, match=r"No batch came for step 4 within.*worker_timeout=4\.0"):
        fit(module, hangs, settings, tmp_path, device="cpu")
    assert time.monotonic() - begun < 60
    assert multiprocessing.active_children() == []
    assert newest_checkpoint(tmp_path / "checkpoints").name == "step_00000003.ckpt"
    assert fit(*vqgan_run(world, parts, settings), settings, tmp_path, device="cpu") == 6


def too_little_memory() -> None:
    """As on a full machine: the next large tensor is refused by the system."""
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
    torch.ones((used + 2 * ROOM) // 4)  # more than what others left free in this process, too


def test_exhausted_memory_is_told_with_a_batch_that_fits(train, whole, tmp_path, capfd):
    expected = whole("tokens")
    assert train("tokens", tmp_path, ("forward", 3), too_little_memory) == REFUSED
    said = capfd.readouterr().err
    assert "Memory ran out in step 4: give training.batch_size=2 and training.accumulation=2" in (
        said
    )
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step_00000002.ckpt", "step_00000002.ckpt.sha256"]
    assert is_valid(tmp_path / "checkpoints" / "step_00000002.ckpt")
    assert train("tokens", tmp_path, batch_size=2, accumulation=2) == 0
    losses = left(tmp_path)[2]["loss"][1]
    assert losses == pytest.approx(expected[2]["loss"][1], rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "advised"),
    [
        ({"batch_size": 8, "accumulation": 3}, r"batch_size=4 and training\.accumulation=6;"),
        ({"batch_size": 15}, r"batch_size=5 and training\.accumulation=3;"),
        ({"batch_size": 1, "accumulation": 8}, r"gradient_checkpointing=true"),
        ({"batch_size": 8, "model": "vqgan"}, r"another folder with less than .*batch_size=8"),
    ],
)
@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("")]
)
def test_the_advice_fits_the_run(settings, advised, error):
    config = TrainingConfig(**settings)
    if type(error) is RuntimeError:
        with pytest.raises(RuntimeError), told_in_words(config, lambda: 0):
            raise error  # not ours to explain
        return
    with pytest.raises(UserError, match=advised), told_in_words(config, lambda: 0):
        raise error
