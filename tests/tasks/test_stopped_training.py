"""The typed line, stopped by the terminal and typed again, leaves the model of a whole run."""

import os
import signal
import subprocess
import sys
import time

import pytest
from safetensors.torch import load_file

from src.experiments import ROOT
from tests.tasks.test_train_uvit import photos  # noqa: F401

SETTINGS = {
    "training.max_steps": 150,
    "training.batch_size": 4,
    "training.num_workers": 1,
    "training.num_threads": 1,
    "training.precision": "32-true",
    "training.gradient_checkpointing": "false",
    "training.checkpoint_every": 5,
    "training.sample_every": 1000,
    "training.log_every": 1,
    "data.picture_size": 32,
    "device": "cpu",
}


@pytest.fixture
def command(photos, model_folder, tmp_path):  # noqa: F811
    """Start the training in a folder, as the head of a group of processes of its own."""

    def start(name: str) -> subprocess.Popen:
        places = {"model": model_folder, "data.path": photos, "output_dir": tmp_path / name}
        told = {**SETTINGS, **places, "hydra.run.dir": tmp_path / "hydra"}
        line = [sys.executable, "-m", "src.run", "+exp=finetune_256_full"]
        line += [f"{key}={value}" for key, value in told.items()]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(line, cwd=ROOT, start_new_session=True, **pipes)

    return start


def checkpoints_of(folder) -> set[str]:
    return {path.name for path in folder.glob("checkpoints/*.sha256")}


def sent_after_a_checkpoint(process: subprocess.Popen, folder, number: int) -> str:
    """Wait for the next checkpoint, send the signal to the whole group; stderr in the end."""
    before = checkpoints_of(folder)
    while process.poll() is None and checkpoints_of(folder) == before:
        time.sleep(0.05)
    os.killpg(process.pid, number)
    return process.communicate(timeout=300)[1]


@pytest.mark.slow
def test_a_stopped_training_ends_as_if_it_had_not_been(command, tmp_path):
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        stopped = command("stopped")
        said = sent_after_a_checkpoint(stopped, tmp_path / "stopped", number)
        assert stopped.returncode == status, said
        assert "which is saved: the same command goes on." in said
        assert "Traceback" not in said
        assert not (tmp_path / "stopped" / "model").exists()
    for name in ("stopped", "whole"):
        process = command(name)
        said = process.communicate(timeout=600)[1]
        assert process.returncode == 0, said
    weights = [
        load_file(tmp_path / name / "model" / "transformer" / "diffusion_pytorch_model.safetensors")
        for name in ("stopped", "whole")
    ]
    assert weights[0].keys() == weights[1].keys()
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])
