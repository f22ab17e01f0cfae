"""A run goes on with other processes and parts than it began with: the same samples and losses."""

import json
import os
import signal
from dataclasses import replace

import lightning
import pytest

from src.report.curves import read_curves
from src.training.checkpoint import newest_checkpoint
from src.training.fit import fit
from src.training.ranks import this_rank
from tests.training.test_fit import Stop, uvit_run
from tests.training.test_ranks import in_processes

NUM_STEPS, GLOBAL_BATCH = 12, 8


class Numbers(lightning.Callback):
    """Write down which samples a process saw in which step."""

    def __init__(self, folder):
        self.folder = folder

    def on_train_batch_start(self, trainer, module, batch, number):
        line = json.dumps([trainer.global_step, batch.numbers.tolist()])
        with (self.folder / f"numbers_{this_rank()}.txt").open("a") as file:
            file.write(line + "\n")


def samples_of_steps(folder) -> list[list[int]]:
    """What every step saw, in all its parts and processes together."""
    steps = [[] for _ in range(NUM_STEPS)]
    for path in folder.glob("numbers_*.txt"):
        for line in path.read_text().splitlines():
            step, numbers = json.loads(line)
            steps[step] += numbers
    return [sorted(numbers) for numbers in steps]


class SignalTo(lightning.Callback):
    """SIGTERM to one of the processes, in its third step."""

    def __init__(self, rank):
        self.rank = rank

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == 2 and this_rank() == self.rank:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def learn(world, parts, config, tmp_path, monkeypatch):
    """Train a piece after the other, each dealt out in its way until its last step."""
    monkeypatch.setattr("src.training.token_cache.SHARD_SIZE", 64)
    uvit_run(world, parts, config, tmp_path / "cache")  # encoded once, before processes race

    def run(name, pieces, callbacks=(), status=0):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for last, dealt in pieces:
            settings = replace(config, max_steps=NUM_STEPS, checkpoint_every=100, **dealt)

            def work(settings=settings, last=last) -> None:
                module, batches = uvit_run(world, parts, settings, tmp_path / "cache")
                ends = [Stop(last)] if last < NUM_STEPS else []
                told = [*ends, Numbers(folder), *callbacks]
                fit(module, batches, settings, folder, told, device="cpu")

            in_processes(work, settings.num_devices, status)
        losses = read_curves(sorted(folder.glob("csv_from_*/metrics.csv")))["loss"].values
        return list(losses), samples_of_steps(folder)

    return run


ONE = {"batch_size": 8}
TWO = {"batch_size": 4, "num_devices": 2}
TWO_IN_PARTS = {"batch_size": 2, "num_devices": 2, "accumulation": 2}
IN_PARTS = {"batch_size": 2, "accumulation": 4}


@pytest.mark.parametrize(
    "pieces",
    [
        [(5, TWO), (9, ONE), (12, TWO)],
        [(3, ONE), (6, IN_PARTS), (9, TWO_IN_PARTS), (12, ONE)],
    ],
    ids=["2, 1, 2", "in parts"],
)
def test_the_samples_and_the_curve_are_those_of_one_process(pieces, learn):
    losses, samples = learn("one", [(NUM_STEPS, ONE)])
    expected = [list(range(k * GLOBAL_BATCH, (k + 1) * GLOBAL_BATCH)) for k in range(NUM_STEPS)]
    assert samples == expected
    found, seen = learn("changing", pieces)
    assert seen == expected
    assert len(found) == NUM_STEPS
    assert found == pytest.approx(losses, rel=1e-5)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_to_one_process_stops_both_at_one_step(rank, learn, tmp_path):
    learn("run", [(NUM_STEPS, TWO)], [SignalTo(rank)], status=143)
    newest = newest_checkpoint(tmp_path / "run" / "checkpoints")
    assert newest.name == "step_00000003.ckpt"
    learn("run", [(NUM_STEPS, TWO)])
    steps = range(NUM_STEPS)
    expected = [list(range(k * GLOBAL_BATCH, (k + 1) * GLOBAL_BATCH)) for k in steps]
    assert samples_of_steps(tmp_path / "run") == expected
