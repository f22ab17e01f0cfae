"""Prompts to files: a picture a file that knows its prompt and seed, and nothing half-written."""

import json

import numpy as np
import pytest
from PIL import Image

from src.conditioning.config import MicroCondConfig
from src.errors import UserError
from src.sampler.config import CorrectorConfig, SamplerConfig
from src.speed.config import SpeedConfig
from src.tasks.drawing import generate_pictures, settings
from src.tasks.generate import run
from src.tasks.inputs import open_model

PROMPTS = ["a small green heart on a white background", "größer, αβγ"]


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_every_picture_is_a_file_that_knows_where_it_came_from(config, tmp_path):
    speed = SpeedConfig(decoder="bfloat16")
    run(config("generate", prompts=PROMPTS, seeds=[5, 2**40], speed=speed), tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert [entry["file"] for entry in manifest["pictures"]] == ["00000.png", "00001.png"]
    for entry, prompt, seed in zip(manifest["pictures"], PROMPTS, [5, 2**40], strict=True):
        with Image.open(tmp_path / entry["file"]) as picture:
            assert picture.size == (32, 32)
            assert picture.text["prompt"] == entry["prompt"] == prompt
            assert int(picture.text["seed"]) == entry["seed"] == seed
            assert picture.text["weights_hash"] == manifest["weights_hash"]
            assert json.loads(picture.text["speed"]) == manifest["speed"]
            assert json.loads(picture.text["sampler"])["num_steps"] == 3
            assert json.loads(picture.text["speed"])["decoder"] == "bfloat16"
    assert (tmp_path / "grid.png").stat().st_size > 1000
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_picture_does_not_depend_on_its_company(config, tmp_path):
    prompts = [
        f"a {size} {color} star" for size in ("small", "large") for color in ("red", "green")
    ]
    run(config("generate", prompts=[*prompts, PROMPTS[0]], seed=7), tmp_path / "five")
    run(config("generate", prompts=[PROMPTS[0]], seed=11), tmp_path / "alone")
    together, alone = pixels(tmp_path / "five" / "00004.png"), pixels(tmp_path / "alone/00000.png")
    assert (together == alone).all()
    assert (pixels(tmp_path / "five" / "00000.png") != alone).any()


def test_the_pictures_of_a_prompt_stand_together(config, tmp_path):
    run(config("generate", prompts=PROMPTS, num_images_per_prompt=2), tmp_path)
    entries = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))["pictures"]
    assert [entry["prompt"] for entry in entries] == [PROMPTS[0]] * 2 + [PROMPTS[1]] * 2
    assert [entry["seed"] for entry in entries] == [0, 1, 2, 3]


def test_a_prompts_file_goes_into_the_folder_that_was_asked_for(config, tmp_path):
    (tmp_path / "prompts.txt").write_text("a red star\n\na green sun\n")
    target = tmp_path / "deep" / "pictures"
    chosen = config("generate", prompts_file=f"{tmp_path}/prompts.txt", output_dir=str(target))
    run(chosen, tmp_path / "run")
    assert (target / "00001.png").is_file()
    assert not (tmp_path / "run").exists()


def test_negative_prompts_that_do_not_match_a_prompts_file_leave_no_folder(config, tmp_path):
    (tmp_path / "prompts.txt").write_text("a red star\na green sun\na blue moon\n")
    given = {"prompts_file": f"{tmp_path}/prompts.txt", "negative_prompts": ["a", "b"]}
    with pytest.raises(UserError, match="2 entries for 3 prompts"):
        run(config("generate", **given, output_dir=f"{tmp_path}/pictures"), tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["prompts.txt"]


def test_pictures_of_another_run_are_not_overwritten(config, tmp_path):
    chosen = config("generate", prompts=PROMPTS[:1], output_dir=str(tmp_path / "pictures"))
    run(chosen, tmp_path)
    before = (tmp_path / "pictures" / "00000.png").read_bytes()
    with pytest.raises(UserError, match="pictures of another run"):
        run(config("generate", prompts=["x"], output_dir=str(tmp_path / "pictures")), tmp_path)
    assert (tmp_path / "pictures" / "00000.png").read_bytes() == before


def test_a_folder_that_takes_no_files_is_refused_before_any_picture(config, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="file"):
        run(config("generate", prompts=PROMPTS, output_dir=f"{tmp_path}/file/pictures"), tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"sampler": SamplerConfig(num_steps=2, guidance_scale=2.0)},
        {"sampler": SamplerConfig(num_steps=3, guidance_scale=6.0)},
        {"sampler": SamplerConfig(num_steps=3, guidance_scale=2.0, schedule="linear")},
        {"sampler": SamplerConfig(num_steps=3, guidance_scale=2.0, sampling_temperature=0.2)},
        {"sampler": SamplerConfig(num_steps=3, guidance_scale=2.0, choice_temperature_start=40.0)},
        {"sampler": SamplerConfig(num_steps=3, guidance_scale=2.0, guidance="linear")},
        {"sampler": SamplerConfig(num_steps=3, guidance_scale=2.0, guidance_from=0.5)},
        {"sampler": SamplerConfig(num_steps=3, guidance_scale=2.0, name="raster_order")},
        {"sampler": SamplerConfig("halton", num_steps=3, guidance_scale=2.0)},
        {"sampler": SamplerConfig(num_steps=3, corrector=CorrectorConfig(num_positions=9))},
        {"guidance_against": "micro_cond"},
        {"guidance_against": "both", "negative_micro_cond": MicroCondConfig(crop_top=400.0)},
        {"negative_prompts": ["a red sun"]},
        {"height": 64},
    ],
    ids=lambda change: str(change)[:60],
)
def test_every_setting_reaches_the_sampler(config, change):
    model = open_model(config("generate"))

    def drawn(**changes) -> np.ndarray:
        chosen = config("generate", **changes)
        return np.asarray(
            generate_pictures(
                model, chosen, PROMPTS[:1], [3], chosen.negative_prompts, record=False
            ).images[0]
        )

    assert not np.array_equal(drawn(), drawn(**change))


def test_guidance_by_micro_conditions_hears_the_prompt_on_both_sides(config):
    """Pushed away from itself, a picture is the one without guidance."""
    model = open_model(config("generate"))
    same = config("generate").micro_cond

    def drawn(**changes) -> np.ndarray:
        chosen = config("generate", **changes)
        return np.asarray(generate_pictures(model, chosen, PROMPTS[:1], [3]).images[0])

    off = drawn(sampler=SamplerConfig(num_steps=3, guidance_scale=1.0))
    on = SamplerConfig(num_steps=3, guidance_scale=9.0)
    assert np.array_equal(
        off, drawn(sampler=on, guidance_against="micro_cond", negative_micro_cond=same)
    )
    assert not np.array_equal(off, drawn(sampler=on, guidance_against="micro_cond"))


@pytest.mark.parametrize(
    ("change", "said"),
    [({"height": 30}, "height=30"), ({"model": "/nowhere/model"}, "nowhere")],
)
def test_what_the_model_cannot_do_is_refused(config, tmp_path, change, said):
    with pytest.raises(UserError, match=said):
        run(config("generate", prompts=PROMPTS, **change), tmp_path)


def test_a_checkpoint_is_decoded_by_its_own_schedule_and_the_files_say_so(config):
    chosen = config("generate", sampler=SamplerConfig(num_steps=3, schedule=None))
    model = open_model(chosen)
    model.mask_schedule = "linear"
    own = generate_pictures(model, chosen, PROMPTS[:1], [3], record=True).trace
    assert settings(chosen, model)["sampler"]["schedule"] == "linear"
    forced = config("generate", sampler=SamplerConfig(num_steps=3, schedule="cosine"))
    other = generate_pictures(model, forced, PROMPTS[:1], [3], record=True).trace
    assert own.num_scheduled[:, 0].tolist() == [42, 21, 0]
    assert other.num_scheduled[:, 0].tolist() != [42, 21, 0]


def test_a_checkpoints_own_guidance_is_followed_and_the_files_say_so(config):
    chosen = config("generate", sampler=SamplerConfig(num_steps=3, guidance_scale=None))
    forced = config("generate", sampler=SamplerConfig(num_steps=3, guidance_scale=7.0))
    model = open_model(chosen)
    model.guidance_scale = 3.0
    assert settings(chosen, model)["sampler"]["guidance_scale"] == 3
    assert settings(forced, model)["sampler"]["guidance_scale"] == 7
    named = config("generate", sampler=SamplerConfig(num_steps=3, guidance_scale=3.0))
    own, told = (
        generate_pictures(model, run_config, PROMPTS[:1], [3]).token_ids
        for run_config in (chosen, named)
    )
    assert (own == told).all()


def test_a_refusal_while_drawing_prints_nothing_else(config, tmp_path, capsys):
    with pytest.raises(UserError, match="height=7 is impossible"):
        run(config("generate", prompts=PROMPTS, height=7), tmp_path)
    assert capsys.readouterr() == ("", "")
