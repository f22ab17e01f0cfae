"""Both inspections of real scenes on a tiny model: record, figures, and one sentence of refusal."""

from dataclasses import replace

import numpy as np
import pytest

from src.compose import composed
from src.errors import UserError
from src.evaluation.intervals import bootstrap_interval
from src.interpret.inspection_config import InspectionConfig
from src.report.record import read_record
from src.tasks import bench_recording, inspect_calibration, inspect_micro_cond, inspect_words
from src.tasks.inputs import open_model
from src.tasks.real_scenes import real_scenes

SMALL = InspectionConfig(
    num_pictures=8,
    mask_ratios=[0.5, 1.0],
    guidance_scales=[1.0, 3.0],
    num_hidings=2,
    num_shuffles=1,
    num_swept=2,
    num_traced=2,
    path_steps=2,
)


def test_a_calibration_leaves_a_row_for_every_share_and_guidance(config, tmp_path):
    inspect_calibration.run(config("inspect_calibration", inspection=SMALL), tmp_path)
    record = read_record(tmp_path)
    assert {each.subject for each in record.measurements} == {
        "50 % hidden, guidance 1",
        "100 % hidden, guidance 1",
        "50 % hidden, guidance 3",
    }
    assert all(each.num_samples == 4 for each in record.measurements), "the held-out half"
    for name in ("reliability.png", "calibration_error.png", "page.html"):
        assert (tmp_path / name).is_file()


@pytest.mark.slow  # two hundred askings, and gradients
def test_a_model_beside_itself_differs_in_nothing(config, model_folder, tmp_path):
    beside = replace(SMALL, shuffled_model=str(model_folder))
    inspect_micro_cond.run(config("inspect_micro_cond", inspection=beside), tmp_path)
    found = read_record(tmp_path).measurements
    apart = [each for each in found if each.subject == "difference"]
    assert len(apart) == 4
    assert all(each.value == each.low == each.high == 0 for each in apart)
    assert any(each.value != 0 for each in found if each.subject == inspect_micro_cond.SHIPPED)
    for name in ("probe.png", "sweeps.png", "shares.png", "page.html"):
        assert (tmp_path / name).is_file()


def test_a_model_that_was_not_trained_yet_is_named_with_the_command(config, tmp_path):
    missing = replace(SMALL, shuffled_model=str(tmp_path / "nowhere"))
    asked = config("inspect_micro_cond", inspection=missing)
    with pytest.raises(UserError, match=r"nowhere is no checkpoint: train it with .*shuffled"):
        inspect_micro_cond.run(asked, tmp_path)


def test_scenes_of_another_size_than_the_model_draws_are_refused(config, tmp_path):
    asked = config("inspect_calibration", inspection=SMALL)
    with pytest.raises(UserError, match="draws 32x32 pixels, and the scenes have 64"):
        inspect_calibration.run(replace(asked, data=replace(asked.data, picture_size=64)), tmp_path)


@pytest.mark.verify  # minutes: 300 scenes through the shipped model, fifty times
def test_a_temperature_helps_scenes_that_it_was_not_fitted_on(record_property):
    """Half hidden: NLL does not rise, ECE halves or is no more than chance shows.

    At guidance 1.5, which the experiment reports too, ECE lies at the edge of chance.
    """
    asked = composed(["+exp=inspect_calibration"]).config
    asked.inspection.mask_ratios = [0.5]
    asked.inspection.guidance_scales = [0.0, 1.0, 2.0, 4.0, 8.0]
    model = open_model(asked)
    judged = inspect_calibration.judge(model, asked, real_scenes(model, asked, 0.0, 300))
    for cell in (each.cell for each in judged):
        before, after = cell.result.before, cell.result.after
        record_property(
            f"guidance {cell.guidance_scale:g}", f"ECE {before.ece:.4f} {after.ece:.4f}"
        )
        assert after.nll <= before.nll
        assert after.ece <= max(before.ece / 2, after.clustered_floor.high)
        assert after.accuracy == before.accuracy


@pytest.mark.verify  # minutes: 300 scenes through two models, twenty times each
def test_the_probe_tells_the_shipped_model_from_one_trained_on_shuffled_numbers(record_property):
    asked = composed(["+exp=inspect_micro_cond"]).config
    inspect_micro_cond.check_there(asked)
    models = (asked, replace(asked, model=asked.inspection.shuffled_model))
    gains = []
    for model in map(open_model, models):
        scenes = real_scenes(model, asked, 1.0, 300)
        gains.append(inspect_micro_cond.probe(model, asked, scenes)["all five"])
    ours, theirs = (bootstrap_interval(each, np.random.default_rng(0)) for each in gains)
    record_property("gain by the truth, nats", f"{ours} and {theirs}")
    assert ours[0] > 0
    assert theirs[1] < ours[0] / 3


@pytest.mark.parametrize(
    "task", [inspect_calibration, inspect_micro_cond, inspect_words, bench_recording]
)
def test_an_output_dir_that_cannot_be_is_refused_before_the_work(
    task, config, model_folder, tmp_path
):
    """Before any model is opened: the one that is named is not there."""
    (tmp_path / "file").write_text("in the way")
    beside = replace(SMALL, shuffled_model=str(model_folder))
    name = task.__name__.rpartition(".")[2]
    asked = config(name, inspection=beside, output_dir=str(tmp_path / "file" / "below"))
    asked = replace(asked, model=str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"below has a file where a folder should be"):
        task.run(asked, tmp_path)
