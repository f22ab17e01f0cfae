"""Kinds of weights beside each other: the same pictures asked of all, and bytes that add up."""

import pytest

from src.amused import Amused
from src.compose import composed
from src.evaluation.pixels import stack_pixels
from src.tasks.inputs import open_model
from src.tasks.report_quantized import KINDS, as_kind, nearness, size_and_time

PROMPTS = ["a red star on a yellow background", "a small green heart on a white background"]


@pytest.fixture(scope="module")
def config():
    return composed(["+exp=report_quantized", "device=cpu"]).config


@pytest.fixture(scope="module")
def models(config):
    return {kind: open_model(as_kind(config, kind)) for kind in KINDS}


def found_of(measurements, name):
    return {each.subject: each for each in measurements if each.name == name}


def test_fewer_bits_are_smaller_and_every_kind_is_timed(config, models):
    found = size_and_time(models, config, num_rounds=1)
    sizes = found_of(found, "weights without the image encoder, MB")
    assert list(sizes) == list(KINDS)
    megabytes = [each.value for each in sizes.values()]
    assert megabytes == sorted(megabytes, reverse=True)
    assert megabytes[0] == pytest.approx(2 * megabytes[1], rel=1e-3)
    assert all(each.value > 0 for each in found_of(found, "seconds a picture").values())
    assert found_of(found, "seconds / full's").keys() == set(KINDS) - {"full"}
    assert not found_of(found, "peak memory of a picture, MB")  # there is no GPU


def test_nearness_is_zero_for_the_same_weights_and_grows_with_lost_bits(config, models):
    again = {"full": models["full"], "again": Amused.embedded()}
    (far, same) = nearness(again, PROMPTS, config, "embedded")
    assert (far.value, same.value) == (0, 1)
    found = found_of(nearness(models, PROMPTS, config, "toy"), "distance of logits, toy")
    assert 0 < found["bfloat16"].value < found["int8"].value < found["int4"].value


def test_one_seed_asks_all_kinds_the_same(models):
    drawn = [m.generate(PROMPTS, seeds=[1, 2], num_steps=3, record=False) for m in models.values()]
    full, *others = (stack_pixels(each.images).astype(int) for each in drawn)
    for other in others:
        assert abs(other - full).mean() < 32  # the same pictures, not others
