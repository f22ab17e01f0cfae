"""Two pictures mixed token by token, and drawn anew in part."""

import numpy as np
import pytest
import torch

from src.editing.scattered import scattered
from src.sampler.config import KNOWN_SAMPLERS, SamplerConfig
from src.sampler.one_picture import FOR_MIXTURE
from tests.editing.conftest import PROMPTS, SIZE, check_refused, picture

ONE, OTHER = picture(1), picture(2)
QUICK = {"num_steps": 3, "num_top": None}


@pytest.mark.parametrize(("share", "own"), [(0, ONE), (1, OTHER), (0.0, ONE), (1.0, OTHER)])
def test_at_either_end_the_tokens_are_those_of_one_picture(system, share, own):
    generation = system.mix(ONE, OTHER, "sun", share, 0, **QUICK)
    token_ids = system.encode_images(own)
    assert torch.equal(generation.token_ids, token_ids)
    assert generation.images == system.decode_tokens(token_ids)
    assert not generation.edited.is_hidden.any()
    assert generation.edited.is_painted.all()


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.75, 0.99, np.float64(0.5)])
def test_exactly_a_share_of_the_tokens_is_the_seconds_scattered_by_the_seed(system, share):
    generation = system.mix(ONE, OTHER, ["sun"] * 2, share, 0.0, seeds=[4, 5], **QUICK)
    is_second = scattered(torch.ones(2, 6, 6, dtype=torch.bool), share, [4, 5], FOR_MIXTURE)
    assert is_second.flatten(1).sum(dim=1).tolist() == [int(36 * share)] * 2
    first, second = (system.encode_images(image) for image in (ONE, OTHER))
    assert torch.equal(generation.token_ids, torch.where(is_second, second, first))


@pytest.mark.parametrize("strength", [0.25, 0.5])
def test_of_the_mixture_as_many_are_hidden_as_in_a_variation_and_the_same_ones(system, strength):
    settings = {"schedule": "linear", "seeds": 6, **QUICK}
    mixed = system.mix(ONE, OTHER, "sun", 0.5, strength, **settings)
    varied = system.vary(ONE, "sun", strength, **settings)
    assert mixed.edited.is_hidden.sum() == 36 * strength
    assert torch.equal(mixed.edited.is_hidden, varied.edited.is_hidden)
    kept, mixture = ~mixed.edited.is_hidden, system.mix(ONE, OTHER, "sun", 0.5, 0, **settings)
    assert torch.equal(mixed.token_ids[kept], mixture.token_ids[kept])
    assert mixed.recipe.sampler == varied.recipe.sampler


def test_strength_one_is_a_generation_and_a_picture_mixed_with_itself_a_variation(system):
    settings = {"seeds": 6, **QUICK}
    assert system.mix(ONE, OTHER, "sun", 0.5, 1, **settings).images == (
        system.generate("sun", **settings).images
    )
    same = system.mix(ONE, ONE, "sun", 0.3, 0.5, **settings)
    assert torch.equal(same.token_ids, system.vary(ONE, "sun", 0.5, **settings).token_ids)


@pytest.mark.parametrize("name", KNOWN_SAMPLERS)
def test_different_pictures_and_prompts_are_as_one_by_one(system, name):
    sampler = SamplerConfig(name=name, num_steps=3)
    ones, others = [picture(seed) for seed in (1, 2, 3)], [picture(seed) for seed in (4, 5, 6)]
    together = system.mix(ones, others, PROMPTS, 0.4, sampler=sampler, seeds=[1, 2, 3])
    alone = system.mix(ones[2], others[2], PROMPTS[2], 0.4, sampler=sampler, seeds=3)
    assert torch.equal(alone.token_ids[0], together.token_ids[2])
    assert alone.images[0] == together.images[2]


def test_one_picture_is_mixed_with_several_side_by_side_by_encoded_prompts_too(system):
    others = [picture(4), picture(5)]
    settings = {"num_images_per_prompt": 2, "seeds": [1, 2, 3, 4], **QUICK}
    generation = system.mix(ONE, others, PROMPTS[:2], **settings)
    for place, index in enumerate([0, 0, 1, 1]):
        alone = system.mix(ONE, others[index], PROMPTS[index], seeds=place + 1, **QUICK)
        assert alone.images[0] == generation.images[place]
    for encoded, texts in (
        (system.encode_prompts(PROMPTS[:2]), PROMPTS[:2]),
        (system.encode_prompts("sun"), "sun"),
    ):
        from_rows = system.mix(ONE, others, encoded, **settings)
        assert torch.equal(
            from_rows.token_ids, system.mix(ONE, others, texts, **settings).token_ids
        )


@pytest.mark.parametrize("size", [(7, 9), (40, 30)])
def test_the_mixture_has_the_size_of_its_pictures(system, size):
    generation = system.mix(picture(1, size), picture(2, size, 4), "sun", **QUICK)
    assert generation.images[0].size == size


@pytest.mark.parametrize(
    ("told", "words"),
    [
        *(
            ({"share": value}, [f"share={value!r}", "from 0", "to 1"])
            for value in (-0.1, 1.5, float("nan"), "0.5", True, None)
        ),
        ({"strength": 2}, ["strength=2"]),
        ({"strength": False}, ["strength=False"]),
        ({"second": picture(2, (12, 10))}, ["12x12", "12x10", "one size"]),
        ({"first": []}, ["first is []"]),
        ({"second": None}, ["second is None"]),
        ({"second": [ONE, "absent.png"]}, ["second[1]", "absent.png"]),
        ({"first": [ONE] * 3, "second": [OTHER] * 2}, ["3 first", "2 second", "1 prompts"]),
        ({"prompts": PROMPTS, "second": [OTHER] * 2}, ["2 second", "3 prompts"]),
        ({"prompts": None}, ["prompts is None"]),
        ({"seeds": [1, 2]}, ["2 seeds for 1 pictures"]),
        ({"generator": torch.Generator()}, ["seeds"]),
        ({"mode": "exact"}, ["mix takes no 'mode'"]),
        ({"shares": 0.5}, ["mix takes no 'shares'", "did you mean 'share'"]),
    ],
)
def test_bad_input_is_one_sentence_before_the_first_step(system, told, words):
    usual = {"first": ONE, "second": OTHER, "prompts": "sun"}
    stop = {"progress": lambda *_: pytest.fail("a step was taken")}
    check_refused(words, system.mix, **usual | stop | told)


def test_pictures_of_the_trained_size_are_mixed_at_it(system):
    assert system.mix(ONE, OTHER, "sun", **QUICK).edited.decoded[0].size == SIZE
