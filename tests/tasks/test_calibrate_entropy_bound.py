"""A bound for a wanted number of steps, in a file that a sampler follows."""

import json
from dataclasses import replace

from src.config import RunConfig
from src.sampler.config import CalibrationConfig, SamplerConfig
from src.sampler_file import read_sampler
from src.tasks.calibrate_entropy_bound import histogram, run
from src.tasks.drawing import generate_pictures
from src.tasks.inputs import open_model


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
