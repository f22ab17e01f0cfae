"""The space a search goes through: every point is a sampler that works; aMUSEd is one of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.sampler.config import SamplerConfig, check_sampler
from src.sampler.plan import make_plan
from src.sampler.search_space import CURVES, point_near, ranges, settings_at

AMUSED = SamplerConfig(num_steps=8, guidance_scale=2.0)
FIELDS = ("ratio_after", "guidance_scale", "choice_temperature", "sampling_temperature")


@st.composite
def points(draw):
    """A base, a number of knots and a point between its ranges, ends included."""
    steps = draw(st.integers(1, 12))
    num_knots = draw(st.integers(1, steps))
    space = ranges(num_knots)
    parts = draw(st.lists(st.floats(0, 1), min_size=len(space), max_size=len(space)))
    numbers = {
        name: curve.low + part * (curve.high - curve.low)
        for part, (name, curve) in zip(parts, space.items(), strict=True)
    }
    return SamplerConfig(num_steps=steps), num_knots, numbers


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
    for field, name in zip(FIELDS[1:], list(CURVES)[1:], strict=True):
        for now in plan:
            assert CURVES[name].low <= getattr(now, field) <= CURVES[name].high


def test_an_even_pace_reveals_as_much_in_every_step():
    numbers = dict.fromkeys(ranges(2), 1.0)
    found = settings_at(numbers, AMUSED, 2).schedule
    assert found == "by_hand:0.875/0.75/0.625/0.5/0.375/0.25/0.125/0"


def test_with_a_knot_a_step_the_sampler_that_is_there_is_in_the_space():
    found = make_plan(settings_at(point_near(AMUSED, 8), AMUSED, 8))
    for now, other in zip(make_plan(AMUSED), found, strict=True):
        for field in FIELDS:
            assert getattr(other, field) == pytest.approx(getattr(now, field), abs=1e-4)


def test_a_point_near_a_sampler_beyond_the_space_lies_at_its_edge():
    numbers = point_near(SamplerConfig(num_steps=4, guidance_scale=10.0), 2)
    assert numbers["guidance_scale_0"] == numbers["guidance_scale_1"] == 6.0
