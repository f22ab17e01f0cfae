import numpy as np
import pytest

from src.data.captions import is_test
from src.data.examples import example
from src.data.micro_cond import MicroCond


def test_an_example_is_a_function_of_seed_and_index_alone(world):
    first = [example(world, 3, index) for index in (7, 0, 5)]
    again = [example(world, 3, index) for index in (5, 7, 0)]
    for a, b in zip(first, (again[1], again[2], again[0]), strict=True):
        assert np.array_equal(a.picture, b.picture)
        assert a.caption == b.caption
    assert first[0].caption != example(world, 4, 7).caption


def test_train_and_test_share_no_scene_and_held_out_pairs_stay_out(world):
    for index in range(200):
        train = example(world, 0, index, "train")
        test = example(world, 0, index, "test")
        held_out = example(world, 0, index, "held_out")
        assert not is_test(train.scene, world.config.test_ratio)
        assert is_test(test.scene, world.config.test_ratio)
        assert not world.is_held_out(train.scene)
        assert not world.is_held_out(test.scene)
        assert world.is_held_out(held_out.scene)


def test_only_training_pictures_are_degraded(world):
    whole = MicroCond.default(32, 32)
    train = [example(world, 0, i, "train").micro_cond != whole for i in range(600)]
    assert abs(np.mean(train) - world.config.degraded_prob) < 0.06
    assert all(example(world, 0, i, "test").micro_cond == whole for i in range(50))


def test_an_unknown_split_is_named(world):
    with pytest.raises(ValueError, match="held_out"):
        example(world, 0, 0, "validation")
