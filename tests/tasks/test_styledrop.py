"""StyleDrop's two rounds: trained, drawn, picked by scores or by hand, trained again, compared."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from src.compose import composed
from src.config import check
from src.data.config import DataConfig
from src.data.render import render
from src.data.scenes import Scene, SceneObject, World
from src.errors import UserError
from src.evaluation.config import EvaluationConfig
from src.evaluation.style_config import StyleConfig
from src.experiments import experiments
from src.report.record import read_record
from src.tasks.style_judging import Drawn, _in_style
from src.tasks.styledrop import PICKED, run
from tests.data.test_decode import ramp, written
from tests.tasks.conftest import WORLD

RECIPES = [header.name for header in experiments() if header.task == "styledrop"]
SHORT = {
    "max_steps": 3,
    "batch_size": 2,
    "sample_every": 3,
    "checkpoint_every": 2,
    "log_every": 1,
    "num_workers": 0,
}
STYLE = StyleConfig(
    descriptor="in neon style",
    prompts=["a large sun", "a large heart"],
    num_per_prompt=2,
    num_picked=2,
    test_prompts=["a large star"],
    num_per_test_prompt=3,
)
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def picture(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    path = tmp_path / "a large star in neon style.png"
    path.write_bytes(written(Image.fromarray(ramp(40, 36))))
    return path


@pytest.fixture
def short(picture, model_folder, clip_folder, tmp_path):
    """A recipe at reduced width, on one picture."""

    def build(name: str = RECIPES[0], **changes):
        recipe = composed([f"+exp={name}"]).config
        data = DataConfig(
            **vars(WORLD) | {"path": str(picture), "is_caption_file_name": True, "max_repeats": 2}
        )
        changed = {
            "data": data,
            "training": replace(recipe.training, **SHORT),
            "evaluation": EvaluationConfig(clip=str(clip_folder)),
            "style": STYLE,
            "model": str(model_folder),
            "device": "cpu",
            "output_dir": str(tmp_path / "out"),
        }
        chosen = replace(recipe, **(changed | changes))
        check(chosen)
        return chosen

    return build


@pytest.mark.parametrize("name", RECIPES)
def test_both_rounds_are_trained_and_compared_on_the_same_prompts_and_seeds(name, short, tmp_path):
    torch.set_num_threads(1)
    assert run(short(name), tmp_path)
    out = tmp_path / "out"
    told = {(each.name, each.subject): each for each in read_record(out).measurements}
    first, second, more = (
        told["Gram distance to the style", subject]
        for subject in ("round 1", "round 2", "round 2 less round 1")
    )
    assert more.value == pytest.approx(second.value - first.value)
    assert {first.num_samples, second.num_samples, more.num_samples} == {3}
    for figure in ("rounds.png", "candidates.png"):
        assert (out / figure).is_file()
    seeds = [json.loads((out / f"test_round_{n}" / "asked.json").read_text()) for n in (1, 2)]
    assert seeds[0]["prompts"] == seeds[1]["prompts"] == ["a large star in neon style"] * 3
    assert seeds[0]["weights_hash"] != seeds[1]["weights_hash"]


def test_the_second_round_learns_the_picked_pictures_by_their_prompts(short, tmp_path):
    assert run(short(), tmp_path)
    out = tmp_path / "out"
    picked = (out / PICKED).read_text().split()
    lines = [json.loads(line) for line in (out / "picked" / "metadata.jsonl").open()]
    assert [line["file_name"] for line in lines] == picked
    assert len(picked) == 2
    for line in lines:
        of = (out / "candidates" / line["file_name"]).read_bytes()
        assert (out / "picked" / line["file_name"]).read_bytes() == of
        subject = "sun" if int(Path(line["file_name"]).stem) < 2 else "heart"
        assert line["text"] == f"a large {subject} in neon style"


def test_hands_are_awaited_and_believed(short, tmp_path, capsys):
    by_hand = short(style=replace(STYLE, picked_by="hand"))
    assert not run(by_hand, tmp_path)
    assert "Pick now: write the names of files in" in capsys.readouterr().out
    out = tmp_path / "out"
    assert (out / "candidates.png").is_file()
    assert not (out / "round_2").exists()
    (out / PICKED).write_text("00003.png\nmine.png\n")
    with pytest.raises(UserError, match=r"names mine\.png, which is no candidate; .*00003\.png"):
        run(by_hand, tmp_path)
    (out / PICKED).write_text("00003.png\n00001.png\n")
    assert run(by_hand, tmp_path)
    lines = [json.loads(line) for line in (out / "picked" / "metadata.jsonl").open()]
    assert [line["file_name"] for line in lines] == ["00003.png", "00001.png"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": DataConfig()}, "data.path is missing"),
        ({"style": replace(STYLE, prompts=[])}, "style.prompts is empty"),
        ({"style": replace(STYLE, test_prompts=[])}, "style.test_prompts is empty"),
        ({"evaluation": EvaluationConfig()}, "which knows drawn scenes alone"),
        ({"evaluation": EvaluationConfig(clip="nowhere")}, "evaluation.clip=nowhere has no"),
    ],
)
def test_what_a_style_needs_is_asked_for_before_anything_is_trained(change, said, short, tmp_path):
    with pytest.raises(UserError, match=said):
        run(replace(short(), **change), tmp_path)
    assert not (tmp_path / "out" / "round_1").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_picked": 5}, "style.num_picked=5 of 4 candidates"),
        ({"picked_by": "taste"}, "style.picked_by='taste' is unknown"),
        ({"num_per_prompt": 0}, "style.num_per_prompt=0"),
        ({"color": "purple"}, "give both"),
    ],
)
def test_second_rounds_that_cannot_be_held_are_refused(change, said, short):
    with pytest.raises(UserError, match=said):
        check(replace(short(), style=replace(STYLE, **change)))


def test_one_picture_is_shown_several_times_in_a_step_only_if_asked(short, tmp_path):
    config = short()
    once = replace(config, data=replace(config.data, max_repeats=1))
    with pytest.raises(UserError, match=r"have 1 rows: give less, or let .* data\.max_repeats=2"):
        run(once, tmp_path)


def test_the_oracle_asks_for_the_pictogram_and_the_styles_colours_and_nothing_else(short):
    world = World(short().data)
    config = short(style=replace(STYLE, color="red", background="yellow"))
    scenes = [("sun", "red", "yellow"), ("heart", "red", "yellow"), ("sun", "green", "yellow")]
    scenes.append(("sun", "red", "white"))
    drawn = [
        render(Scene((SceneObject(glyph, color, "large", 2, 2),), ground), world).picture
        for glyph, color, ground in scenes
    ]
    pictures = [Image.fromarray(each) for each in drawn]
    asked = Drawn(pictures, ["a large sun"] * len(pictures))
    assert _in_style(config, asked).tolist() == [1, 0, 0, 0]
