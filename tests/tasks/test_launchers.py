"""One sweep under three launchers: the same table; a lost process costs no more than its cell."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from src.experiments import ROOT
from tests.tasks.test_sweep import command, moments, pictures, table  # noqa: F401

pytestmark = pytest.mark.slow
LAUNCHERS = {
    "in-process": [],
    "joblib": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
    "submitit": ["hydra/launcher=submitit_local"],
}


def started(arguments: list[str]) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "src.run", *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_every_launcher_gives_the_same_table(command, tmp_path):  # noqa: F811
    tables, cells = [], []
    for name, changes in LAUNCHERS.items():
        home = tmp_path / name
        child = started(command(*changes, home=home))
        _, told = child.communicate(timeout=300)
        assert child.returncode == 0, told
        tables.append(table(home))
        cells.append(pictures(home))
    assert tables[0] == tables[1] == tables[2]
    assert cells[0] == cells[1] == cells[2]


def test_a_killed_worker_is_replaced_and_finished_cells_stay(command, tmp_path):  # noqa: F811
    home = tmp_path / "home"
    child = started(command(*LAUNCHERS["joblib"], "evaluation.prompts_per_kind=40", home=home))
    before = {}
    while not before:
        assert child.poll() is None, "the sweep was over before its worker could be killed"
        time.sleep(0.02)
        before = moments(home)
    workers = psutil.Process(child.pid).children(recursive=True)
    busy = [each for each in workers if "popen_loky" in " ".join(each.cmdline())]
    assert busy, [each.cmdline() for each in workers]
    busy[0].kill()
    _, told = child.communicate(timeout=300)
    assert child.returncode == 0, told
    assert "TerminatedWorkerError" in told
    assert before.items() <= moments(home).items()
    assert table(home)["sampler.num_steps"] == [1, 2, 3]


def test_workers_that_hang_are_given_up_after_the_time_limit(command, tmp_path):  # noqa: F811
    home = tmp_path / "home"
    limited = [*LAUNCHERS["joblib"], "hydra.launcher.timeout=45"]
    child = started(command(*limited, "evaluation.prompts_per_kind=40", home=home))
    while not moments(home):
        assert child.poll() is None, "the sweep was over before its workers could be stopped"
        time.sleep(0.02)
    workers = psutil.Process(child.pid).children(recursive=True)
    hung = [each for each in workers if "popen_loky" in " ".join(each.cmdline())]
    for worker in hung:  # all: one without a cell, or still starting, would hold nothing up
        worker.suspend()
    before = moments(home)
    assert len(before) < 3
    _, told = child.communicate(timeout=300)
    assert child.returncode == 0, told
    assert "TimeoutError" in told
    assert not any(worker.is_running() for worker in hung), "they would hold their memory for ever"
    assert before.items() <= moments(home).items()
    assert table(home)["sampler.num_steps"] == [1, 2, 3]
