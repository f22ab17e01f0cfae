"""The space a search goes through: every point is a sampler that works; aMUSEd is one of them."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.sampler.config import SamplerConfig, check_sampler
from src.sampler.plan import make_plan
from src.sampler.search_space import curves_around, point_of, ranges, settings_at

AMUSED = SamplerConfig(num_steps=8, guidance_scale=2.0)
FIELDS = ("ratio_after", "guidance_scale", "choice_temperature", "sampling_temperature")


@st.composite
def points(draw):
    """A base, a number of knots and a point between its ranges, ends included."""
    steps = draw(st.integers(1, 12))
    num_knots = draw(st.integers(1, steps))
    base = SamplerConfig(num_steps=steps, guidance_scale=draw(st.sampled_from([0.5, 2.0, 10.0])))
    space = ranges(base, num_knots)
    parts = draw(st.lists(st.floats(0, 1), min_size=len(space), max_size=len(space)))
    numbers = {
        name: curve.low + part * (curve.high - curve.low)
        for part, (name, curve) in zip(parts, space.items(), strict=True)
    }
    return base, num_knots, numbers


@given(points())
@settings(deadline=None, max_examples=50)
def test_every_point_is_a_sampler_whose_hidden_share_falls_to_nothing(drawn):
    base, num_knots, numbers = drawn
    found = settings_at(numbers, base, num_knots)
    check_sampler(found)
    plan = make_plan(found)
    shares = [now.ratio_after for now in plan]
    assert len(plan) == base.num_steps
    assert shares[-1] == 0
    assert all(after <= before for before, after in zip([1.0, *shares], shares, strict=False))
    curves = curves_around(base)
    for field, name in zip(FIELDS[1:], list(curves)[1:], strict=True):
        for now in plan:
            assert curves[name].low <= getattr(now, field) <= curves[name].high


def test_an_even_pace_reveals_as_much_in_every_step():
    linear = replace(AMUSED, schedule="linear")
    found = settings_at(dict.fromkeys(ranges(linear, 2), 1.0), linear, 2).schedule
    assert found == "by_hand:0.875/0.75/0.625/0.5/0.375/0.25/0.125/0.0"


UNTUNED = {
    "aMUSEd": {},
    "much guidance": {"guidance_scale": 10.0},
    "none": {"guidance_scale": 0.0, "sampling_temperature": 0.0},
    "rising guidance": {"guidance_scale": 9.0, "guidance": "cosine", "guidance_power": 2.0},
    "a late schedule": {"schedule": "logarithmic:5.5", "choice_temperature_power": 0.3},
    "12 steps": {"num_steps": 12, "choice_temperature_start": 7.0},
}


@pytest.mark.parametrize("case", UNTUNED)
@pytest.mark.parametrize("num_knots", [1, 3, 8])
def test_the_untuned_sampler_is_a_point_of_the_space_exactly(case, num_knots):
    base = replace(AMUSED, **UNTUNED[case])
    point, space = point_of(base, num_knots), ranges(base, num_knots)
    assert all(space[name].low <= value <= space[name].high for name, value in point.items())
    found = make_plan(settings_at(point, base, num_knots))
    for now, other in zip(make_plan(base), found, strict=True):
        for field in FIELDS:
            assert getattr(other, field) == getattr(now, field)


def test_the_search_reaches_beyond_the_guidance_that_is_there():
    for guidance in (2.0, 10.0, 30.0):
        around = curves_around(replace(AMUSED, guidance_scale=guidance))["guidance_scale"]
        assert (around.low, around.high) == (1.0, max(6.0, 1.5 * guidance))
