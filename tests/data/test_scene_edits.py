"""Edits of scenes whose right answer is known: what they ask is possible, and is what they say."""

from dataclasses import replace

import numpy as np
import pytest

from src.data.config import DataConfig
from src.data.oracle import Oracle
from src.data.render import render
from src.data.scene_edits import (
    box,
    extension,
    half,
    in_order,
    is_side_by_side,
    replacement,
    told_alone,
    two_boxes,
    two_halves,
)
from src.data.scenes import World
from src.errors import UserError

SOME = range(12)


@pytest.mark.parametrize("index", SOME)
def test_a_replacement_tells_another_object_in_the_covered_place(world, index):
    asked = replacement(world, 3, index)
    (old,) = set(asked.source.scene.objects) - {asked.other}
    assert (asked.new.row, asked.new.column, asked.new.size) == (old.row, old.column, old.size)
    assert asked.new.glyph not in [each.glyph for each in asked.source.scene.objects]
    assert (asked.new.color, asked.new.glyph) not in world.held_out
    assert set(asked.scene.objects) == {asked.new, asked.other}
    for thing in asked.scene.objects:
        assert f"{thing.size} {thing.color} {thing.glyph}" in asked.prompt
    assert asked.is_painted[box(world, old, 0)].all()
    reaches = (asked.is_painted & box(world, asked.other, 0)).any()
    assert asked.touches_other == reaches


@pytest.mark.parametrize("index", SOME)
def test_the_right_answer_to_a_replacement_is_judged_right(world, index):
    asked = replacement(world, 3, index)
    assert Oracle(world).judge(asked.scene, render(asked.scene, world).picture).whole_scene


def test_some_masks_are_tight_and_some_reach_a_cell_further(world):
    sizes = {
        int(each.is_painted.sum()) - int(box(world, each.new, 0).sum())
        for each in (replacement(world, 3, index) for index in SOME)
    }
    assert 0 in sizes
    assert len(sizes) > 1


@pytest.mark.parametrize("index", SOME)
def test_the_half_to_be_drawn_holds_the_asked_object_alone(world, index):
    asked = extension(world, 3, index)
    assert asked.known.mean() == 0.5
    assert not (box(world, asked.new, 0) & asked.known).any()
    (known,) = set(asked.source.scene.objects) - {asked.new}
    assert asked.known[box(world, known, 0)].all()
    assert asked.known.any(axis=0).all() != asked.is_beside  # every column has a known pixel


@pytest.mark.parametrize("make", [two_halves, two_boxes])
@pytest.mark.parametrize("index", SOME)
def test_two_regions_do_not_overlap_and_hold_their_objects(world, make, index):
    asked = make(world, 3, index)
    assert not (asked.masks[0] & asked.masks[1]).any()
    for thing, mask, prompt in zip(asked.objects, asked.masks, asked.prompts, strict=True):
        assert mask[box(world, thing, 0)].all()
        assert f"{thing.size} {thing.color} {thing.glyph}" in prompt
        assert f"{asked.source.scene.background} background" in prompt


def test_an_edit_is_a_function_of_world_seed_and_number(world):
    for make in (replacement, extension, two_halves, two_boxes):
        assert make(world, 3, 1).source.caption == make(world, 3, 1).source.caption
        assert make(world, 3, 1).source.caption != make(world, 3, 2).source.caption


def test_the_first_in_order_stands_left_or_above(world):
    for index in SOME:
        scene = replacement(world, 3, index).source.scene
        first, second = in_order(scene)
        along = "column" if is_side_by_side(scene) else "row"
        assert getattr(first, along) < getattr(second, along)


def test_halves_make_the_whole(world):
    for is_beside in (True, False):
        one, other = (half(world, is_beside, is_first) for is_first in (True, False))
        assert (one ^ other).all()
        assert one[0, 0]
        assert one[-1, 0] == is_beside


def test_an_object_told_alone_has_no_place(world):
    thing = replacement(world, 3, 0).new
    assert " in the " not in told_alone(thing, "white")
    assert told_alone(thing, "white") == told_alone(replace(thing, row=0), "white")


def test_a_world_of_one_look_has_no_other_object():
    world = World(DataConfig(glyphs=["sun"], colors=["red"], backgrounds=["white"], test_ratio=1.0))
    with pytest.raises(UserError, match=r"give data\.glyphs or data\.colors more names"):
        replacement(world, 0, 0)


def test_masks_and_pictures_have_one_size(world):
    asked = two_boxes(world, 3, 0)
    assert {each.shape for each in asked.masks} == {asked.source.picture.shape[:2]}
    assert asked.masks[0].dtype == np.bool_
