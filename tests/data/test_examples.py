from dataclasses import replace

import numpy as np
import pytest

from src.data.captions import canonical_caption, mirrored
from src.data.examples import example
from src.data.micro_cond import MicroCond
from src.data.scenes import World
from src.errors import UserError


def test_an_example_is_a_function_of_seed_and_index_alone(world):
    first = [example(world, 3, index) for index in (7, 0, 5)]
    again = [example(world, 3, index) for index in (5, 7, 0)]
    for a, b in zip(first, (again[1], again[2], again[0]), strict=True):
        assert np.array_equal(a.picture, b.picture)
        assert a.caption == b.caption
    assert first[0].caption != example(world, 4, 7).caption


def tellings(scene):
    other = [mirrored(scene)] if scene.relation else []
    return {canonical_caption(each) for each in (scene, *other)}


def test_train_and_test_share_no_scene_and_held_out_pairs_stay_out(world):
    tested, trained = set(), set()
    for index in range(400):
        train = example(world, 0, index, "train")
        test = example(world, 0, index, "test")
        held_out = example(world, 0, index, "held_out")
        tested |= tellings(test.scene)
        trained.add(canonical_caption(train.scene))
        assert not world.is_held_out(train.scene)
        assert not world.is_held_out(test.scene)
        assert world.is_held_out(held_out.scene)
    assert len(tested) > 300
    assert not tested & trained


def test_only_training_pictures_are_degraded(world):
    whole = MicroCond.default(32, 32)
    train = [example(world, 0, i, "train").micro_cond != whole for i in range(600)]
    assert abs(np.mean(train) - world.config.degraded_prob) < 0.06
    assert all(example(world, 0, i, "test").micro_cond == whole for i in range(50))


def test_an_unknown_split_is_named(world):
    with pytest.raises(ValueError, match="held_out"):
        example(world, 0, 0, "validation")


def test_a_world_too_small_for_a_split_is_refused(world):
    tiny = replace(
        world.config,
        glyphs=["heart"],
        colors=["red"],
        backgrounds=["white"],
        held_out=["red heart"],
    )
    with pytest.raises(UserError, match="None of 20,000 scenes"):
        example(World(tiny), 0, 0, "train")
