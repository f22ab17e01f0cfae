"""A shape is cut out of one picture and pasted into others as if it had been drawn there."""

from dataclasses import replace

import numpy as np
import pytest

from src.data.config import DataConfig
from src.data.cut_outs import cut_out, paste
from src.data.glyphs import glyph_mask
from src.data.render import render
from src.data.scenes import Scene, SceneObject, World
from src.errors import UserError

CONFIG = DataConfig(
    glyphs=["sun", "club"], colors=["red", "blue"], backgrounds=["white", "black", "yellow"]
)


@pytest.fixture(scope="module")
def world():
    return World(CONFIG)


def scene(glyph, color, background, row=2, column=3, *others):
    things = (SceneObject(glyph, color, "large", row, column), *others)
    return Scene(things, background, relation="above" if others else None)


@pytest.mark.parametrize("color", ["red", "blue"])
@pytest.mark.parametrize("background", ["white", "black"])
def test_a_cut_out_is_the_shape_without_its_colours(world, color, background):
    picture = render(scene("club", color, background), world).picture
    cover = cut_out(picture, color, background, 16)
    drawn = glyph_mask("club", 16)
    shift = [(y, x) for y in range(-2, 3) for x in range(-2, 3)]
    errors = [np.abs(np.roll(cover, each, (0, 1)) - drawn).max() for each in shift]
    assert min(errors) < 0.02  # rounding to 8 bits


def test_a_pasted_scene_is_the_drawn_one(world):
    picture = render(scene("club", "red", "white"), world).picture
    cut_outs = {"club": cut_out(picture, "red", "white", 16)}
    drawn_over = scene("club", "blue", "yellow", 0, 1, SceneObject("sun", "red", "small", 5, 4))
    pasted, drawn = paste(drawn_over, world, cut_outs), render(drawn_over, world).picture
    offsets = [(y, x) for y in range(-2, 3) for x in range(-2, 3)]
    club = [np.roll(pasted[:16], each, (0, 1)).astype(int) - drawn[:16] for each in offsets]
    assert min(np.abs(each).max() for each in club) <= 4
    assert np.array_equal(pasted[20:], drawn[20:])  # the old object is the font's


def test_what_is_not_there_cannot_be_cut_out(world):
    picture = render(scene("club", "red", "white"), world).picture
    with pytest.raises(UserError, match="nothing blue on white"):
        cut_out(np.full_like(picture, 255), "blue", "white", 16)


def test_a_cut_out_of_another_size_is_refused(world):
    small = scene("club", "red", "white")
    small = replace(small, objects=(replace(small.objects[0], size="small"),))
    with pytest.raises(UserError, match="has 16 pixels a side, and a small object has 12"):
        paste(small, world, {"club": np.ones((16, 16), np.float32)})
