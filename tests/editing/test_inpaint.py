"""Inpainting: outside the mask no bit changes, and no picture depends on its company."""

import numpy as np
import pytest
import torch
from PIL import Image

from src.amused import Amused
from src.sampler.config import KNOWN_SAMPLERS, CorrectorConfig, SamplerConfig
from tests.editing.conftest import PROMPTS, SIZE, check_refused, picture, rectangle

PICTURES = [picture(seed) for seed in (1, 2, 3)]
MASKS = [rectangle(0, 0, 5, 12), rectangle(3, 3, 4, 4), rectangle(2, 6, 12, 7)]
SAMPLERS = {name: SamplerConfig(name=name, num_steps=3) for name in KNOWN_SAMPLERS} | {
    "guidance rises": SamplerConfig(guidance="linear", num_steps=3),
    "an interval": SamplerConfig(guidance_from=0.7, guidance_to=0.2, num_steps=3),
    "corrector": SamplerConfig(corrector=CorrectorConfig(2, 0.5), num_steps=3),
}

# ---- outside the mask


def of_kind(kind: str, seed: int, size: tuple[int, int]):
    """A picture of a kind, and its own pixels in 8 bits."""
    colors = np.asarray(picture(seed, size, 4))
    if kind == "RGBA":
        return Image.fromarray(colors), colors
    image = Image.fromarray(np.ascontiguousarray(colors[..., :3]))
    if kind == "RGB":
        return image, colors[..., :3]
    if kind == "grey":
        return image.convert("L"), np.asarray(image.convert("L").convert("RGB"))
    if kind == "palette":
        image = image.quantize(7)
        return image, np.asarray(image.convert("RGB"))
    levels = colors[..., 0]
    return Image.fromarray(levels.astype(np.uint16) * 257), levels[..., None].repeat(3, axis=2)


def a_mask(kind: str, size: tuple[int, int], rng):
    width, height = size
    mask = np.zeros((height, width), dtype=np.bool_)
    if kind == "hairline":
        mask[rng.integers(height)] = True
    elif kind == "pixel":
        mask[rng.integers(height), rng.integers(width)] = True
    elif kind == "full":
        mask[:] = True
    elif kind == "blob":
        mask[rng.integers(height) :, : 1 + rng.integers(width)] = True
    elif kind == "dust":
        mask = rng.random((height, width)) < 0.1
    return mask


KINDS = ("RGB", "RGBA", "grey", "palette", "16 bits")
MASK_KINDS = ("hairline", "pixel", "full", "blob", "dust", "empty")


@pytest.mark.parametrize("number", range(50))
def test_outside_the_mask_every_picture_of_any_size_and_kind_keeps_every_bit(system, number):
    rng = np.random.default_rng([number, 3])
    sides = [1, 2, 5, 12, 13, 17, 40]
    size = (int(rng.choice(sides)), int(rng.choice(sides)))
    image, own = of_kind(KINDS[number % 5], number, size)
    mask = a_mask(MASK_KINDS[number % 6], size, rng)
    edges = {"feather": int(rng.choice([0, 1, 4])), "halo": int(rng.choice([0, 2]))}
    generation = system.inpaint(
        image, mask, "sun", num_steps=2, seeds=number, guidance_scale=1.0, num_top=None, **edges
    )
    painted = np.asarray(generation.images[0])
    assert painted.shape == own.shape
    assert (painted[~mask] == own[~mask]).all()
    assert (generation.edited.is_painted[0].numpy() == mask).all()
    assert mask.sum() < 10 or (painted[mask] == own[mask]).all(axis=-1).mean() < 0.5


def test_what_lies_inside_the_mask_is_what_the_tokens_show(system):
    generation = system.inpaint(PICTURES[0], MASKS[0], "sun", num_steps=2)
    drawn = np.asarray(generation.edited.decoded[0])
    assert (np.asarray(generation.images[0])[MASKS[0]] == drawn[MASKS[0]]).all()
    assert generation.edited.decoded == system.decode_tokens(generation.token_ids)


def test_a_halo_draws_more_tokens_and_shows_no_more_of_them(system):
    narrow = system.inpaint(PICTURES[0], MASKS[1], "sun", num_steps=2, seeds=1)
    wide = system.inpaint(PICTURES[0], MASKS[1], "sun", num_steps=2, seeds=1, halo=1)
    assert narrow.edited.is_hidden.sum() == 1
    assert wide.edited.is_hidden.sum() == 9
    assert torch.equal(narrow.edited.is_painted, wide.edited.is_painted)


def test_tokens_that_no_mask_touches_are_the_pictures_own(system):
    generation = system.inpaint(PICTURES, MASKS, PROMPTS, num_steps=2)
    own, is_hidden = system.encode_images(PICTURES), generation.edited.is_hidden
    assert torch.equal(generation.token_ids[~is_hidden], own[~is_hidden])
    touched = [mask.reshape(6, 2, 6, 2).any(axis=(1, 3)) for mask in MASKS]
    assert (is_hidden.numpy() == np.stack(touched)).all()


def test_the_schedule_is_the_checkpoints_unless_given_and_a_full_mask_is_a_generation(system):
    everywhere = np.ones(SIZE[::-1], dtype=bool)
    painted = system.inpaint(PICTURES[0], everywhere, "sun", seeds=1, num_steps=3)
    drawn = system.generate("sun", seeds=1, num_steps=3)
    assert painted.recipe == drawn.recipe
    assert painted.images == drawn.images
    assert painted.trace.num_masked[:, 0].tolist() == [31, 18, 0]
    other = system.inpaint(PICTURES[0], everywhere, "sun", num_steps=3, schedule="square")
    assert other.trace.num_masked[:, 0].tolist() == [32, 20, 0]


# ---- its company


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_different_masks_pictures_and_prompts_in_a_batch_are_as_one_by_one(system, sampler):
    settings = {"sampler": SAMPLERS[sampler], "feather": 1}
    together = system.inpaint(PICTURES, MASKS, PROMPTS, 0.9, seeds=[4, 5, 6], **settings)
    for index in range(3):
        told = (PICTURES[index], MASKS[index], PROMPTS[index], 0.9)
        alone = system.inpaint(*told, seeds=4 + index, **settings)
        assert torch.equal(alone.token_ids[0], together.token_ids[index])
        assert alone.images[0] == together.images[index]
        assert torch.equal(alone.trace.confidence[:, 0], together.trace.confidence[:, index])
        assert torch.equal(alone.edited.is_hidden[0], together.edited.is_hidden[index])
        assert alone.recipe == together.recipe.of_picture(index)


def test_passes_of_several_pictures_are_filled_up_and_keep_their_order(system):
    parts = system.transformer, system.image_tokenizer, system.text_encoder
    told = (PICTURES, MASKS, PROMPTS)
    settings = {"seeds": [4, 5, 6], "num_steps": 3}
    alone = system.inpaint(*told, **settings)
    grouped = Amused(*parts, pictures_per_pass=2).inpaint(*told, **settings)
    assert torch.equal(alone.token_ids, grouped.token_ids)
    assert alone.images == grouped.images


def test_several_pictures_of_several_inputs_stand_side_by_side(system):
    settings = {"num_steps": 2, "seeds": list(range(4))}
    two_each = system.inpaint(
        PICTURES[:2], MASKS[:2], PROMPTS[:2], num_images_per_prompt=2, **settings
    )
    order = [0, 0, 1, 1]
    spelled_out = system.inpaint(
        *([each[index] for index in order] for each in (PICTURES, MASKS, PROMPTS)), **settings
    )
    assert two_each.images == spelled_out.images
    assert two_each.recipe.prompts == [PROMPTS[index] for index in order]
    assert torch.equal(two_each.edited.is_painted, spelled_out.edited.is_painted)


@pytest.mark.parametrize("single", ["images", "masks", "prompts"])
def test_one_of_a_kind_serves_all(system, single):
    told = {"images": PICTURES, "masks": MASKS, "prompts": PROMPTS}
    settings = {"num_steps": 2, "seeds": [1, 2, 3]}
    once = system.inpaint(**told | {single: told[single][0]}, **settings)
    thrice = system.inpaint(**told | {single: [told[single][0]] * 3}, **settings)
    assert once.images == thrice.images
    assert torch.equal(once.token_ids, thrice.token_ids)


@pytest.mark.parametrize("count", [1, 3])
def test_encoded_prompts_do_as_well_without_negatives(system, count):
    settings = {"num_steps": 2, "seeds": [1, 2, 3]}
    encoded = system.encode_prompts(PROMPTS[:count])
    from_text = system.inpaint(PICTURES, MASKS, PROMPTS[:count], **settings)
    from_rows = system.inpaint(PICTURES, MASKS, encoded, **settings)
    assert torch.equal(from_text.token_ids, from_rows.token_ids)
    assert from_rows.recipe.prompts is None


def test_negative_prompts_are_one_for_all_or_one_each(system):
    def painted(negative_prompts):
        settings = {"num_steps": 2, "seeds": [1, 2, 3], "negative_prompts": negative_prompts}
        return system.inpaint(PICTURES, MASKS, PROMPTS, **settings).token_ids

    assert torch.equal(painted("snow"), painted(["snow"] * 3))
    assert not torch.equal(painted("snow"), painted(None))


def test_steps_are_told_and_kept_only_where_asked_for(system):
    told = []
    generation = system.inpaint(
        PICTURES[0],
        MASKS[0],
        "sun",
        0.5,
        num_steps=4,
        record=False,
        progress=lambda done, total, step: told.append((done, total)),
    )
    assert generation.trace is None
    assert told == [(1, 2), (2, 2)]


# ---- bad input


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"masks": rectangle(0, 0, 1, 1, (12, 13))}, ["masks", "12x13", "12x12"]),
        ({"masks": [MASKS[0], MASKS[0][:5]]}, ["masks[1]", "12x5", "12x12"]),
        ({"masks": None}, ["masks is None"]),
        ({"images": None}, ["images is None"]),
        ({"prompts": None}, ["prompts is None"]),
        ({"prompts": []}, ["0 prompts"]),
        ({"prompts": ["sun", 3]}, ["number 2 of prompts is 3"]),
        ({"images": PICTURES, "masks": MASKS[:2]}, ["3 images", "2 masks", "1 prompts"]),
        ({"masks": MASKS, "prompts": PROMPTS[:2]}, ["3 masks", "2 prompts"]),
        ({"masks": MASKS, "seeds": [1, 2]}, ["2 seeds for 3 pictures"]),
        ({"seeds": [-1]}, ["-1"]),
        ({"negative_prompts": ["a", "b"]}, ["2 negative prompts for 1 prompts"]),
        ({"feather": -1}, ["feather=-1", "0 to 4,096"]),
        ({"feather": 1.5}, ["feather=1.5", "pixels"]),
        ({"feather": True}, ["feather=True"]),
        ({"feather": np.int64(1)}, ["feather=np.int64(1)", "whole number"]),
        ({"halo": -1}, ["halo=-1", "tokens"]),
        ({"halo": 0.5}, ["halo=0.5"]),
        ({"halo": 65}, ["halo=65", "0 to 64"]),
        ({"halo": "1"}, ["halo='1'"]),
        ({"strength": 1.01}, ["strength=1.01", "from 0"]),
        ({"mode": "Exact"}, ["mode='Exact'", "did you mean 'exact'"]),
        ({"mode": None}, ["mode=None", "exact, upstream"]),
        ({"mode": []}, ["mode=[]", "exact, upstream"]),
        ({"mode": "upstream"}, ["mode=upstream", "generator"]),
        ({"mode": "upstream", "feather": 2}, ["feather=2", "no effect", "upstream"]),
        ({"generator": torch.Generator()}, ["mode=upstream", "seeds"]),
        ({"generator": torch.Generator(), "seeds": [1]}, ["both given"]),
        ({"feathr": 2}, ["inpaint takes no 'feathr'", "did you mean 'feather'"]),
        ({"mask": 2}, ["inpaint takes no 'mask'", "did you mean 'masks'"]),
        ({"num_step": 2}, ["inpaint takes no 'num_step'", "did you mean 'num_steps'"]),
        ({"num_steps": np.int64(0)}, ["num_steps"]),
        ({"num_images_per_prompt": np.int64(2)}, ["num_images_per_prompt", "whole number"]),
        ({"sampler": "halten"}, ["did you mean 'halton'"]),
    ],
)
def test_bad_input_is_one_sentence_before_the_first_step(system, told, words):
    usual = {"images": PICTURES[0], "masks": MASKS[0], "prompts": "sun"}
    stop = {"progress": lambda *_: pytest.fail("a step was taken")}
    check_refused(words, system.inpaint, **usual | stop | told)
