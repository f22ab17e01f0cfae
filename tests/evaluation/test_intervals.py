"""Intervals around shares and means."""

import numpy as np
import pytest

from src.evaluation.intervals import bootstrap_interval, wilson_interval


@pytest.mark.parametrize(
    ("num_successes", "num_trials", "low", "high"),
    [  # worked by hand from the formula, z = 1.959964
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_wilson_interval_has_the_published_numbers(num_successes, num_trials, low, high):
    assert wilson_interval(num_successes, num_trials) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_narrows_with_trials_and_widens_with_confidence():
    few, many = wilson_interval(9, 10), wilson_interval(900, 1000)
    assert many[1] - many[0] < few[1] - few[0]
    sure = wilson_interval(9, 10, confidence=0.99)
    assert sure[0] < few[0]
    assert few[1] < sure[1]


@pytest.mark.parametrize(("num_successes", "num_trials"), [(0, 0), (3, 2), (-1, 2)])
def test_wilson_interval_refuses_what_is_no_share(num_successes, num_trials):
    with pytest.raises(ValueError, match="is not a share"):
        wilson_interval(num_successes, num_trials)


def test_bootstrap_interval_covers_the_true_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        low, high = bootstrap_interval(rng.normal(3, 1, 100), rng, confidence=0.9)
        hits += low < 3 < high
    assert hits / 100 == pytest.approx(0.9, abs=0.06)


def test_bootstrap_interval_depends_on_the_generator_alone():
    values = np.sqrt(np.arange(10.0))
    first, again = (bootstrap_interval(values, np.random.default_rng(7)) for _ in range(2))
    assert first == again != bootstrap_interval(values, np.random.default_rng(8))
