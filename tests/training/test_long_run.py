"""Thousands of steps: memory and open files stay flat, files few and small."""

import os
from dataclasses import replace
from pathlib import Path

import lightning
import pytest
import torch

from src.training.fit import fit
from tests.training.test_fit import uvit_run

NUM_STEPS, SETTLED = 5_000, 1_000  # steps; those in which caches fill


class Pulse(lightning.Callback):
    """What the process holds, every hundred steps."""

    def __init__(self):
        self.resident, self.open = [], []  # bytes; files

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step % 100 == 0 and trainer.global_step >= SETTLED:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.resident.append(pages * os.sysconf("SC_PAGE_SIZE"))
            self.open.append(len(os.listdir("/proc/self/fd")))


@pytest.mark.verify
def test_five_thousand_steps_leave_memory_and_files_flat(
    world, parts, config, tmp_path, monkeypatch, record_property
):
    monkeypatch.setattr("src.training.token_cache.SHARD_SIZE", 64)
    torch.set_num_threads(1)
    settings = replace(config, max_steps=NUM_STEPS, checkpoint_every=250, log_every=20)
    settings = replace(settings, num_workers=1)
    module, batches = uvit_run(world, parts, settings, tmp_path / "cache")
    pulse, folder = Pulse(), tmp_path / "run"
    assert fit(module, batches, settings, folder, [pulse], "cpu") == NUM_STEPS
    growth = max(pulse.resident[-5:]) - max(pulse.resident[:5])
    logs = sum(path.stat().st_size for path in folder.rglob("*") if "checkpoints" not in str(path))
    record_property("growth in MiB over 4,000 steps", round(growth / 2**20, 2))
    record_property("log bytes", logs)
    assert growth < 8 * 2**20
    assert max(pulse.open) <= min(pulse.open) + 2
    assert len(list((folder / "checkpoints").glob("*.ckpt"))) == 2
    assert logs < 200 * NUM_STEPS / settings.log_every * 5  # a row of CSV and one of TensorBoard
