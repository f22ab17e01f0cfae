"""Ctrl-C, kill and Slurm's warning end a training with a checkpoint, and nothing of it is lost."""

import os
import signal
import time
from pathlib import Path

import pytest

from src.training.checkpoint import newest_checkpoint
from tests.training.children import assert_same, left

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGUSR1: 138}
ARRAY = ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID")
ENDS_AFTER = {("forward", 0): 1, ("backward", 3): 4, ("stepped", 2): 4, ("fsync", 0): 3}


def newest_step(folder: Path) -> int:
    path = newest_checkpoint(folder / "checkpoints")
    return 0 if path is None else int(path.stem.removeprefix("step_"))


def without_epochs(found):
    """What a run leaves, but for Lightning's own count of the pieces it came in."""
    checkpoint, *others = found
    counted = ("epoch", "loops")
    return {key: each for key, each in checkpoint.items() if key not in counted}, *others


def learned(folder: Path):
    return without_epochs(left(folder))


def sends(number: int):
    return lambda: os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        *((("backward", 3), number) for number in STATUS),
        *((moment, signal.SIGTERM) for moment in ENDS_AFTER if moment[0] != "backward"),
    ],
)
def test_the_step_is_finished_and_saved_and_the_same_command_goes_on(
    number, moment, train, whole, tmp_path, capfd
):
    expected = without_epochs(whole("tokens"))
    assert train("tokens", tmp_path / "run", moment, sends(number)) == STATUS[number]
    assert newest_step(tmp_path / "run") == ENDS_AFTER[moment]
    said = f"Stopped after step {ENDS_AFTER[moment]} of 6, which is saved: the same command goes on"
    assert said in capfd.readouterr().err
    assert train("tokens", tmp_path / "run") == 0
    assert_same(learned(tmp_path / "run"), expected)


@pytest.mark.parametrize(("moment", "step"), [(("forward", 4), 3), (("stepped", 0), 1)])
def test_of_a_step_in_parts_all_parts_are_done(moment, step, train, whole, tmp_path):
    kind = "tokens, in parts"
    expected = without_epochs(whole(kind))
    assert train(kind, tmp_path / "run", moment, sends(signal.SIGTERM)) == 143
    assert newest_step(tmp_path / "run") == step
    assert train(kind, tmp_path / "run") == 0
    assert_same(learned(tmp_path / "run"), expected)


def test_a_second_ctrl_c_ends_at_once(train, tmp_path):
    def twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1.2)
        os.kill(os.getpid(), signal.SIGINT)

    assert train("tokens", tmp_path, ("forward", 1), twice, checkpoint_every=100) == 130
    assert newest_step(tmp_path) == 0


def test_one_ctrl_c_that_comes_twice_is_one(train, tmp_path):
    """Of the terminal, and of a launcher that heard it from the same terminal."""

    def twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    assert train("tokens", tmp_path, ("forward", 1), twice, checkpoint_every=100) == 130
    assert newest_step(tmp_path) == 2


@pytest.mark.parametrize(
    "number", [signal.SIGINT, *(pytest.param(n, marks=pytest.mark.slow) for n in (15, 10))]
)
def test_processes_that_draw_batches_leave_the_signal_alone(number, train, whole, tmp_path):
    """A terminal and a job send it to all of them."""
    expected = without_epochs(whole("tokens"))

    status = train(
        "tokens",
        tmp_path,
        ("stepped", 0),
        lambda: os.killpg(0, number),
        prepare=lambda: os.setpgid(0, 0),
        num_workers=2,
    )
    assert status == STATUS[number]
    assert newest_step(tmp_path) == 2
    assert train("tokens", tmp_path) == 0
    assert_same(learned(tmp_path), expected)


def test_what_is_to_be_ignored_stays_ignored(train, tmp_path):
    """As under nohup, or in the background of a script."""

    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    assert train("tokens", tmp_path, ("forward", 1), sends(signal.SIGINT), prepare=ignore) == 0
    assert newest_step(tmp_path) == 6


@pytest.mark.parametrize(
    ("told", "queued"),
    [
        ({"SLURM_JOB_ID": "7"}, "requeue 7"),
        (
            {"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"},
            "requeue 7_3",
        ),
    ],
)
def test_slurm_is_asked_to_queue_its_job_again(told, queued, train, tmp_path, monkeypatch):
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir()
    lines = ("#!/bin/sh", f"cd {tmp_path}", 'echo "$@" > asked', "ls run/checkpoints >> asked")
    scontrol.write_text("\n".join(lines) + "\n")
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{scontrol.parent}:{os.environ['PATH']}")
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert train("tokens", tmp_path / "run", ("forward", 2), sends(signal.SIGUSR1)) == 138
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[0] == queued
    assert "step_00000003.ckpt.sha256" in asked  # saved before the job is taken down


def test_slurm_is_not_asked_on_a_plain_kill(train, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert train("tokens", tmp_path, ("forward", 2), sends(signal.SIGTERM)) == 143
