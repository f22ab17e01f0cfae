"""Outpainting: a larger canvas, in which the picture keeps every bit."""

import numpy as np
import pytest
import torch

from src.sampler.config import LARGEST_SIDE
from tests.editing.conftest import PROMPTS, check_refused, picture

QUICK = {"num_steps": 2, "num_top": None}


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("size", [(12, 12), (7, 5), (1, 1), (30, 20)])
@pytest.mark.parametrize(
    ("sides", "grown"),
    [
        ({"left": 3}, (3, 0, 0, 0)),
        ({"right": 1}, (0, 1, 0, 0)),
        ({"top": 4}, (0, 0, 4, 0)),
        ({"bottom": 2}, (0, 0, 0, 2)),
        ({"left": 2, "right": 5, "top": 1, "bottom": 3}, (2, 5, 1, 3)),
    ],
)
def test_the_picture_keeps_every_bit_in_a_canvas_of_the_exact_size(
    system, size, sides, grown, channels
):
    image = picture(1, size, channels)
    left, right, top, bottom = grown
    generation = system.outpaint(image, "sun", **sides, **QUICK)
    canvas = np.asarray(generation.images[0])
    assert generation.images[0].size == (size[0] + left + right, size[1] + top + bottom)
    kept = canvas[top : top + size[1], left : left + size[0]]
    assert (kept == np.asarray(image)).all()
    is_painted = generation.edited.is_painted[0]
    assert is_painted.sum() == is_painted.numel() - size[0] * size[1]
    assert not is_painted[top : top + size[1], left : left + size[0]].any()


def test_a_floating_point_number_is_a_share_of_the_side_it_lengthens(system):
    image = picture(1, (10, 6))
    shares = system.outpaint(image, "sun", left=0.5, bottom=1.0, seeds=1, **QUICK)
    pixels = system.outpaint(image, "sun", left=5, bottom=6, seeds=1, **QUICK)
    assert shares.images[0].size == (15, 12)
    assert shares.images == pixels.images
    assert system.outpaint(image, "sun", left=1, **QUICK).images[0].size == (11, 6)
    assert system.outpaint(image, "sun", left=1.0, **QUICK).images[0].size == (20, 6)
    assert system.outpaint(image, "sun", top=np.float64(0.5), **QUICK).images[0].size == (10, 9)


def test_of_whole_tokens_only_the_added_ones_are_drawn(system):
    image = picture(1)
    generation = system.outpaint(image, "sun", right=4, **QUICK)
    assert generation.edited.is_hidden[0, :, 6:].all()
    assert not generation.edited.is_hidden[0, :, :6].any()
    drawn = np.asarray(generation.edited.decoded[0])
    assert (np.asarray(generation.images[0])[:, 12:] == drawn[:, 12:]).all()


def test_several_pictures_and_prompts_are_as_one_by_one_and_side_by_side(system):
    images = [picture(seed) for seed in (1, 2)]
    settings = {"left": 3, "bottom": 0.25, **QUICK}
    together = system.outpaint(
        images, PROMPTS[:2], num_images_per_prompt=2, seeds=[1, 2, 3, 4], **settings
    )
    for place, index in enumerate([0, 0, 1, 1]):
        alone = system.outpaint(images[index], PROMPTS[index], seeds=place + 1, **settings)
        assert alone.images[0] == together.images[place]
    encoded = system.encode_prompts(PROMPTS[:2])
    from_rows = system.outpaint(
        images, encoded, num_images_per_prompt=2, seeds=[1, 2, 3, 4], **settings
    )
    assert torch.equal(from_rows.token_ids, together.token_ids)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, ["nothing is added", "left, right, top or bottom"]),
        ({"left": 0, "top": 0.0}, ["nothing is added"]),
        ({"left": 1e-9}, ["nothing is added"]),
        ({"left": -1}, ["left=-1", "share"]),
        ({"right": -0.5}, ["right=-0.5"]),
        ({"top": float("nan")}, ["top=nan"]),
        ({"bottom": float("inf")}, ["bottom=inf"]),
        ({"bottom": "4"}, ["bottom='4'", "whole number"]),
        ({"bottom": True}, ["bottom=True"]),
        ({"left": None}, ["left=None"]),
        ({"left": np.int64(4)}, ["left=np.int64(4)", "whole number"]),
        ({"left": LARGEST_SIDE}, ["16396x12", "16,384"]),
        ({"left": 16000, "top": 16000}, ["16012x16012", "100,000,000"]),
        ({"left": 10**10}, ["left=10000000000"]),
        ({"lft": 4}, ["outpaint takes no 'lft'", "did you mean 'left'"]),
        ({"left": 4, "generator": torch.Generator()}, ["mode=upstream", "seeds"]),
        (
            {"left": 4, "prompts": ["a", "b", "c"], "images": [picture(1)] * 2},
            ["2 images", "3 pro"],
        ),
    ],
)
def test_bad_input_is_one_sentence_before_the_first_step(system, told, words):
    usual = {"images": picture(1), "prompts": "sun"}
    stop = {"progress": lambda *_: pytest.fail("a step was taken")}
    check_refused(words, system.outpaint, **usual | stop | told)
