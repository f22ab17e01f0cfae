"""Prompt accuracy: what the oracle reads, held against what was asked for."""

import numpy as np
import pytest

from src.data.config import DataConfig
from src.data.examples import example
from src.data.oracle import Oracle, Verdict
from src.data.scenes import World
from src.errors import UserError
from src.evaluation.intervals import wilson_interval
from src.evaluation.prompt_accuracy import judge_all, prompt_accuracy, read_pictures


@pytest.fixture(scope="module")
def oracle():
    return Oracle(World(DataConfig(["star", "anchor"], ["red", "blue"], ["white"])))


@pytest.fixture
def examples(oracle):
    return [example(oracle.world, 5, index, num_objects=1 + index % 2) for index in range(8)]


def test_the_share_the_count_and_the_interval_are_those_of_the_verdicts():
    right, wrong = Verdict(True, *[True] * 4), Verdict(False, True, False, False, True)
    measured = prompt_accuracy([right, right, right, wrong], "two objects")
    assert measured.name == "whole scene right: two objects"
    assert (measured.value, measured.num_samples) == (0.75, 4)
    assert (measured.low, measured.high) == wilson_interval(3, 4)
    assert measured.text == "75.0 % (30.1 to 95.4)"
    background = prompt_accuracy([right, wrong], "two objects", part="background")
    assert (background.name, background.value) == ("background right: two objects", 1.0)


def test_real_pictures_are_right_and_their_neighbours_captions_are_not(oracle, examples):
    readings = read_pictures([each.picture for each in examples], oracle)
    scenes = [each.scene for each in examples]
    assert all(each.whole_scene for each in judge_all(scenes, readings, oracle))
    turned = scenes[1:] + scenes[:1]  # one object follows two, so none can fit
    assert not any(each.whole_scene for each in judge_all(turned, readings, oracle))


def test_noise_is_never_right(oracle, examples):
    noise = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    verdicts = judge_all([e.scene for e in examples], read_pictures(noise, oracle), oracle)
    assert prompt_accuracy(verdicts, "noise").value == 0


def test_pictures_of_another_size_and_unknown_parts_are_refused(oracle):
    with pytest.raises(UserError, match="reads pictures of 32x32 pixels, these measure 16x16"):
        read_pictures(np.zeros((1, 16, 16, 3), dtype=np.uint8), oracle)
    with pytest.raises(ValueError, match="known are whole_scene, background"):
        prompt_accuracy([Verdict(*[True] * 5)], "any", part="colour")
