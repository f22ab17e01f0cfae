"""Ablations of training: each law and seed trained once, killed, gone on with, and answered."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from lightning import Trainer

from src.run import main
from src.tasks import train_uvit
from src.training import token_cache
from tests.tasks.test_sweep import exit_with, moments, table
from tests.training.children import die, in_child

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.slow,  # sweeps of trainings: half a minute each
]


@pytest.fixture(scope="module")
def command(model_folder, clip_folder):
    """The command line of a sweep: two laws, two seeds, four steps of training each."""

    def build(home: Path, *changes: str) -> list[str]:
        return [
            *("+exp=ablate_training_schedule", f"model={model_folder}", "device=cpu"),
            *("masking.schedule=cosine,linear", "seed=0,1"),
            *("data.glyphs=[sun,star,heart]", "data.colors=[red,green]", "data.positions=0"),
            *("data.backgrounds=[white,yellow]", "training.preset=null", "training.begin=model"),
            *("training.max_steps=4", "training.batch_size=4", "training.num_cached=64"),
            *("training.checkpoint_every=1", "training.sample_every=4", "training.log_every=2"),
            *("training.num_threads=1", "training.warmup_steps=0", "sampler.num_steps=2"),
            *(f"evaluation.clip={clip_folder}", "evaluation.prompts_per_kind=6"),
            *("evaluation.num_reference=12", f"output_dir={home}", *changes),
        ]

    return build


@pytest.fixture(scope="module")
def trained():
    """Every training that was begun or gone on with, by its law and seed; small ones."""
    seen = []
    real = train_uvit.run

    def run(config, folder):
        seen.append((config.masking.schedule, config.seed))
        return real(config, folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_uvit, "run", run)
        patch.setattr(train_uvit, "NUM_SCENES", 8)
        patch.setattr(token_cache, "SHARD_SIZE", 64)
        yield seen


@pytest.fixture(scope="module")
def whole(command, trained, tmp_path_factory):
    """The home of a sweep that nothing happened to."""
    home = tmp_path_factory.mktemp("whole")
    assert main(command(home)) == 0
    return home


def test_every_law_is_trained_once_a_seed_and_answered_over_the_seeds(whole, trained):
    assert sorted(trained) == [(law, seed) for law in ("cosine", "linear") for seed in (0, 1)]
    found = table(whole)
    assert found["masking.schedule"] == ["cosine", "cosine", "linear", "linear"]
    assert found["seed"] == [0, 1, 0, 1]
    assert len(set(found["FD[tiny-clip]"])) == 4, "four models, not one"
    text = (whole / "README.md").read_text()
    assert "`schedule=linear` cannot be told from `schedule=cosine`" in text
    assert "Every setting was trained with the same 2 seeds." in text
    assert "2 trainings a setting" in text
    record = json.loads((whole / "record.json").read_text())
    subjects = {f"schedule={law}, seed={seed}" for law in ("cosine", "linear") for seed in (0, 1)}
    assert {each["subject"] for each in record["measurements"]} == subjects


def test_what_is_drawn_in_another_way_is_not_trained_again(whole, command, trained):
    before, trained[:] = moments(whole), []
    assert main(command(whole)) == 0
    assert moments(whole) == before
    assert main(command(whole, "sampler.schedule=linear")) == 0
    assert trained == []
    assert len(moments(whole)) == 8


def test_a_sweep_killed_in_a_training_goes_on_in_it(whole, command, tmp_path):
    def doomed() -> None:
        saved, real = [], Trainer.save_checkpoint

        def save(*args, **settings):
            real(*args, **settings)
            saved.append(args)
            if len(saved) == 7:
                die()

        Trainer.save_checkpoint = save
        raise SystemExit(main(command(tmp_path)))

    def again() -> None:
        raise SystemExit(main(command(tmp_path)))

    assert in_child(doomed) == -signal.SIGKILL, "nothing was killed"
    assert len(moments(tmp_path)) == 1, "not in the second training"
    for place, path in enumerate(sorted(tmp_path.glob("trainings/**/step_*"))):
        os.utime(path, (10**9 - place, 10**9 - place))  # a clock that was put back: last ones first
    before = moments(tmp_path)
    assert in_child(again) == 0
    assert before.items() < moments(tmp_path).items()
    assert main(command(whole)) == 0  # the table of these cells again
    assert table(tmp_path) == table(whole)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_a_training_ends_the_whole_sweep(number, whole, command, tmp_path):
    def doomed() -> None:
        saved, real = [], Trainer.save_checkpoint

        def save(*args, **settings):
            real(*args, **settings)
            saved.append(args)
            if len(saved) == 7:
                os.kill(os.getpid(), number)

        Trainer.save_checkpoint = save
        raise SystemExit(main(command(tmp_path)))

    assert in_child(doomed) == 128 + number
    assert len(moments(tmp_path)) == 1, "not in the second training"
    assert len(list((tmp_path / "trainings").iterdir())) == 2, "the next cell was begun"
    before = moments(tmp_path)
    assert in_child(lambda: exit_with(command(tmp_path))) == 0
    assert before.items() < moments(tmp_path).items()
    assert table(tmp_path) == table(whole)


def test_a_lone_training_is_no_sample_of_trainings(whole, command, tmp_path, capsys):
    for name in ("cells", "trainings"):
        shutil.copytree(whole / name, tmp_path / name)
    command = [*command(tmp_path), "seed=1"]
    assert main([text for text in command if text != "seed=0,1"]) == 0
    text = (tmp_path / "README.md").read_text()
    assert "percentiles of 10,000 resamples of the pictures" in text
    assert "nothing is said about another model, a model trained again" in text
