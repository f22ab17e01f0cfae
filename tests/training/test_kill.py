"""kill -9 at any moment: the same command again ends with the bits of the run never killed.

A child process is forked, trains, and kills itself at a chosen moment; a second one continues. What
is compared: weights, averages, optimizer, and for every step the batch it saw and its loss.
"""

import hashlib
import os
import signal
from dataclasses import replace
from pathlib import Path

import lightning
import pytest
import torch
from torch.utils._pytree import tree_leaves

from src.adapters.config import LoraConfig
from src.adapters.lora import add_lora
from src.report.curves import read_curves
from src.training.checkpoint import newest_checkpoint
from src.training.fit import fit
from tests.training.test_fit import uvit_run, vqgan_run
from tests.training.test_picture_batches import tokenizer_run

MOMENTS = [  # what happens for the n-th time
    *(("forward", 0), ("forward", 1), ("forward", 4), ("backward", 0), ("backward", 3)),
    *(("backward", 5), ("stepped", 0), ("stepped", 1), ("stepped", 2), ("stepped", 5)),
    # in a save: bytes, their name, hash, its name; what follows is the prune of older ones
    *(("fsync", 0), ("fsynced", 0), ("replace", 0), ("replaced", 0), ("fsync", 1), ("fsynced", 1)),
    *(("replace", 1), ("replaced", 1), ("fsync", 2), ("replace", 2), ("replaced", 3)),
    *(("unlink", 0), ("unlinked", 0), ("unlink", 1)),
]


class Diary(lightning.Callback):
    """Write down every step's batch and loss; tell `reached` what happens."""

    def __init__(self, path: Path, reached):
        self.path, self.reached = path, reached

    def on_train_batch_start(self, trainer, module, batch, _):
        parts = [part for part in tree_leaves(batch) if isinstance(part, torch.Tensor)]
        digest = hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts))
        self.batch = digest.hexdigest()[:16]
        self.reached("forward")

    def on_before_backward(self, trainer, module, loss):
        self.loss = loss.item().hex()

    def on_after_backward(self, *_):
        self.reached("backward")

    def on_train_batch_end(self, trainer, *_):
        with self.path.open("a") as file:
            file.write(f"{trainer.global_step} {self.batch} {self.loss}\n")
        self.reached("stepped")


def diary(path: Path) -> dict[str, str]:
    """The last entry of every step: {"1": "batch loss", ...}."""
    lines = (line.split(" ", 1) for line in path.read_text().splitlines())
    return {step: entry for step, entry in lines}


def in_child(work) -> int:
    """Do the work in a forked process; returns the signal it died of, or 0."""
    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status)
    assert os.WEXITSTATUS(status) == 0
    return 0


def dies_at(moment: str, number: int):
    """A function that is told what happens and kills its process at a moment's n-th time."""
    times = {}

    def reached(name: str) -> None:
        times[name] = times.get(name, -1) + 1
        if (name, times[name]) == (moment, number):
            os.kill(os.getpid(), signal.SIGKILL)

    for function in ("fsync", "replace", "unlink"):
        real = getattr(os, function)
        past = "fsynced" if function == "fsync" else f"{function.rstrip('e')}ed"

        def around(*args, real=real, function=function, past=past, **named):
            is_checkpoint = function == "fsync" or "step_" in str(args[-1])
            if is_checkpoint:
                reached(function)
            result = real(*args, **named)
            if is_checkpoint:
                reached(past)
            return result

        setattr(os, function, around)
    return reached


@pytest.fixture(scope="module")
def trained():
    """What the uninterrupted runs have left, by kind of run."""
    return {}


@pytest.fixture
def train(world, parts, config, tmp_path, monkeypatch):
    """Train one kind of run in a folder; a killed one has `moment` and dies there."""
    monkeypatch.setattr("src.training.token_cache.SHARD_SIZE", 64)
    kinds = {
        "tokens": {},
        "tokens, muon, bf16": {"optimizer": "muon", "precision": "bf16-mixed"},
        "tokens, 8-bit, in parts": {"optimizer": "adamw_8bit", "batch_size": 2, "accumulation": 2},
        "lora": {"ema_decay": 0.0},
        "pictures": {},
        "own pictures, discriminator": {},
    }

    def run(kind: str, folder: Path, moment: tuple[str, int] | None = None) -> int:
        settings = replace(config, checkpoint_every=2, **kinds[kind])

        def work() -> None:
            reached = dies_at(*moment) if moment else lambda _: None
            if kind == "pictures":
                module, batches = vqgan_run(world, parts, settings)
            elif kind == "own pictures, discriminator":
                module, batches = tokenizer_run(parts, settings)
            else:
                if kind == "lora":
                    wanted = LoraConfig(rank=2, has_text_encoder=True)
                    add_lora(parts, wanted, torch.Generator().manual_seed(0))
                module, batches = uvit_run(world, parts, settings, tmp_path / "cache")
            folder.mkdir(parents=True, exist_ok=True)
            told = [Diary(folder / "diary.txt", reached)]
            assert fit(module, batches, settings, folder, told) == settings.max_steps

        return in_child(work)

    return run


def left(folder: Path):
    """What counts of a run: its last checkpoint without the clock, its diary, its curves."""
    path = newest_checkpoint(folder / "checkpoints")
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["callbacks"].pop("PieceTime")
    curves = read_curves(sorted(folder.glob("csv_from_*/metrics.csv")))
    curves = {name: (list(each.steps), list(each.values)) for name, each in curves.items()}
    return checkpoint, diary(folder / "diary.txt"), curves


def assert_same(found, expected, place: str = "") -> None:
    """Equal to the bit, through dictionaries and lists."""
    if isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected), place
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys(), place
        for key, value in expected.items():
            assert_same(found[key], value, f"{place}.{key}")
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected), place
        for index, value in enumerate(expected):
            assert_same(found[index], value, f"{place}[{index}]")
    else:
        assert found == expected, place


def check(kind, moment, train, trained, tmp_path, tmp_path_factory) -> None:
    if kind not in trained:
        folder = tmp_path_factory.mktemp("whole")
        assert train(kind, folder) == 0
        trained[kind] = left(folder)
    assert train(kind, tmp_path / "killed", moment) == signal.SIGKILL, "nothing to kill"
    assert train(kind, tmp_path / "killed") == 0
    assert_same(left(tmp_path / "killed"), trained[kind])
    names = {path.name for path in (tmp_path / "killed" / "checkpoints").iterdir()}
    steps = ("step_00000004.ckpt", "step_00000006.ckpt")
    assert names == {f"{step}{end}" for step in steps for end in ("", ".sha256")}


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: f"{moment[0]}-{moment[1]}")
def test_a_run_on_cached_tokens_survives(moment, train, trained, tmp_path, tmp_path_factory):
    check("tokens", moment, train, trained, tmp_path, tmp_path_factory)


@pytest.mark.parametrize(
    "kind",
    [
        *("pictures", "own pictures, discriminator"),
        *("tokens, muon, bf16", "tokens, 8-bit, in parts", "lora"),
    ],
)
@pytest.mark.parametrize("moment", MOMENTS[3::7], ids=lambda moment: f"{moment[0]}-{moment[1]}")
def test_other_kinds_of_runs_survive(kind, moment, train, trained, tmp_path, tmp_path_factory):
    check(kind, moment, train, trained, tmp_path, tmp_path_factory)
