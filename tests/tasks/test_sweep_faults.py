"""What befalls a sweep from outside: lost parents, full memory, clocks that jump, equal seconds."""

import json
import os
import time
from pathlib import Path

import psutil
import pytest
import torch
import yaml

from src.experiments import CONF
from src.run import main
from tests.tasks.test_launchers import LAUNCHERS, started
from tests.tasks.test_sweep import (  # noqa: F401
    _whole,
    command,
    exit_with,
    moments,
    pictures,
    plant,
    table,
    whole,
)
from tests.training.children import in_child

pytestmark = [
    pytest.mark.filterwarnings("ignore::src.evaluation.frechet.TooFewPictures"),
    pytest.mark.slow,  # Hydra composes every cell of every sweep: seconds each
]


def test_a_sweep_whose_parent_was_killed_goes_on(command, tmp_path):  # noqa: F811
    home = tmp_path / "home"
    line = command(*LAUNCHERS["joblib"], "evaluation.prompts_per_kind=40", home=home)
    parent = started(line)
    while not moments(home):
        assert parent.poll() is None, "the sweep was over before it could be killed"
        time.sleep(0.02)
    workers = psutil.Process(parent.pid).children(recursive=True)
    before = moments(home)
    parent.kill()
    parent.wait()
    again = started(line)
    _, told = again.communicate(timeout=300)
    assert again.returncode == 0, told
    assert before.items() <= moments(home).items(), "a finished cell was touched"
    assert len(moments(home)) == 3
    assert table(home)["sampler.num_steps"] == [1, 2, 3]
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive, "they would hold their memory for ever"


def test_a_cell_that_runs_out_of_memory_is_told_in_words_and_the_others_finish(
    command,  # noqa: F811
    tmp_path,
    monkeypatch,
    capsys,
):
    def fault(config, bench):
        if config.sampler.num_steps == 2:
            torch.empty(2**50)  # a petabyte

    plant(monkeypatch, "draw", fault)
    assert main(command()) == 1
    told = capsys.readouterr().err
    assert "Memory ran out in a cell: give it more" in told
    assert "1 of 3 cells are missing: num_steps=2" in told
    assert "Traceback" not in told
    assert table(tmp_path / "home")["sampler.num_steps"] == [1, 3]


def test_no_two_jobs_share_a_folder_and_a_second_try_takes_its_own(
    command,  # noqa: F811
    tmp_path,
    monkeypatch,
):
    seen = []

    def fault(config, bench):
        seen.append(config.sampler.num_steps)
        if seen == [1, 2]:
            raise RuntimeError("lost")

    plant(monkeypatch, "draw", fault)
    assert main(command()) == 0
    files = sorted((tmp_path / "home" / "launches").glob("*/*/.hydra/overrides.yaml"))
    jobs = [yaml.safe_load(path.read_text()) for path in files]
    steps = [text for job in jobs for text in job if text.startswith("sampler.num_steps=")]
    assert steps == ["sampler.num_steps=1", "sampler.num_steps=2", "sampler.num_steps=3"]
    assert [path.parents[1].name for path in files] == ["0", "1", "2"]


def test_runs_that_start_in_one_second_have_folders_of_their_own(
    whole,  # noqa: F811
    model_folder,
    tmp_path,
):
    usual = yaml.safe_load((CONF / "config.yaml").read_text())["hydra"]["run"]["dir"]
    pattern = usual.rpartition("/")[2]
    line = ["+exp=generate", 'prompts=["a red heart"]', f"model={model_folder}", "device=cpu"]
    line += ["sampler.num_steps=1", f"hydra.run.dir={tmp_path}/{pattern}"]
    children = []
    for _ in range(3):
        child = os.fork()
        if not child:
            os._exit(in_child(lambda: exit_with(line)))
        children.append(child)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert statuses == [0, 0, 0]
    folders = sorted(tmp_path.iterdir())
    assert len(folders) == 3
    assert all((folder / "manifest.json").is_file() for folder in folders)


def test_the_order_of_cells_is_that_of_the_command_whatever_the_clock_said(whole, command):  # noqa: F811
    files = sorted(path for path in whole.rglob("*") if path.is_file())
    for place, path in enumerate(files):
        os.utime(path, (10**9 - place, 10**9 - place))  # the year 2001, the last ones first
    for path in whole.glob("cells/[!.]*/record.json"):
        record = json.loads(path.read_text())
        record["recorded"] = "2001-09-09 01:46"
        path.write_text(json.dumps(record))
    kept = pictures(whole)
    expected = table(whole)
    assert in_child(lambda: exit_with(command(home=whole))) == 0
    assert table(whole) == expected
    assert pictures(whole) == kept
    assert all(record_time(path) == "2001-09-09 01:46" for path in whole.glob("cells/[!.]*"))


def record_time(cell: Path) -> str:
    return json.loads((cell / "record.json").read_text())["recorded"]
