from dataclasses import replace

import numpy as np
import pytest

from src.data.examples import example
from src.data.oracle import Oracle
from src.data.render import render
from src.data.scenes import Scene, SceneObject

TWO = Scene(
    (SceneObject("star", "red", "small", 0, 1), SceneObject("rook", "blue", "large", 4, 3)),
    "white",
    relation="above",
)


def judge(world, oracle, shown, told=TWO):
    return oracle.judge(told, render(shown, world).picture)


def changed(scene, index=0, **attributes):
    objects = list(scene.objects)
    objects[index] = replace(objects[index], **attributes)
    return replace(scene, objects=tuple(objects))


def test_fresh_renders_are_read_whole(world, oracle):
    scenes = [example(world, 11, i, "test") for i in range(200)]
    right = [oracle.judge(each.scene, each.picture).whole_scene for each in scenes]
    assert np.mean(right) >= 0.99


@pytest.mark.slow
def test_a_thousand_fresh_renders_are_read_whole(world, oracle, record_property):
    scenes = [example(world, 12, i, "test") for i in range(1000)]
    share = np.mean([oracle.judge(each.scene, each.picture).whole_scene for each in scenes])
    record_property("whole_scene_right", float(share))
    assert share >= 0.99


def test_the_rich_world_is_read_too(rich_world):
    oracle = Oracle(rich_world)
    scenes = [example(rich_world, 13, i, "test") for i in range(12)]
    assert all(oracle.judge(each.scene, each.picture).whole_scene for each in scenes)


@pytest.mark.parametrize(
    ("shown", "part"),
    [
        (changed(TWO, glyph="heart"), "objects"),
        (changed(TWO, color="purple"), "objects"),
        (changed(TWO, size="large"), "objects"),
        (replace(TWO, background="yellow"), "background"),
        (changed(changed(TWO, 0, row=5), 1, row=0), "arrangement"),
        (changed(changed(TWO, 0, color="blue"), 1, color="red"), "objects"),
        (replace(TWO, objects=TWO.objects[:1]), "objects"),
    ],
)
def test_each_wrong_part_of_a_scene_is_seen(world, oracle, shown, part):
    verdict = judge(world, oracle, shown)
    assert not verdict.whole_scene
    assert not getattr(verdict, part)


def test_an_extra_object_is_wrong(world, oracle):
    extra = replace(TWO, objects=(*TWO.objects, SceneObject("sun", "green", "small", 0, 5)))
    assert judge(world, oracle, TWO).whole_scene
    assert not judge(world, oracle, extra).whole_scene


def test_a_smudge_that_is_no_object_is_wrong(world, oracle):
    picture = render(TWO, world).picture.copy()
    picture[2:12, 20:30] = (120, 60, 10)
    assert not oracle.judge(TWO, picture).whole_scene


@pytest.mark.parametrize("row", [0, 1, 2])
def test_places_are_judged_by_where_the_object_stands(world, oracle, row):
    told = Scene((SceneObject("note", "green", "large", 0, 0),), "black", place="top left")
    shown = changed(told, row=row, column=row)
    assert judge(world, oracle, shown, told).arrangement == (row < 2)


def test_noise_holds_no_scene(world, oracle):
    rng = np.random.default_rng(0)
    for _ in range(20):
        reading = oracle.read(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
        assert reading.background is None
        assert reading.objects == ()
