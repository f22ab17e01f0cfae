"""A bound for a wanted number of steps, in a file that a sampler follows."""

import json
from dataclasses import replace

import pytest

from src.config import RunConfig
from src.data.scenes import World
from src.errors import UserError
from src.evaluation.cell import ask_world
from src.evaluation.config import EvaluationConfig
from src.sampler.calibration import calibrate_bound
from src.sampler.config import CalibrationConfig, SamplerConfig
from src.sampler_file import read_sampler
from src.tasks.calibrate_entropy_bound import _prompts, histogram, run
from src.tasks.drawing import generate_pictures
from src.tasks.inputs import open_model
from tests.tasks.conftest import WORLD


def test_the_file_it_writes_takes_the_wanted_number_of_steps(model_folder, tmp_path, capsys):
    config = RunConfig(
        name="calibrate_entropy_bound",
        task="calibrate_entropy_bound",
        model=str(model_folder),
        prompts=["a red star", "a green sun", "a red heart"],
        sampler=SamplerConfig(
            name="entropy_bounded", num_steps=64, guidance_scale=2.0, schedule="cosine"
        ),
        calibration=CalibrationConfig(mean_steps=6.0),
        output_dir=str(tmp_path),
    )
    run(config, tmp_path)
    told = json.loads((tmp_path / "sampler.json").read_text())
    assert told["mean_steps"] == 6.0
    assert sum(told["steps_of_pictures"].values()) == told["pictures"] == 3
    blank = SamplerConfig(guidance_scale=None, schedule=None, path=f"{tmp_path}/sampler.json")
    found = read_sampler(blank)
    again = generate_pictures(
        open_model(config), replace(config, sampler=found), config.prompts, [0, 1, 2], record=True
    ).trace
    assert (again.num_passes > 0).sum(dim=0).double().mean() == 6.0
    assert "6.00 steps" in capsys.readouterr().out


def test_the_histogram_has_a_bar_a_number_of_steps():
    assert histogram([3, 5, 3]) == [
        "   3 steps  " + "█" * 40 + " 2",
        "   5 steps  " + "█" * 20 + " 1",
    ]


def test_it_is_calibrated_on_captions_that_judge_nothing(config):
    evaluation = EvaluationConfig(prompts_per_kind=40, num_reference=2)
    found = _prompts(config("calibrate_entropy_bound", evaluation=evaluation))
    judging = ask_world(World(WORLD), evaluation).captions
    assert len(found) == 80
    assert not {*found} & {*judging}


def test_who_wants_too_few_steps_is_told_how_many_there_are():
    with pytest.raises(UserError, match=r"mean_steps=4 is impossible.*; give 5 or more\.$"):
        calibrate_bound(lambda bound: 5.0 if bound else 9.0, 4.0)
