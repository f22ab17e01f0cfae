"""How strong an edit is: exactly so many tokens hidden, and the steps that are left of a whole."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch

from src.editing.strength import entered, hidden_at_start
from src.masking.schedule import mask_ratio
from src.sampler.config import (
    KNOWN_SAMPLERS,
    CorrectorConfig,
    RemaskConfig,
    SamplerConfig,
    check_sampler,
)
from src.sampler.plan import make_plan
from tests.editing.conftest import PROMPTS, picture

STRENGTHS = (0, 1e-12, 0.001, 0.1, 0.2, 1 / 3, 0.5, 0.6, 2 / 3, 0.7, 0.9, 0.999, 1 - 1e-12, 1)
SCHEDULES = {
    "cosine": lambda r: math.cos(math.pi / 2 * r),
    "linear": lambda r: 1 - r,
    "arccos": lambda r: 2 / math.pi * math.acos(r),
    "square": lambda r: 1 - r**2,
    "cubic": lambda r: 1 - r**3,
    "square_root": lambda r: 1 - math.sqrt(r),
    "power:2.5": lambda r: 1 - r**2.5,
    "exponential:5": lambda r: (1 - math.exp(-5 * (1 - r))) / (1 - math.exp(-5)),
    "logarithmic:4": lambda r: min(1.0, -math.log(r or 1e-300) / 4),
    "by_hand:0.9/0.5/0.2/0.1/0": lambda r: float(
        np.interp(r, [0, 0.2, 0.4, 0.6, 0.8, 1], [1, 0.9, 0.5, 0.2, 0.1, 0])
    ),
}


def hidden(num_tokens: int, strength: float, schedule: str, seed: int = 1, num_steps: int = 5):
    config = SamplerConfig(schedule=schedule, num_steps=num_steps)
    everywhere = torch.ones(1, 1, num_tokens, dtype=torch.bool)
    return hidden_at_start(everywhere, strength, config, [seed])


# ---- which tokens


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_variation_hides_exactly_as_many_tokens_as_its_schedule_says(schedule):
    for num_tokens in (1, 7, 36, 256, 1000):
        for strength in STRENGTHS:
            wanted = math.floor(num_tokens * SCHEDULES[schedule](1 - strength) + 1e-9)
            assert hidden(num_tokens, strength, schedule).sum() == wanted


@pytest.mark.parametrize(
    ("num_tokens", "strength", "schedule", "count"),
    [
        (256, 1 / 3, "cosine", 128),  # cos(60 degrees)
        (256, 2 / 3, "cosine", 221),
        (100, 0.29, "linear", 29),  # 100 * 0.29 falls short of 29 in floating point
        (10, 0.1, "linear", 1),
        (1000, 0.9, "cubic", 999),
        (36, 0.5, "square_root", 10),
    ],
)
def test_known_counts(num_tokens, strength, schedule, count):
    assert hidden(num_tokens, strength, schedule).sum() == count


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_stronger_variation_hides_what_a_weaker_one_hides_and_another_seed_others(schedule):
    masks = [hidden(200, strength, schedule) for strength in STRENGTHS]
    for weaker, stronger in pairwise(masks):
        assert not (weaker & ~stronger).any()
    assert not torch.equal(hidden(200, 0.5, schedule), hidden(200, 0.5, schedule, seed=2))


def test_of_a_masks_tokens_a_share_is_hidden_and_none_besides(system):
    config = SamplerConfig(schedule="linear", num_steps=5)
    is_touched = torch.zeros(2, 6, 6, dtype=torch.bool)
    is_touched[0, :2, :5] = True
    is_hidden = hidden_at_start(is_touched, 0.7, config, [1, 2])
    assert is_hidden.flatten(1).sum(dim=1).tolist() == [7, 0]
    assert not (is_hidden & ~is_touched).any()


# ---- which steps


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("num_steps", [1, 5, 12])
def test_the_steps_that_are_left_have_the_numbers_they_have_in_a_whole_generation(
    schedule, num_steps
):
    if schedule.startswith("by_hand") and num_steps != 5:
        schedule = "by_hand:" + "/".join(str(1 - (k + 1) / num_steps) for k in range(num_steps))
    whole = SamplerConfig(
        num_steps=num_steps,
        schedule=schedule,
        guidance="cosine",
        guidance_power=1.5,
        sampling_temperature_end=0.2,
        sampling_temperature_power=2.0,
        choice_temperature_power=0.5,
    )
    for strength in STRENGTHS:
        left = entered(whole, strength)
        check_sampler(left)
        count = max(1, math.ceil(num_steps * Fraction(strength).limit_denominator(10**6)))
        assert left.num_steps == count
        place = torch.tensor(1.0 - strength, dtype=torch.float64)
        at_start = mask_ratio(place, schedule).item() if 0 < strength < 1 else float(strength)
        pairs = zip(make_plan(left), make_plan(whole)[-count:], strict=True)
        for mine, its in pairs:
            assert mine.choice_temperature == its.choice_temperature
            assert mine.sampling_temperature == its.sampling_temperature
            assert mine.guidance_scale == its.guidance_scale
            assert mine.ratio_after * at_start == pytest.approx(its.ratio_after if at_start else 0)


@pytest.mark.parametrize("tenths", range(1, 11))
def test_of_ten_steps_as_many_are_left_as_tenths_of_strength(tenths):
    """(1 - 0.9) * 10 falls short of one step in floating point."""
    assert entered(SamplerConfig(num_steps=10), tenths / 10).num_steps == tenths


@pytest.mark.parametrize("interval", [(0.5, 0.0), (0.6, 0.3), (1.0, 0.9), (0.1, 0.0)])
@pytest.mark.parametrize("strength", [0.3, 0.8])
def test_an_interval_of_guidance_guides_the_steps_that_it_guides_in_a_whole(
    system, interval, strength
):
    """Of 50 tokens, n hidden are a share of n/50 in the whole generation."""
    config = SamplerConfig(
        num_steps=10, schedule="linear", guidance_from=interval[0], guidance_to=interval[1]
    )
    image = picture(1, (20, 10))
    generation = system.vary(image, "sun", strength, sampler=config, seeds=1, num_top=None)
    left = generation.trace.num_steps
    start = torch.cat([generation.edited.is_hidden.sum()[None], generation.trace.num_masked[:, 0]])
    is_guided = [interval[1] - 1e-9 <= n / 50 <= interval[0] + 1e-9 for n in start[:-1].tolist()]
    assert len(is_guided) == left
    assert generation.trace.num_passes[:, 0].tolist() == [2 if each else 1 for each in is_guided]


@pytest.mark.parametrize("name", KNOWN_SAMPLERS)
@pytest.mark.parametrize("num_steps", [1, 3])
def test_no_strength_loses_a_step_or_leaves_a_token_hidden(system, name, num_steps):
    for strength in (0, 1e-9, 0.37, 0.999):
        config = SamplerConfig(name=name, num_steps=num_steps, guidance_scale=1.0)
        image = picture(1, (6, 6))
        generation = system.vary(image, "sun", strength, sampler=config, seeds=3, num_top=None)
        count = max(1, math.ceil(num_steps * Fraction(str(strength))))
        assert generation.recipe.sampler.num_steps == generation.trace.num_steps == count
        assert generation.token_ids.max() < 40
        assert generation.trace.num_masked[-1].tolist() == [0]


@pytest.mark.parametrize("schedule", ["cosine", "by_hand:0.9/0.5/0.2/0.1/0"])
@pytest.mark.parametrize("strength", [0, 0.3, 0.5, 1])
def test_a_loop_of_remasking_can_be_entered_under_any_schedule(system, schedule, strength):
    remask = RemaskConfig("loop", loop_from=0.2, loop_to=0.8)
    config = SamplerConfig(name="remask", num_steps=5, schedule=schedule, remask=remask)
    generation = system.vary(picture(1), "sun", strength, sampler=config, seeds=3, num_top=None)
    check_sampler(generation.recipe.sampler)
    assert generation.trace.num_masked[-1].tolist() == [0]


# ---- the two ends


@pytest.mark.parametrize(
    "settings",
    [
        {"schedule": "cosine", "num_steps": 3},
        {"schedule": "arccos", "num_steps": 4},
        {"guidance_scale": 1.0, "choice_temperature": 0.0, "num_steps": 3},
        {"negative_prompts": "snow", "sampler": "halton", "num_steps": 3},
        {"sampler": SamplerConfig(name="remask", remask=RemaskConfig("loop"), num_steps=6)},
        {"sampler": SamplerConfig(guidance="cosine", corrector=CorrectorConfig(3), num_steps=4)},
    ],
)
def test_strength_one_is_a_generation_of_the_same_seed_to_the_last_bit(system, settings):
    varied = system.vary(picture(4), PROMPTS[0], 1.0, seeds=5, **settings)
    drawn = system.generate(PROMPTS[0], seeds=5, **settings)
    assert varied.recipe == drawn.recipe
    assert torch.equal(varied.trace.token_ids, drawn.trace.token_ids)
    assert torch.equal(varied.trace.confidence, drawn.trace.confidence)
    assert varied.images == drawn.images


@pytest.mark.parametrize("size", [(12, 12), (7, 5), (1, 1), (40, 31)])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("strength", [0, 1e-9, np.float64(0)])
def test_where_nothing_is_hidden_a_picture_comes_back_as_it_was(system, size, channels, strength):
    image = picture(4, size, channels)
    for edit in (
        lambda: system.vary(image, "sun", strength),
        lambda: system.inpaint(image, np.ones(size[::-1]), "sun", strength, feather=2),
    ):
        generation = edit()
        assert generation.images[0] == image
        assert not generation.edited.is_painted.any()
        assert not generation.edited.is_hidden.any()
