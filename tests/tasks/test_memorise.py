"""A few photographs are learned by heart and recalled; CI's photographs are those of matplotlib."""

import json
import math
from dataclasses import replace

import matplotlib.cbook
import pytest
import torch
from PIL import Image

from src.compose import composed
from src.errors import UserError
from src.report.record import read_record
from src.tasks import memorise
from src.tasks.memorise import NUM_SEEDS, psnr_table, run
from tests.tasks.conftest import SETTINGS

pytestmark = pytest.mark.filterwarnings("ignore")
CORNERS = {"the hat": (120, 0), "the face": (150, 150), "the flag": (0, 60), "the coat": (60, 380)}


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Four parts of one photograph."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "photos"
    folder.mkdir()
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        whole = Image.open(file).convert("RGB")
    lines = []
    for number, (caption, (left, top)) in enumerate(CORNERS.items()):
        whole.crop((left, top, left + 200, top + 200)).save(folder / f"{number}.png")
        lines.append(json.dumps({"file_name": f"{number}.png", "text": caption}))
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture
def short(photos, tmp_path, model_folder, clip_folder, monkeypatch):
    """Three steps of each part, on the tiny model's sizes."""
    recipe = composed(["+exp=memorise"]).config
    short = {"max_steps": 3, "batch_size": 2, "log_every": 1, "sample_every": 3, "preset": None}
    stage = memorise._tokenizer_stage

    def shortened(config, place):
        full = stage(config, place)
        evaluation = replace(full.evaluation, clip=str(clip_folder))
        return replace(
            full,
            training=replace(full.training, **short),
            evaluation=evaluation,
            model=str(model_folder),
        )

    monkeypatch.setattr(memorise, "_tokenizer_stage", shortened)
    return replace(
        recipe,
        model=str(model_folder),
        device="cpu",
        data=replace(recipe.data, path=str(photos), picture_size=SETTINGS["vqvae"]["sample_size"]),
        training=replace(recipe.training, **short),
        sampler=replace(recipe.sampler, num_steps=2),
        output_dir=str(tmp_path / "out"),
    )


def test_both_parts_are_trained_and_every_photograph_is_asked_for(short, tmp_path):
    torch.set_num_threads(1)
    assert run(short, tmp_path)
    out = tmp_path / "out"
    told = {(each.name, each.subject): each for each in read_record(out).measurements}
    name = "PSNR to the right photograph, dB"
    assert told[name, "drawn from captions"].num_samples == len(CORNERS) * NUM_SEEDS
    assert told[name, "after the round trip"].num_samples == len(CORNERS)
    worst = told[f"{name}, the worst", "drawn from captions"]
    assert worst.value <= told[name, "drawn from captions"].value
    for figure in ("recalled.png", "curves.png", "health.png"):
        assert (out / figure).is_file()
    asked = json.loads((out / "recalled" / "asked.json").read_text())
    assert asked["prompts"][::NUM_SEEDS] == list(CORNERS)


def test_two_photographs_of_one_caption_are_refused(short, photos, tmp_path):
    lines = [json.dumps({"file_name": f"{number}.png", "text": "a photo"}) for number in range(4)]
    (photos / "metadata.jsonl").write_text("\n".join(lines))
    with pytest.raises(UserError, match="says the same of two photographs"):
        run(short, tmp_path)


def test_without_photographs_there_is_nothing_to_learn(short, tmp_path):
    with pytest.raises(UserError, match=r"data\.path is missing"):
        run(replace(short, data=replace(short.data, path=None)), tmp_path)


def test_decibels_are_those_of_every_pair():
    grey = [Image.new("RGB", (4, 4), (level,) * 3) for level in (0, 51, 255)]
    table = psnr_table(grey[:2], grey)
    assert table.shape == (2, 3)
    assert table[0, 1] == pytest.approx(-20 * math.log10(0.2), abs=1e-4)
    assert table[0, 2] == pytest.approx(0, abs=1e-4)
    assert table[1].argmax() == 1
