"""A large folder is the same files, whoever draws a part of it and after any kill."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import psutil
import pytest
import torch
from PIL import Image

from src import onednn
from src.compose import composed
from src.errors import UserError
from src.evaluation.picture_set import open_pictures
from src.evaluation.protocol_config import ShardConfig
from src.experiments import ROOT
from src.speed.bulk_config import BulkConfig
from src.speed.config import SpeedConfig
from src.tasks import bulk_crew, draw_bulk
from src.tasks.bulk_plan import (
    AT_ONCE,
    calls_of,
    drawn_already,
    file_of,
    make_plan,
    passes_of,
)
from src.tasks.bulk_told import Share
from src.tasks.bulk_worker import Drawn, device_of, draw
from src.tasks.drawing import generate_pictures
from src.tasks.inputs import open_model
from tests.training.children import die, in_child

PROMPTS = ["a small red sun", "a large green star", "a small green heart", "a large red heart"]
ALONE = {"num_workers": 1, "pictures_per_pass": 2}


@pytest.fixture
def build(config, tmp_path):
    """Twelve pictures in the folder of that name."""

    def built(name: str, index: int = 0, count: int = 1, bulk=(), **changes):
        return replace(
            config("draw_bulk"),
            prompts=PROMPTS,
            seed=5,
            output_dir=str(tmp_path / name),
            shard=ShardConfig(index, count),
            bulk=BulkConfig(**{**ALONE, **dict(bulk)}),
            **{"num_images_per_prompt": 3, **changes},
        )

    return built


def files(folder) -> dict[str, str]:
    """Hashes of everything but the notes of runs."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "shards" not in path.parts
    }


@pytest.fixture
def whole(build, tmp_path):
    draw_bulk.run(build("whole"), tmp_path / "unused")
    return files(tmp_path / "whole")


@pytest.mark.parametrize("per_pass", [1, 3, 8, 16])
@pytest.mark.parametrize("count", [1, 3, 7])
@pytest.mark.parametrize("each", [1, 4])
def test_every_pass_is_dealt_once_and_whole(build, per_pass, count, each):
    config = build("x", bulk={"pictures_per_pass": per_pass})
    plan = make_plan(replace(config, prompts=PROMPTS * 20, num_images_per_prompt=each))
    dealt = [passes_of(plan, ShardConfig(index, count)) for index in range(count)]
    assert [n for mine in dealt for one in mine for n in one] == list(range(80 * each))
    sizes = [len(mine) for mine in dealt]
    assert max(sizes) - min(sizes) <= 1
    for mine in dealt:
        calls = calls_of(plan, mine, 2)
        assert [n for call in calls for n in call] == [n for one in mine for n in one]
        assert all(
            call[0] % per_pass == 0 and len(call) <= max(AT_ONCE, per_pass) for call in calls
        )


def test_the_files_are_listed_and_are_what_generate_draws(build, config, tmp_path):
    draw_bulk.run(build("one", bulk={"pictures_per_pass": 1}), tmp_path / "unused")
    rows = [json.loads(line) for line in (tmp_path / "one/metadata.jsonl").read_text().splitlines()]
    assert [row["file_name"] for row in rows] == [file_of(number) for number in range(12)]
    opened = open_pictures(tmp_path / "one", None, tmp_path / "notes")
    assert opened.prompts == [prompt for prompt in PROMPTS for _ in range(3)]
    assert [each.seed for each in opened.pictures] == list(range(5, 17))
    model = open_model(config("generate"))
    (expected,) = generate_pictures(model, config("generate"), [PROMPTS[2]], [5 + 7]).images
    with Image.open(opened.paths[7]) as image:
        assert image.tobytes() == expected.tobytes()
        assert image.info["prompt"] == PROMPTS[2]


def test_datasets_read_the_folder(build, whole, tmp_path):
    from datasets import load_dataset

    rows = load_dataset(
        "imagefolder", data_dir=tmp_path / "whole", split="train", cache_dir=tmp_path
    )
    assert rows["prompt"] == [prompt for prompt in PROMPTS for _ in range(3)]
    assert rows[3]["image"].size == (32, 32)


@pytest.mark.parametrize("count", [2, 5])
def test_shares_make_the_folder_of_one(build, whole, tmp_path, count, capsys):
    for index in reversed(range(count)):
        assert not (tmp_path / "shared/metadata.jsonl").is_file()
        draw_bulk.run(build("shared", index, count), tmp_path / "unused")
    assert files(tmp_path / "shared") == whole
    assert f"{count} shares, {count} workers, at different times" in capsys.readouterr().out


@pytest.mark.parametrize(
    "left", ["000/000004.png.bak", "000/000004.png~", "000/4.png", "001/000004.png", "000/000004"]
)
def test_what_has_another_name_is_no_picture(build, whole, tmp_path, left):
    place = tmp_path / "whole"
    (place / left).parent.mkdir(exist_ok=True)
    (place / file_of(4)).rename(place / left)
    assert drawn_already(place) == {*range(12)} - {4}
    draw_bulk.run(build("whole"), tmp_path / "unused")
    assert {name: files(place)[name] for name in whole} == whole


@pytest.mark.parametrize("number", [1, 6, 12])
def test_after_a_kill_the_same_command_ends_with_the_same_files(
    build, whole, tmp_path, monkeypatch, number
):
    real, met = os.replace, []

    def replace_or_die(source, target):
        met.append(target) if str(target).endswith(".png") else None
        die() if len(met) == number else real(source, target)

    def work():
        monkeypatch.setattr(os, "replace", replace_or_die)
        draw_bulk.run(build("killed"), tmp_path / "unused")

    assert in_child(work) == -signal.SIGKILL, "nothing to kill"
    there = {path: path.stat().st_mtime_ns for path in (tmp_path / "killed").rglob("*.png")}
    there = {path: moment for path, moment in there.items() if not path.name.startswith(".")}
    assert len(there) == number - 1
    draw_bulk.run(build("killed"), tmp_path / "unused")
    assert files(tmp_path / "killed") == whole, "nothing is left over either"
    assert {path: path.stat().st_mtime_ns for path in there} == there, "drawn once"


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 6},
        {"prompts": [*PROMPTS[:3], "a large red sun"]},
        {"bulk": {"pictures_per_pass": 3}},
        {"bulk": {"num_threads": 2}},
        {"num_images_per_prompt": 2},
        {"negative_prompts": ["a small red heart"]},
        {"speed": SpeedConfig(decoder="bfloat16")},
    ],
)
def test_other_settings_in_the_same_folder_are_refused(build, whole, tmp_path, changes):
    bulk = changes.pop("bulk", {})
    with pytest.raises(UserError, match=r"move it away"):
        draw_bulk.run(replace(build("whole", bulk=bulk), **changes), tmp_path / "unused")
    assert files(tmp_path / "whole") == whole


def test_shares_begun_together_are_of_one_work_before_any_picture_is_there(
    build, whole, tmp_path, monkeypatch
):
    first, second = build("shared", 0, 2), build("shared", 1, 2)
    other = replace(second, sampler=replace(second.sampler, num_steps=2))
    draw_bulk.run(other, tmp_path / "unused")
    for path in (tmp_path / "shared").rglob("*.png"):
        path.unlink()  # what is left of a beginning without pictures binds nobody
    real, refused = draw_bulk.countdown, []

    @contextmanager
    def while_another_begins(*told):
        monkeypatch.setattr(draw_bulk, "countdown", real)
        assert not list((tmp_path / "shared").rglob("*.png"))
        with pytest.raises(UserError, match="begun with another sampler: give all shares") as said:
            draw_bulk.run(other, tmp_path / "unused")
        refused.append(said)
        with real(*told) as tell:
            yield tell

    monkeypatch.setattr(draw_bulk, "countdown", while_another_begins)
    draw_bulk.run(first, tmp_path / "unused")
    draw_bulk.run(second, tmp_path / "unused")
    assert refused
    assert files(tmp_path / "shared") == whole


def test_nothing_is_drawn_where_all_is_there(build, whole, tmp_path, capsys):
    draw_bulk.run(build("whole"), tmp_path / "unused")
    assert "nothing was left to draw" in capsys.readouterr().out


def test_each_worker_has_its_own_gpu_in_every_dealing(config):
    def devices(count: int, num_workers: int, device: str = "auto", gpus: int = 4) -> list[str]:
        return [
            device_of(
                replace(config("draw_bulk"), device=device, shard=ShardConfig(index, count)),
                worker,
                num_workers,
                gpus,
            )
            for index in range(count)
            for worker in range(num_workers)
        ]

    assert devices(1, 4) == devices(4, 1) == devices(2, 2) == [f"cuda:{n}" for n in range(4)]
    assert devices(1, 2, "cuda:3") == ["cuda:3"] * 2
    assert devices(1, 2, "auto", gpus=0) == ["cpu"] * 2


def test_efficiency_is_of_what_one_alone_draws():
    alone = Drawn(10, 0.0, 10.0, "cpu")
    workers = [Drawn(30, 10.0, 35.0, "cpu"), Drawn(20, 10.0, 40.0, "cpu")]
    share = Share(0.0, 10.0, 50.0, 2, alone, workers)
    assert share.num_drawn == 62
    assert share.an_hour == 3600 * 50 / 40
    assert share.efficiency == pytest.approx((50 / 40) / (2 * 1.0))


def test_without_memory_for_a_pass_the_setting_is_named(build, config):
    def exhausted(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    model = open_model(config("generate"))
    model.text_encoder.encode = exhausted
    asked = build("x", bulk={"pictures_per_pass": 4})
    with pytest.raises(UserError, match=r"for 4 pictures of .*give bulk\.pictures_per_pass=2 and"):
        draw(asked, model, make_plan(asked), [[0, 1]], set(), print)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("bulk.num_workers=0", r"bulk\.num_workers"),
        ("bulk.pictures_per_pass=0", r"bulk\.pictures_per_pass"),
        ("seeds=[1,2]", "the task draw_bulk reads"),
        ("shard.index=1", r"shard\.index=1 is impossible with shard\.count=1"),
    ],
)
def test_a_crew_that_cannot_be_is_refused(typed, said):
    with pytest.raises(UserError, match=said):
        composed(["+exp=draw_bulk", typed])


def test_two_workers_make_the_files_of_one(build, whole, tmp_path, capsys):
    draw_bulk.run(build("both", bulk={"num_workers": 2, "num_alone": 2}), tmp_path / "unused")
    assert files(tmp_path / "both") == whole
    assert "parallel efficiency" in capsys.readouterr().out


def test_forked_workers_share_the_weights_as_the_processor_reads_them(
    build, tmp_path, monkeypatch, capsys
):
    real, packed_by = onednn.pack_linear, tmp_path / "packed_by"

    def pack_linear(weight):
        with packed_by.open("a") as file:
            file.write(f"{os.getpid()}\n")
        return real(weight)

    monkeypatch.setattr(onednn, "pack_linear", pack_linear)
    asked = build("both", bulk={"num_workers": 2, "num_alone": 0}, num_images_per_prompt=12)
    draw_bulk.run(asked, tmp_path / "unused")
    assert re.search(r"worker 1 \(cpu\): [1-9]", capsys.readouterr().out), "it has drawn"
    assert {int(line) for line in packed_by.read_text().split()} == {os.getpid()}


@pytest.mark.slow
def test_workers_that_open_the_model_themselves_do_so_too(build, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(draw_bulk, "may_fork", lambda _: False)
    draw_bulk.run(build("both", bulk={"num_workers": 2}), tmp_path / "unused")
    assert files(tmp_path / "both") == whole


@pytest.mark.slow
def test_a_worker_whose_first_process_was_killed_ends_and_the_same_command_goes_on(
    build, whole, tmp_path, monkeypatch
):
    asked = build("orphan", bulk={"num_workers": 2})
    real, worker = bulk_crew.Crew.begin, tmp_path / "worker"

    def begin_and_die(self, *told):
        real(self, *told)
        worker.write_text(str(self.processes[0].pid))
        die()

    def work():
        monkeypatch.setattr(bulk_crew.Crew, "begin", begin_and_die)
        draw_bulk.run(asked, tmp_path / "unused")

    assert in_child(work) == -signal.SIGKILL
    for _ in range(200):
        if not psutil.pid_exists(int(worker.read_text())):
            break
        time.sleep(0.1)
    else:
        pytest.fail("the other worker draws on by itself")
    draw_bulk.run(asked, tmp_path / "unused")
    assert files(tmp_path / "orphan") == whole


@pytest.mark.slow
def test_a_worker_that_is_killed_is_told_in_a_sentence(build, whole, tmp_path, monkeypatch):
    def begin_and_kill(self, *told):
        os.kill(self.processes[0].pid, signal.SIGKILL)
        self.processes[0].join()

    asked = build("lost", bulk={"num_workers": 2})
    with monkeypatch.context() as patched:
        patched.setattr(bulk_crew.Crew, "begin", begin_and_kill)
        with pytest.raises(UserError, match="One of the workers ended before its work"):
            draw_bulk.run(asked, tmp_path / "unused")
    draw_bulk.run(asked, tmp_path / "unused")
    assert files(tmp_path / "lost") == whole


@pytest.mark.slow
def test_jobs_of_a_launcher_share_a_folder(build, whole, tmp_path, model_folder):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "src.run", "-m", "+exp=draw_bulk", f"model={model_folder}"),
            *("device=cpu", f"prompts=[{','.join(PROMPTS)}]", "num_images_per_prompt=3", "seed=5"),
            *("sampler.num_steps=3", "sampler.guidance_scale=2.0", "bulk.num_workers=1"),
            *("bulk.pictures_per_pass=2", f"output_dir={tmp_path / 'jobs'}", "shard.count=2"),
            *("shard.index=0,1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    kept = {name: each for name, each in files(tmp_path / "jobs").items() if name != "asked.json"}
    assert kept == {name: each for name, each in whole.items() if name != "asked.json"}
