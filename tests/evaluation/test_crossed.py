"""Differences over trainings and pictures: the interval is for others of both."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from src.evaluation.crossed import crossed_difference, mean_squares

REPETITIONS = 2000


def table(rng, trainings: float, pictures: float, rest: float, shape=(3, 100)) -> np.ndarray:
    """Differences around 0 that vary between trainings, between pictures, and in neither way."""
    return (
        trainings * rng.standard_normal((shape[0], 1))
        + pictures * rng.standard_normal((1, shape[1]))
        + rest * rng.standard_normal(shape)
    )


@pytest.mark.parametrize("shape", [(3, 100), (5, 40)])
@pytest.mark.parametrize("spreads", [(0.03, 0.3, 0.4), (0.05, 0.0, 0.4), (0.02, 0.1, 0.4)])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(spreads, shape):
    rng = np.random.default_rng(3)
    drawn = (table(rng, *spreads, shape) for _ in range(REPETITIONS))
    found = [crossed_difference(each, np.zeros(shape)) for each in drawn]
    covered = np.mean([each.low <= 0 <= each.high for each in found])
    assert 0.92 <= covered <= 0.98


WORST = [  # spreads of trainings, pictures and the rest: few trainings often agree by luck
    ((0.3, 1.6, 0.4), 0.95),
    ((0.03, 0.04, 0.4), 0.975),
    ((0.1, 0.0, 0.4), 0.975),
    ((0.0, 0.3, 0.4), 0.95),
]


@pytest.mark.slow
@pytest.mark.parametrize("num_pictures", [100, 500])
@pytest.mark.parametrize(("spreads", "confidence"), WORST)
def test_three_trainings_that_agree_by_luck_do_not_make_the_interval_too_narrow(
    spreads, confidence, num_pictures
):
    rng, none = np.random.default_rng(8), np.zeros((3, num_pictures))
    drawn = (table(rng, *spreads, none.shape) for _ in range(4000))
    found = [crossed_difference(each, none, confidence) for each in drawn]
    assert np.mean([each.low <= 0 <= each.high for each in found]) >= confidence - 0.01


def test_trainings_that_differ_are_no_proof_however_many_pictures_there_are():
    rng = np.random.default_rng(4)
    drawn = [table(rng, 1.0, 0.0, 0.1, (3, 1000)) for _ in range(500)]
    decided = [crossed_difference(each, np.zeros(each.shape)).is_decided for each in drawn]
    assert np.mean(decided) < 0.08
    pooled = [ttest_1samp(each.ravel(), 0).pvalue < 0.05 for each in drawn]
    assert np.mean(pooled) > 0.9, "what counting 3,000 pictures as 3,000 proofs would claim"


def test_with_trainings_alone_it_is_students_interval():
    rng = np.random.default_rng(5)
    values = np.repeat(rng.standard_normal((4, 1)), 50, axis=1)
    found = crossed_difference(values, np.zeros(values.shape), 0.9)
    expected = ttest_1samp(values[:, 0], 0).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_mean_squares_add_up_to_the_whole_variation():
    values = np.random.default_rng(6).standard_normal((3, 7))
    found = mean_squares(values)
    total = 2 * found.trainings + 6 * found.pictures + 12 * found.rest
    assert total == pytest.approx(((values - values.mean()) ** 2).sum())


def test_exchanging_the_sides_turns_the_sign():
    rng = np.random.default_rng(7)
    one, other = rng.random((3, 20)) < 0.7, rng.random((3, 20)) < 0.4
    found, turned = crossed_difference(one, other), crossed_difference(other, one)
    assert (found.mean, found.low) == pytest.approx((-turned.mean, -turned.high))
    assert found.num_pairs == 20


def test_pictures_that_all_agree_are_no_proof():
    values = np.zeros((3, 30), dtype=bool)
    found = crossed_difference(values, values)
    assert found.high == -found.low == pytest.approx(1 - 0.05 ** (1 / 30))


def test_equal_trainings_have_no_difference():
    values = np.ones((3, 5))
    found = crossed_difference(values, values)
    assert (found.mean, found.low, found.high, found.effect_size) == (0, 0, 0, None)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (5,)])
def test_what_is_no_table_is_an_error(shape):
    with pytest.raises(ValueError, match="no table"):
        crossed_difference(np.zeros(shape), np.zeros(shape))
