"""A sweep of trainings that is told to end: it ends, says so in its status, and goes on later."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from src.experiments import ROOT
from tests.tasks.test_sweep import moments, table

pytestmark = pytest.mark.slow


@pytest.fixture
def command(model_folder, clip_folder, tmp_path):
    """The command line of a sweep of two laws, each trained for some seconds."""
    return [
        *("+exp=ablate_training_schedule", f"model={model_folder}", "device=cpu"),
        *("masking.schedule=cosine,linear", "seed=0"),
        *("data.glyphs=[sun,star,heart]", "data.colors=[red,green]", "data.positions=0"),
        *("data.backgrounds=[white,yellow]", "training.preset=null", "training.begin=model"),
        *("training.max_steps=40", "training.batch_size=4", "training.num_cached=64"),
        *("training.checkpoint_every=5", "training.sample_every=1000", "training.log_every=50"),
        *("training.num_threads=1", "training.warmup_steps=0", "sampler.num_steps=2"),
        *(f"evaluation.clip={clip_folder}", "evaluation.prompts_per_kind=6"),
        *("evaluation.num_reference=12", f"output_dir={tmp_path / 'home'}"),
    ]


JOBLIB = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]


def started(command: list[str]) -> subprocess.Popen:
    """The sweep as the head of a group of processes of its own, as a terminal starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "src.run", *command],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def checkpoints(home: Path) -> set[Path]:
    return set(home.glob("trainings/*/checkpoints/*.sha256"))


def test_a_signal_to_all_its_processes_ends_the_sweep_and_the_same_command_goes_on(
    command, tmp_path
):
    """In one process, test_ablate_training.py asks the same of a quicker sweep."""
    home = tmp_path / "home"
    child = started([*command, *JOBLIB])
    while child.poll() is None and not checkpoints(home):
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGTERM)
    _, told = child.communicate(timeout=60)  # when its last process has ended
    assert child.returncode == -signal.SIGTERM, told  # to a shell, 143
    assert "Traceback" not in told
    assert "which is saved: the same command goes on." in told
    assert moments(home) == {}
    begun = {path.parents[1] for path in checkpoints(home)}
    child = started([*command, *JOBLIB])
    _, told = child.communicate(timeout=300)
    assert child.returncode == 0, told
    assert table(home)["masking.schedule"] == ["cosine", "linear"]
    for place in begun:
        assert len(list(place.glob("csv_from_*"))) == 2, "the training was begun anew"
