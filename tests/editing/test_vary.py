"""Variation: pictures drawn again from some of their own tokens."""

import numpy as np
import pytest
import torch

from src.sampler.config import KNOWN_SAMPLERS, SamplerConfig
from tests.editing.conftest import PROMPTS, check_refused, picture

PICTURES = [picture(seed) for seed in (1, 2, 3)]
QUICK = {"num_steps": 3, "num_top": None}


@pytest.mark.parametrize("strength", [0.25, 0.5, 0.9])
def test_what_is_not_hidden_stays_a_token_of_the_picture(system, strength):
    generation = system.vary(PICTURES[0], "sun", strength, schedule="linear", **QUICK)
    is_hidden = generation.edited.is_hidden
    assert is_hidden.sum() == int(36 * strength)
    own = system.encode_images(PICTURES[0])
    assert torch.equal(generation.token_ids[~is_hidden], own[~is_hidden])
    assert torch.equal(generation.trace.is_given, ~is_hidden)
    assert generation.images == system.decode_tokens(generation.token_ids)


@pytest.mark.parametrize("size", [(12, 12), (7, 9), (40, 30), (1, 30)])
def test_the_varied_picture_has_the_size_of_its_own(system, size):
    generation = system.vary(picture(1, size), "sun", 0.8, **QUICK)
    assert generation.images[0].size == size
    assert generation.edited.is_painted.shape == (1, *size[::-1])


@pytest.mark.parametrize("name", KNOWN_SAMPLERS)
def test_different_pictures_and_prompts_in_a_batch_are_as_one_by_one(system, name):
    sampler = SamplerConfig(name=name, num_steps=4)
    together = system.vary(PICTURES, PROMPTS, 0.6, sampler=sampler, seeds=[7, 8, 9])
    for index in (2, 0):
        alone = system.vary(PICTURES[index], PROMPTS[index], 0.6, sampler=sampler, seeds=7 + index)
        assert torch.equal(alone.token_ids[0], together.token_ids[index])
        assert alone.images[0] == together.images[index]


def test_several_pictures_of_one_input_hide_other_tokens_and_stand_side_by_side(system):
    two_each = system.vary(PICTURES[:2], PROMPTS[:2], num_images_per_prompt=2, seeds=range(4))
    assert not torch.equal(two_each.edited.is_hidden[0], two_each.edited.is_hidden[1])
    for place, index in enumerate([0, 0, 1, 1]):
        alone = system.vary(PICTURES[index], PROMPTS[index], seeds=place)
        assert alone.images[0] == two_each.images[place]


@pytest.mark.parametrize("given", ["a list", "an array", "a tensor"])
def test_several_pictures_are_handed_in_as_list_array_or_tensor(system, given):
    batch = np.stack([np.asarray(image) for image in PICTURES])
    images = {
        "a list": PICTURES,
        "an array": batch / 255,
        "a tensor": torch.tensor(batch).permute(0, 3, 1, 2),
    }
    settings = {"seeds": [1, 2, 3], **QUICK}
    wanted = [
        system.vary(image, "sun", seeds=seed, **QUICK).images[0]
        for seed, image in enumerate(PICTURES, start=1)
    ]
    assert system.vary(images[given], "sun", **settings).images == wanted


@pytest.mark.parametrize("count", [1, 3])
def test_encoded_prompts_do_as_well_without_negatives(system, count):
    encoded = system.encode_prompts(PROMPTS[:count])
    settings = {"seeds": [1, 2, 3], **QUICK}
    from_text = system.vary(PICTURES, PROMPTS[:count], **settings)
    assert torch.equal(from_text.token_ids, system.vary(PICTURES, encoded, **settings).token_ids)


@pytest.mark.parametrize("strength", [np.float64(0.5), np.float64(1), 1, 0])
def test_numbers_of_numpy_and_whole_ones_are_strengths_too(system, strength):
    settings = {"seeds": 1, **QUICK}
    generation = system.vary(PICTURES[0], "sun", strength, **settings)
    same = system.vary(PICTURES[0], "sun", float(strength), **settings)
    assert generation.recipe == same.recipe
    assert torch.equal(generation.token_ids, same.token_ids)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        *(
            ({"strength": value}, [f"strength={value!r}", "from 0", "to 1"])
            for value in (-0.1, 1.5, float("nan"), float("inf"), "0.5", True, None, [0.5], 1j)
        ),
        ({"images": [picture(1), picture(1, (10, 12))]}, ["12x12", "10x12", "one size"]),
        ({"images": []}, ["images is []"]),
        ({"images": "absent.png"}, ["absent.png", "is not there"]),
        ({"prompts": {}}, ["prompts is {}"]),
        ({"images": PICTURES, "prompts": PROMPTS[:2]}, ["3 images", "2 prompts"]),
        ({"mode": "upstreem"}, ["mode='upstreem'", "did you mean 'upstream'"]),
        ({"mode": "upstream"}, ["torch.Generator"]),
        ({"generator": torch.Generator()}, ["mode=upstream", "seeds"]),
        ({"generator": 5}, ["generator"]),
        ({"mode": "upstream", "generator": 5}, ["generator"]),
        ({"strenght": 0.5}, ["vary takes no 'strenght'", "did you mean 'strength'"]),
        ({"height": 12}, ["vary takes no 'height'"]),
        ({"masks": None}, ["vary takes no 'masks'"]),
        ({"num_steps": 0}, ["num_steps=0"]),
        ({"schedule": "by_hand:0.5/0"}, ["2 shares", "num_steps=12"]),
    ],
)
def test_bad_input_is_one_sentence_before_the_first_step(system, told, words):
    usual = {"images": PICTURES[0], "prompts": "sun"}
    stop = {"progress": lambda *_: pytest.fail("a step was taken")}
    check_refused(words, system.vary, **usual | stop | told)
