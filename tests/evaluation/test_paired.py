"""Paired differences: what the interval promises, and what agreeing pairs leave open."""

import numpy as np
import pytest

from src.evaluation.intervals import bootstrap_interval
from src.evaluation.paired import each_of_many, effect_size, paired_difference


def rng(seed: int | list[int] = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("is_yes_or_no", [False, True])
def test_the_interval_holds_the_truth_as_often_as_it_says(is_yes_or_no):
    truth, num_held = 0.1, 0
    for seed in range(100):
        draws = rng(seed)
        hard = draws.normal(size=60)  # what a prompt makes hard, on both sides
        if is_yes_or_no:
            one, other = draws.random(60), draws.random(60)
            pair = paired_difference(one < 0.6, other < 0.5, rng(1), 0.9)
        else:
            noise = draws.normal(size=60) * 0.5
            pair = paired_difference(hard + truth + noise, hard, rng(1), 0.9)
        num_held += pair.low <= truth <= pair.high
    assert 0.82 <= num_held / 100 <= 0.97


def test_pairs_see_what_two_means_do_not():
    hard = rng().normal(size=300) * 10
    pair = paired_difference(hard + 0.5 + rng(1).normal(size=300), hard, rng(2))
    apart = bootstrap_interval(hard, rng(3))
    assert pair.is_higher
    assert pair.high - pair.low < (apart[1] - apart[0]) / 5


def test_exchanging_the_sides_turns_the_sign():
    one, other = rng().random(100) < 0.5, rng(1).random(100) < 0.7
    there, back = paired_difference(one, other, rng(2)), paired_difference(other, one, rng(2))
    assert there.mean == pytest.approx(-back.mean)
    assert there.low == pytest.approx(-back.high, abs=0.02)
    assert (there.num_gained, there.num_lost) == (back.num_lost, back.num_gained)
    assert there.num_gained == (one & ~other).sum()
    assert there.mean == pytest.approx((there.num_gained - there.num_lost) / 100)


def test_cohens_d_is_the_mean_in_units_of_the_spread():
    assert effect_size(np.array([1.0, 3.0])) == pytest.approx(2 / 2**0.5)
    assert effect_size(np.array([1.0, 1.0])) is None
    assert effect_size(np.array([1.0])) is None


@pytest.mark.parametrize(("value", "num"), [(True, 100), (False, 100), (True, 3)])
def test_pictures_that_all_agree_are_no_proof(value, num):
    pair = paired_difference(np.full(num, value), np.full(num, value), rng(), 0.95)
    assert pair.mean == 0
    assert not pair.is_decided
    assert pair.high == -pair.low == pytest.approx(1 - 0.05 ** (1 / num))


def test_equal_numbers_have_no_difference():
    pair = paired_difference(np.arange(5.0), np.arange(5.0), rng())
    assert (pair.mean, pair.low, pair.high, pair.effect_size) == (0, 0, 0, None)
    assert not pair.is_decided


def test_sides_that_make_no_pairs_are_an_error():
    with pytest.raises(ValueError, match="3 and 2 values"):
        paired_difference(np.arange(3.0), np.arange(2.0), rng())
    with pytest.raises(ValueError, match="0 and 0 values"):
        paired_difference(np.arange(0.0), np.arange(0.0), rng())


def test_many_comparisons_hold_together():
    assert each_of_many(0.95, 1) == 0.95
    assert each_of_many(0.95, 10) == pytest.approx(0.995)
    assert each_of_many(0.95, 0) == 0.95
    num_all = 0
    for seed in range(100):  # ten differences without one
        base = rng([seed, 9]).random(200) < 0.5
        pairs = [
            paired_difference(rng([seed, k]).random(200) < 0.5, base, rng(1), 0.995)
            for k in range(10, 20)
        ]
        num_all += not any(pair.is_decided for pair in pairs)
    assert num_all >= 86  # 95 or more expected
