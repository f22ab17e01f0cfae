"""An interval of 95 % holds the truth in 93 to 97 % of 2,000 repetitions, at three sample sizes."""

import numpy as np
import pytest
from scipy import stats

from src.evaluation.frechet_interval import distance, moments, reflected_interval
from src.evaluation.intervals import bootstrap_interval, wilson_interval
from tests.evaluation.test_frechet_interval import drawn, population

REPETITIONS = 2000


def covered(interval_of, truth: float, repetitions: int) -> float:
    hits = 0
    for seed in range(repetitions):
        low, high = interval_of(seed)
        hits += low <= truth <= high
    return hits / repetitions


@pytest.mark.slow
@pytest.mark.parametrize("num_samples", [40, 100, 400])
def test_the_interval_of_a_frechet_distance_covers_it(num_samples):
    known, corners = population(4)
    truth = distance(known, moments(corners))

    def interval(seed: int) -> tuple[float, float]:
        points = drawn(num_samples, 4, seed)
        value = distance(moments(points), moments(corners))
        return reflected_interval(points, corners, value, np.random.default_rng(seed + 10**6))[:2]

    assert 0.93 <= covered(interval, truth, REPETITIONS) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("num_samples", [40, 80, 160])
def test_the_interval_of_a_mean_covers_it(num_samples):
    """Skewed like CLIP scores of a mixed set: a gamma distribution of mean 2."""

    def interval(seed: int) -> tuple[float, float]:
        rng = np.random.default_rng(seed)
        return bootstrap_interval(rng.gamma(4.0, 0.5, size=num_samples), rng)

    assert 0.93 <= covered(interval, 2.0, REPETITIONS) <= 0.97


@pytest.mark.parametrize("num_samples", [40, 100, 400])
def test_the_interval_of_a_share_covers_it(num_samples):
    """Counts jump, so coverage differs from share to share; on the mean over shares, exactly."""
    counts = np.arange(num_samples + 1)
    ends = np.array([wilson_interval(int(count), num_samples) for count in counts])
    covers = []
    for share in np.linspace(0.05, 0.95, 181):
        holds = (ends[:, 0] <= share) & (share <= ends[:, 1])
        covers.append(stats.binom.pmf(counts, num_samples, share)[holds].sum())
    assert 0.93 <= np.mean(covers) <= 0.97


def test_a_percentile_interval_of_a_frechet_distance_does_not_cover():
    """Why the reflected bootstrap is there: they lie above the value, as it above the truth."""
    known, corners = population(4)
    fixed, truth = moments(corners), distance(known, moments(corners))

    def interval(seed: int) -> tuple[float, float]:
        points, rng = drawn(40, 4, seed), np.random.default_rng(seed + 10**6)
        resampled = [distance(moments(points[rng.integers(0, 40, 40)]), fixed) for _ in range(100)]
        low, high = np.quantile(resampled, [0.025, 0.975])
        return float(low), float(high)

    assert covered(interval, truth, 300) < 0.9
