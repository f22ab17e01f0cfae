from dataclasses import replace

import numpy as np
import pytest

from src.data.scenes import World, draw_scene
from src.errors import UserError


def scenes(world, num_objects, count=300):
    rng = np.random.default_rng(0)
    return [draw_scene(world, num_objects, rng) for _ in range(count)]


@pytest.mark.parametrize("num_objects", [1, 2])
def test_objects_stay_inside_and_never_wear_the_backgrounds_colour(world, rich_world, num_objects):
    for one in (world, rich_world):
        for scene in scenes(one, num_objects):
            assert len(scene.objects) == num_objects
            for thing in scene.objects:
                assert 0 <= thing.row <= one.grid - one.cells[thing.size]
                assert 0 <= thing.column <= one.grid - one.cells[thing.size]
                assert thing.color != scene.background


def test_two_objects_share_no_cell_and_stand_as_told(world):
    for scene in scenes(world, 2):
        a, b = scene.objects
        near, far = (a, b) if scene.relation in ("above", "left of") else (b, a)
        if scene.relation in ("above", "below"):
            assert near.row + world.cells[near.size] <= far.row
        else:
            assert near.column + world.cells[near.size] <= far.column


def test_every_attribute_of_the_world_is_drawn(world):
    drawn = scenes(world, 1, 1500)
    assert {s.objects[0].glyph for s in drawn} == set(world.config.glyphs)
    assert {s.objects[0].color for s in drawn} == set(world.config.colors)
    assert {s.background for s in drawn} == set(world.config.backgrounds)
    assert {s.place for s in drawn} >= {None, "top left", "center", "bottom right"}


@pytest.mark.parametrize(
    ("positions", "small", "large"),
    [
        (0, {0, 1, 2, 3, 4, 5}, {0, 1, 2, 3, 4}),
        (3, {0, 2, 5}, {0, 2, 4}),
        (5, {0, 1, 2, 3, 5}, {0, 1, 2, 3, 4}),
    ],
)
def test_objects_stand_on_the_worlds_positions_and_on_all_of_them(world, positions, small, large):
    spread = World(replace(world.config, positions=positions))
    stood_on = {"small": set(), "large": set()}
    for scene in scenes(spread, 1) + scenes(spread, 2):
        for thing in scene.objects:
            stood_on[thing.size] |= {thing.row, thing.column}
    assert stood_on == {"small": small, "large": large}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"glyphs": ["anchr"]}, "did you mean 'anchor'"),
        ({"colors": []}, "data.colors is empty"),
        ({"colors": ["white"], "held_out": []}, "nothing that could be seen on .*'white'"),
        ({"backgrounds": ["rouge"]}, "data.backgrounds has 'rouge'"),
        ({"large_cells": 5}, "half the grid"),
        ({"small_cells": 4}, "small < large"),
        ({"picture_size": 30}, "multiple"),
        ({"held_out": ["red teapot"]}, "held_out"),
        ({"positions": 4}, "positions=4 must be odd"),
        ({"positions": -3}, "positions=-3 must be odd"),
    ],
)
def test_an_impossible_world_is_refused_in_a_sentence(world, change, sentence):
    with pytest.raises(UserError, match=sentence):
        World(replace(world.config, **change))
