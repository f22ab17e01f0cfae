"""Several prompts in one picture: whose word counts where, and how they are mixed."""

import numpy as np
import pytest
import torch

from src.conditioning.regions import MEET_AT, Regions
from src.conditioning.text import Text
from src.editing.regions import Region
from src.filling import rows_from
from src.predicting import predict_for
from src.sampler.guidance import Logits, guide
from tests.editing.conftest import PROMPTS, SIZE, check_refused, picture, rectangle

PICTURE = picture(1)
LEFT, RIGHT = rectangle(0, 2, 5, 12), rectangle(7, 0, 12, 9)
WIDE = rectangle(3, 0, 12, 12)  # over a part of the left one
HALVES = [Region("sun", rectangle(0, 0, 6, 12)), Region("snow", rectangle(6, 0, 12, 12))]
TWO = [Region("sun", LEFT), Region("snow", RIGHT)]
QUICK = {"num_steps": 4, "seeds": 3}


def shares(generation) -> torch.Tensor:
    return torch.tensor([told.shares for told in generation.recipe.regions])


# ---- where


def test_outside_all_regions_no_bit_changes_and_inside_all_is_drawn(system):
    generation = system.edit_regions(PICTURE, TWO, feather=1, **QUICK)
    painted, own, mask = np.asarray(generation.images[0]), np.asarray(PICTURE), LEFT | RIGHT
    assert (painted[~mask] == own[~mask]).all()
    assert (painted[mask] != own[mask]).any(axis=1).mean() > 0.9
    assert (generation.edited.is_painted[0].numpy() == mask).all()
    touched = mask.reshape(6, 2, 6, 2).any(axis=(1, 3))
    assert (generation.edited.is_hidden[0].numpy() == touched).all()


@pytest.mark.parametrize("size", [SIZE, (13, 7), (40, 30)])
def test_shares_add_up_to_one_in_the_regions_and_are_nought_outside(system, size):
    rng = np.random.default_rng(size)
    for _ in range(3):
        masks = [rng.random(size[::-1]) < 0.03 for _ in range(3)]
        for mask in masks:
            mask[0, 0] = True
        regions = [Region(p, m, w) for p, m, w in zip(PROMPTS, masks, (1e-6, 1, 1e6), strict=True)]
        generation = system.edit_regions(picture(1, size), regions, num_steps=1, num_top=None)
        told, is_hidden = shares(generation), generation.edited.is_hidden[0]
        assert torch.allclose(told.sum(dim=0), is_hidden.float())
        assert (told >= 0).all()
        assert is_hidden[0, 0]


def test_a_token_is_shared_by_the_pixels_that_regions_cover_times_their_weights(system):
    one, other = rectangle(0, 0, 1, 1), rectangle(1, 0, 3, 2)  # 1 and 2 pixels of the first token
    found = shares(system.edit_regions(PICTURE, [Region("a", one), Region("b", other)], **QUICK))
    assert found[:, 0, 0].tolist() == pytest.approx([1 / 3, 2 / 3])
    assert found[:, 0, 1].tolist() == [0, 1]
    weighed = [Region("a", one, 6), Region("b", rectangle(0, 0, 2, 2), 0.5)]
    found = shares(system.edit_regions(PICTURE, weighed, **QUICK))
    assert found[:, 0, 0].tolist() == pytest.approx([6 / 8, 2 / 8])


def test_weights_matter_where_masks_overlap(system):
    def drawn(*weights):
        regions = [Region("sun", LEFT, weights[0]), Region("snow", WIDE, weights[1])]
        return system.edit_regions(PICTURE, regions, **QUICK)

    assert torch.equal(drawn(1, 1).token_ids, drawn(2.0, 2.0).token_ids)
    of_token = shares(drawn(3, 1))[:, 3, 2]  # 2 pixels of the left one, all 4 of the wide one
    assert of_token.tolist() == pytest.approx([0.6, 0.4])
    assert not torch.equal(drawn(1e6, 1e-6).token_ids, drawn(1e-6, 1e6).token_ids)


# ---- what


@pytest.mark.parametrize("mask", [LEFT, rectangle(0, 0, 12, 12), rectangle(5, 5, 6, 6)])
def test_one_region_is_an_inpainting_with_its_prompt(system, mask):
    settings = {**QUICK, "feather": 2, "negative_prompts": "rain"}
    painted = system.inpaint(PICTURE, mask, "sun", **settings)
    region = system.edit_regions(PICTURE, [Region("sun", mask)], **settings)
    assert torch.equal(region.trace.token_ids, painted.trace.token_ids)
    assert torch.equal(region.trace.confidence, painted.trace.confidence)
    assert region.images == painted.images


def test_the_order_of_two_regions_does_not_matter(system):
    one = system.edit_regions(PICTURE, TWO, **QUICK)
    other = system.edit_regions(PICTURE, TWO[::-1], **QUICK)
    assert torch.equal(one.trace.token_ids, other.trace.token_ids)
    assert one.images == other.images


def test_each_prompt_counts_in_its_own_region(system):
    usual = system.edit_regions(PICTURE, TWO, **QUICK).token_ids
    for index in range(2):
        regions = list(TWO)
        regions[index] = regions[index]._replace(prompt="tree")
        assert not torch.equal(system.edit_regions(PICTURE, regions, **QUICK).token_ids, usual)


def test_the_mixture_of_guided_logits_is_the_guided_mixture(system):
    generation = system.edit_regions(
        PICTURE, [Region("sun", LEFT, 2), Region("snow", WIDE, 1)], **QUICK
    )
    rows = rows_from(system.text_encoder, generation.recipe)
    token_ids, is_masked = generation.token_ids, torch.zeros(1, 6, 6, dtype=torch.bool)
    with torch.no_grad():
        mixed = guide(predict_for(system.transformer, rows)(token_ids, is_masked, True), 7.0)
        each = []
        for region, text in enumerate(rows.regions.texts):
            alone = predict_for(system.transformer, rows._replace(text=text, regions=None))
            seen = rows.regions.seen_by(region, token_ids, is_masked)
            each.append(guide(alone(seen, is_masked, True), 7.0))
    part = shares(generation).flatten(1)[:, None, :, None]
    assert torch.allclose(mixed, (torch.stack(each) * part).sum(dim=0), atol=1e-4)
    assert not torch.allclose(each[0], each[1], atol=1e-2)


def test_the_first_step_of_a_new_picture_mixes_what_each_region_is_shown(system):
    """All is hidden, and yet no region sees a hidden grid: the others' tokens are erased in it."""
    rows = rows_from(system.text_encoder, system.edit_regions(None, HALVES, **QUICK).recipe)
    hidden = torch.full((1, 6, 6), system.transformer.mask_token_id)
    is_masked = torch.ones(1, 6, 6, dtype=torch.bool)
    with torch.no_grad():
        mixed = predict_for(system.transformer, rows)(hidden, is_masked, True)
        each = []
        for region, text in enumerate(rows.regions.texts):
            seen = rows.regions.seen_by(region, hidden, is_masked)
            assert not torch.equal(seen, hidden)
            condition = system.transformer.prepare(*text, rows.micro_cond)
            negative = system.transformer.prepare(*rows.negative, rows.negative_micro_cond)
            each.append([system.transformer.predict(seen, told) for told in (condition, negative)])
    part = rows.regions.shares.flatten(1)[:, None, :, None]
    for side, mine in enumerate(mixed):
        wanted = (torch.stack([said[side] for said in each]) * part).sum(dim=0)
        assert torch.allclose(mine, wanted, atol=1e-4)


def test_without_guidance_no_region_is_asked_without_its_prompt(system):
    rows = rows_from(system.text_encoder, system.edit_regions(PICTURE, TWO, **QUICK).recipe)
    token_ids = torch.zeros(1, 6, 6, dtype=torch.int64)
    with torch.no_grad():
        said = predict_for(system.transformer, rows)(token_ids, token_ids > 0, False)
    assert isinstance(said, Logits)
    assert said.unconditional is None


# ---- what each prompt is shown


def test_until_little_is_hidden_a_prompt_sees_nothing_of_the_others():
    told = torch.zeros(2, 1, 12)
    told[0, 0, :6], told[1, 0, 4:10] = 1.0, 1.0  # tokens 10 and 11 are in no region
    erased = torch.stack([torch.full((1, 12), 70), torch.full((1, 12), 80)])
    regions = Regions([], told / told.sum(dim=0).clamp(min=1), erased)
    token_ids = torch.arange(12)[None, None].expand(2, 1, 12)
    is_masked = torch.zeros(2, 1, 12, dtype=torch.bool)
    few = int(MEET_AT * 10)
    is_masked[0, 0, : few + 1] = True  # still apart
    is_masked[1, 0, :few] = True  # met
    is_masked[1, 0, 10:] = True  # outside, which does not count
    first, second = (regions.seen_by(region, token_ids, is_masked) for region in (0, 1))
    assert first[0, 0].tolist() == [0, 1, 2, 3, 4, 5, 70, 70, 70, 70, 10, 11]
    assert second[0, 0].tolist() == [80, 80, 80, 80, 4, 5, 6, 7, 8, 9, 10, 11]
    assert first[1, 0].tolist() == second[1, 0].tolist() == list(range(12))


def test_the_nearest_kept_token_stands_for_what_is_erased(system):
    generation = system.edit_regions(PICTURE, TWO, **QUICK)
    own, is_open = system.encode_images(PICTURE)[0], generation.edited.is_hidden[0]
    kept = (~is_open).nonzero()
    for told in generation.recipe.regions:
        erased = torch.tensor(told.erased)
        assert torch.equal(erased[~is_open], own[~is_open])
        for place in is_open.nonzero():
            far = ((kept - place) ** 2).sum(dim=1)
            nearest = {int(own[tuple(at)]) for at in kept[far == far.min()]}
            assert int(erased[tuple(place)]) in nearest


def test_in_a_new_picture_what_a_prompt_finds_likeliest_stands_for_the_others(system):
    generation = system.edit_regions(None, HALVES, **QUICK)
    for told in generation.recipe.regions:
        hidden = torch.full((1, 6, 6), system.transformer.mask_token_id)
        rows = rows_from(system.text_encoder, system.generate(told.prompt, num_steps=1).recipe)
        with torch.no_grad():
            said = predict_for(system.transformer, rows)(hidden, hidden > 0, False).conditional
        assert torch.equal(torch.tensor(told.erased).flatten(), said[0].argmax(dim=-1))


def test_regions_are_picked_with_the_rows_of_their_pictures():
    texts = [Text(torch.rand(3, 2, 4), torch.rand(3, 5)) for _ in range(2)]
    regions = Regions(texts, torch.ones(2, 1, 1) / 2, torch.zeros(2, 1, 1, dtype=torch.int64))
    picked = regions.pick([2, 0, 2])
    for before, after in zip(texts, picked.texts, strict=True):
        assert torch.equal(after.text_states, before.text_states[[2, 0, 2]])
        assert torch.equal(after.pooled_text, before.pooled_text[[2, 0, 2]])
    assert picked.shares is regions.shares


# ---- which pictures


def test_a_new_picture_has_the_masks_size_and_is_drawn_whole(system):
    generation = system.edit_regions(None, HALVES, **QUICK)
    assert generation.images == system.decode_tokens(generation.token_ids)
    assert generation.edited.is_hidden.all()
    assert generation.recipe.prompts == ["sun | snow"]


def test_several_pictures_of_the_regions_are_as_one_by_one(system):
    several = system.edit_regions(
        PICTURE, TWO, num_steps=3, num_images_per_prompt=3, seeds=[5, 6, 7]
    )
    for index in range(3):
        alone = system.edit_regions(PICTURE, TWO, num_steps=3, seeds=5 + index)
        assert torch.equal(alone.token_ids[0], several.token_ids[index])
        assert alone.images[0] == several.images[index]
        assert alone.recipe == several.recipe.of_picture(index)


@pytest.mark.parametrize("mask", [LEFT[..., None], torch.tensor(LEFT)[None], [LEFT]])
def test_a_mask_of_a_region_may_have_a_channel(system, mask):
    wanted = system.edit_regions(PICTURE, TWO[:1], **QUICK)
    assert system.edit_regions(PICTURE, [Region("sun", mask)], **QUICK).images == wanted.images


# ---- bad input


def weighed(weight):
    return {"regions": [Region("sun", LEFT, weight)]}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"regions": []}, ["regions is []", "one at least"]),
        ({"regions": None}, ["regions is None", "Region(prompt, mask)"]),
        ({"regions": TWO[0]}, ["regions is", "list"]),
        ({"regions": "sun"}, ["regions[0] is 's'"]),
        ({"regions": [("sun", LEFT)]}, ["regions[0]", "Region(prompt, mask)"]),
        ({"regions": [TWO[0], Region(5, RIGHT)]}, ["number 2 of the prompts of regions is 5"]),
        ({"regions": [Region(None, LEFT)]}, ["is None, which is not text"]),
        (
            {"regions": [TWO[0], Region("snow", WIDE)]},
            ["regions[0] and regions[1] overlap in 20 pixels", "weight"],
        ),
        (
            {"regions": [Region("sun", LEFT, 1.0), Region("snow", WIDE)]},
            ["overlap in 20 pixels", "both a weight"],
        ),
        ({"regions": [Region("sun", ~(LEFT | True))]}, ["the mask of regions[0] covers nothing"]),
        ({"regions": [TWO[0], Region("snow", None)]}, ["the mask of regions[1] is None"]),
        ({"regions": [Region("sun", [LEFT, RIGHT])]}, ["the mask of regions[0] is a list of 2"]),
        ({"regions": [Region("sun", LEFT.astype(np.uint8))]}, ["regions[0]", "0 and 1"]),
        ({"regions": [Region("sun", picture(1))]}, ["regions[0]", "colours"]),
        ({"regions": [TWO[0], Region("s", LEFT[:5])]}, ["the mask of regions[1]", "12x5", "12x12"]),
        (weighed(0), ["the weight of regions[0] is 0", "from 1e-06"]),
        (weighed(-1.0), ["the weight of regions[0] is -1.0"]),
        (weighed(float("nan")), ["the weight of regions[0] is nan"]),
        (weighed(1e7), ["the weight of regions[0] is 10000000.0", "1,000,000"]),
        (weighed("much"), ["the weight of regions[0] is 'much'"]),
        (weighed(True), ["the weight of regions[0] is True"]),
        ({"image": None}, ["tokens are in no region", "cover all"]),
        ({"image": [PICTURE, PICTURE]}, ["one picture", "there are 2"]),
        ({"image": "absent.png"}, ["absent.png", "is not there"]),
        ({"image": picture(1, (12, 10))}, ["the mask of regions[0]", "12x12", "12x10"]),
        ({"feather": -1}, ["feather=-1"]),
        ({"feather": 0.5}, ["feather=0.5"]),
        ({"generator": torch.Generator()}, ["seeds"]),
        ({"negative_prompts": ["a", "b"]}, ["2 negative prompts for 1 prompts"]),
        ({"region": TWO}, ["edit_regions takes no 'region'", "did you mean 'regions'"]),
    ],
)
def test_bad_input_is_one_sentence_before_the_first_step(system, told, words):
    usual = {"image": PICTURE, "regions": TWO}
    stop = {"progress": lambda *_: pytest.fail("a step was taken")}
    check_refused(words, system.edit_regions, **usual | stop | told)
