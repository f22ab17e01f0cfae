"""The five editing experiments on a tiny model: scenes measured, own pictures edited, refusals."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from src.compose import composed
from src.data.oracle import Oracle
from src.data.scene_edits import replacement, two_halves
from src.data.scenes import World
from src.editing.config import EditingConfig
from src.errors import UserError
from src.report.record import read_record
from src.tasks import edit_regions, inpaint, outpaint, vary, video
from src.tasks.inputs import open_model

SMALL = EditingConfig(num_scenes=2, num_frames=3, strengths=[0.0, 1.0])
PROMPT = "a small red heart on a white background"


@pytest.fixture
def photo(tmp_path):
    """A picture of its own size, transparent in places, and a mask of the same size."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (45, 70, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    mask = np.zeros((45, 70), dtype=np.uint8)
    mask[10:30, 20:22] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return pixels, str(tmp_path / "photo.png"), str(tmp_path / "mask.png")


def rows_of(folder) -> dict:
    return {(each.subject, each.name): each for each in read_record(folder).measurements}


def test_inpainting_holds_our_rules_against_upstreams_and_a_paste(config, tmp_path):
    inpaint.run(config("inpaint", editing=SMALL), tmp_path)
    found = rows_of(tmp_path)
    for kind in (inpaint.EXACT, inpaint.PASTED):
        assert found[kind, "most pixels changed outside"].value == 0
    assert found[inpaint.UPSTREAM, "most pixels changed outside"].value > 0
    assert {each.num_samples for key, each in found.items() if "untouched" not in key[1]} == {2}
    assert (tmp_path / "gallery.png").is_file()
    assert (tmp_path / "page.html").is_file()


def test_a_variation_of_no_strength_is_the_scene_itself(config, tmp_path):
    vary.run(config("vary", editing=SMALL), tmp_path)
    found = rows_of(tmp_path)
    assert found["strength 0", "the scene of the picture"].value == 1
    assert found["strength 0", "PSNR to the picture, dB"].value == pytest.approx(100)
    assert found["strength 1", "PSNR to the picture, dB"].value < 40


@pytest.mark.parametrize(
    ("task", "name", "figures"),
    [
        (outpaint, "outpaint", ["gallery.png"]),
        (edit_regions, "edit_regions", ["halves.png", "boxes.png"]),
    ],
)
def test_what_is_known_stays_to_the_last_bit(task, name, figures, config, tmp_path):
    task.run(config(name, editing=SMALL), tmp_path)
    (kept,) = [each for each in read_record(tmp_path).measurements if "changed" in each.name]
    assert (kept.value, kept.num_samples) == (0, 2)
    assert all((tmp_path / figure).is_file() for figure in figures)


def test_a_video_of_a_model_that_knows_nothing_follows_nothing(config, tmp_path):
    with pytest.raises(UserError, match="frame 0 shows the object in 0 of 2 videos"):
        video.run(config("video", editing=SMALL), tmp_path)


def test_the_shipped_model_moves_what_it_draws(tmp_path):
    asked = composed(["+exp=video", "editing.num_scenes=3", "editing.num_frames=3"]).config
    video.run(asked, tmp_path)
    found = rows_of(tmp_path)
    assert found[video.SUBJECT, "frames that follow the motion"].value > 0.7
    assert found[video.SUBJECT, "frames that follow the motion"].num_samples >= 3


def test_an_object_that_stands_still_or_goes_astray_is_not_taken_for_a_moving_one(world):
    oracle, scene = Oracle(world), two_halves(world, 0, 0).source
    still = [scene.picture] * 3
    for thing in scene.scene.objects:
        assert all(video.follows(oracle, thing, still, (0.0, 0.0)).values())
        assert not any(video.follows(oracle, thing, still, (5.0, 0.0)).values())


@pytest.mark.parametrize(
    ("task", "name", "given", "size"),
    [
        (inpaint, "inpaint", {"masks": True}, (70, 45)),
        (vary, "vary", {"strength": 0.5}, (70, 45)),
        (outpaint, "outpaint", {"right": 0.5, "top": 3.0}, (105, 48)),
        (edit_regions, "edit_regions", {"masks": True}, (70, 45)),
    ],
)
def test_a_picture_of_ones_own_is_edited_at_its_own_size(
    task, name, given, size, photo, config, tmp_path
):
    pixels, path, mask = photo
    editing = EditingConfig(
        images=[path], **{**given, **({"masks": [mask]} if "masks" in given else {})}
    )
    asked = config(name, editing=editing, prompts=[PROMPT])
    asked.output_dir = str(tmp_path / "out")
    task.run(asked, tmp_path)
    (entry,) = json.loads((tmp_path / "out" / "manifest.json").read_text())["pictures"]
    edit = Image.open(tmp_path / "out" / entry["file"])
    assert edit.size == size
    assert edit.text["prompt"] == PROMPT
    assert (tmp_path / "out" / "page.html").is_file()
    if "masks" in given:
        is_outside = np.asarray(Image.open(mask)) < 128
        assert np.array_equal(np.asarray(edit)[is_outside], pixels[is_outside])


def test_a_video_of_ones_own_prompt_is_a_film_and_a_sheet(config, tmp_path):
    asked = config("video", editing=EditingConfig(num_frames=3), prompts=[PROMPT])
    video.run(asked, tmp_path)
    film = Image.open(tmp_path / "00000.gif")
    assert film.size[0] >= 256
    assert (tmp_path / "sheet.png").is_file()


@pytest.mark.parametrize(
    ("name", "change", "told", "said"),
    [
        ("inpaint", {"masks": ["m.png"]}, {}, "editing.masks has no effect without editing.images"),
        ("vary", {}, {"prompts": ["a"]}, "prompts has no effect without editing.images"),
        ("vary", {"mode": "upstream"}, {}, "editing.mode has no effect without editing.images"),
        ("vary", {}, {"num_images_per_prompt": 2}, "num_images_per_prompt has no effect"),
        ("outpaint", {"left": 0.5}, {}, "editing.left has no effect without editing.images"),
        ("edit_regions", {"images": ["p.png"]}, {}, "no effect without editing.masks"),
        ("vary", {"images": ["p.png"]}, {"save_record": True}, "save_record=true has no effect on"),
        ("vary", {"images": ["p.png"]}, {"prompts": ["a"]}, "p.png' is not there"),
        (
            "edit_regions",
            {"masks": ["a.png", "b.png"]},
            {"prompts": ["a"]},
            "1 prompts for 2 of editing.masks",
        ),
    ],
)
def test_settings_that_would_count_for_nothing_are_refused(
    name, change, told, said, config, tmp_path
):
    tasks = {"inpaint": inpaint, "vary": vary, "outpaint": outpaint, "edit_regions": edit_regions}
    asked = config(name, editing=EditingConfig(num_scenes=2, **change), **told)
    with pytest.raises(UserError, match=said):
        tasks[name].run(asked, tmp_path / "out")
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


@pytest.mark.parametrize("task", [vary, inpaint, outpaint, edit_regions, video])
def test_scenes_of_another_size_than_the_model_draws_are_refused(task, config, tmp_path):
    asked = config(task.__name__.rpartition(".")[2], editing=SMALL)
    asked.data = replace(asked.data, picture_size=64)
    with pytest.raises(UserError, match="draws 32x32 pixels, and the scenes have 64"):
        task.run(asked, tmp_path)


def test_the_folder_of_the_pictures_is_no_place_for_their_edits(photo, config, tmp_path):
    _, path, _ = photo
    asked = config("vary", editing=EditingConfig(images=[path]), prompts=[PROMPT])
    asked.output_dir = str(tmp_path)
    before = (tmp_path / "photo.png").read_bytes()
    with pytest.raises(UserError, match="which is to be edited: choose another folder"):
        vary.run(asked, tmp_path / "run")
    assert (tmp_path / "photo.png").read_bytes() == before


def test_upstreams_inpainting_is_held_against_the_mask(config, tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(tmp_path / "p.png")
    mask = np.zeros((64, 64), dtype=np.uint8)
    mask[:32] = 255
    Image.fromarray(mask).save(tmp_path / "m.png")
    files = {"images": [str(tmp_path / "p.png")], "masks": [str(tmp_path / "m.png")]}
    asked = config("inpaint", editing=EditingConfig(mode="upstream", **files), prompts=[PROMPT])
    asked.output_dir, asked.sampler.schedule = str(tmp_path / "out"), None
    inpaint.run(asked, tmp_path / "out")
    (row,) = read_record(tmp_path / "out").measurements
    assert row.value > 1000
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["height"], manifest["width"]) == (64, 64)
    assert manifest["sampler"]["schedule"] == "linear"


def test_a_picture_that_upstream_resizes_is_whole_or_not_at_all(photo, config, tmp_path):
    _, path, _ = photo
    asked = config("vary", editing=EditingConfig(images=[path], mode="upstream"), prompts=[PROMPT])
    asked.output_dir = str(tmp_path / "out")
    vary.run(asked, tmp_path / "out")
    assert Image.open(tmp_path / "out" / "00000.png").size == (68, 44)
    assert (tmp_path / "out" / "page.html").is_file()


@pytest.mark.verify  # minutes: 900 edits of the shipped model
def test_an_object_becomes_the_asked_one_and_nothing_else_changes(record_property):
    asked = composed(["+exp=inpaint"]).config
    model, world = open_model(asked), World(asked.data)
    oracle, told = Oracle(world), []
    for index in range(300):
        edit = replacement(world, asked.seed, index)
        drawn = inpaint.edits(model, asked, edit, asked.seed + index)[inpaint.EXACT]
        told.append(inpaint.judged(drawn, edit, oracle))
    share = float(np.mean([each.is_replaced for each in told]))
    record_property("replaced", share)
    assert share >= 0.85
    assert all(each.is_other_kept is not False and each.num_changed == 0 for each in told)
