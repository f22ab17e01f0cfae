import numpy as np

from src.data.micro_cond import MicroCond
from src.data.palette import COLORS
from src.data.render import draw_micro_cond, render
from src.data.scenes import Scene, SceneObject

HEART = Scene((SceneObject("heart", "red", "large", 2, 2),), "white")


def sharpness(picture):
    return np.abs(np.diff(picture.astype(float), axis=1)).max()


def test_a_scene_has_its_colours_where_its_masks_say(world):
    picture, masks = render(HEART, world)
    assert picture.shape == (32, 32, 3)
    assert masks.shape == (1, 32, 32)
    assert (picture[masks[0] == 1] == COLORS["red"]).all()
    assert (picture[masks[0] == 0] == COLORS["white"]).all()
    assert masks[0].any(axis=1).nonzero()[0].min() >= 8  # row 2 of cells of 4 pixels


def test_a_small_original_is_softer(world):
    sharp = sharpness(render(HEART, world).picture)
    for original in (16, 20, 24):
        soft = render(HEART, world, MicroCond(original, original, 0, 0, 6)).picture
        assert sharpness(soft) < 0.9 * sharp


def test_a_crop_corner_shifts_the_scene_by_as_many_pixels(world):
    centred = render(HEART, world, MicroCond(40, 32, 0, 4, 6)).picture
    assert np.array_equal(centred, render(HEART, world).picture)
    left = render(HEART, world, MicroCond(40, 32, 0, 8, 6)).picture
    assert np.array_equal(left[:, :-4], centred[:, 4:])
    down = render(HEART, world, MicroCond(32, 40, 0, 0, 6)).picture
    assert np.array_equal(down[4:], centred[:-4])


def test_a_crop_cuts_what_it_pushes_out(world):
    corner = Scene((SceneObject("heart", "red", "large", 2, 4),), "white")
    whole = render(corner, world).masks.sum()
    cut = render(corner, world, MicroCond(40, 32, 0, 0, 6)).masks.sum()
    assert 0 < cut < whole


def test_a_lower_score_is_visibly_worse(world):
    clean = render(HEART, world).picture.astype(float)
    errors = []
    for score in (5.0, 3.5, 2.0):
        pictures = [
            render(HEART, world, MicroCond(32, 32, 0, 0, score), np.random.default_rng(i)).picture
            for i in range(20)
        ]
        errors.append(np.mean([np.abs(p - clean).mean() for p in pictures]))
    assert 0.5 < errors[0] < errors[1] < errors[2]


def test_unusual_micro_conditions_are_of_three_kinds(world):
    rng = np.random.default_rng(0)
    drawn = [draw_micro_cond(world, rng) for _ in range(300)]
    small = [m for m in drawn if m.original_width < 32]
    cropped = [m for m in drawn if max(m.original_width, m.original_height) > 32]
    poor = [m for m in drawn if m.aesthetic_score < 6]
    assert len(small) + len(cropped) + len(poor) == 300
    assert min(len(small), len(cropped), len(poor)) > 70
