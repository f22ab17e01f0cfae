import math

import pytest
import torch
from scipy.stats import norm

from src.training.health_warnings import contradicts, level_of_look, wrong_dropping
from src.training.running_sums import Moments


def test_all_looks_together_spend_one_false_alarm():
    spent = sum(level_of_look(0.01, look) for look in range(1, 100_001))
    assert 0.00999 < spent < 0.01


@pytest.mark.parametrize(
    ("num", "num_all", "prob", "level", "answer"),
    [
        (0, 0, 0.1, 0.5, False),  # nothing is known
        (0, 10, 0.5, 2 * 0.5**10, False),  # its two tails have exactly this probability
        (0, 10, 0.5, 2.1 * 0.5**10, True),
        (10, 10, 0.5, 2.1 * 0.5**10, True),
        (1, 10**6, 0.0, 1e-12, True),  # the impossible needs one case
        (10**6 - 1, 10**6, 1.0, 1e-12, True),
        (0, 10**6, 0.0, 0.9, False),
        (10**6, 10**6, 1.0, 0.9, False),
    ],
)
def test_a_share_is_judged_by_the_exact_binomial_law(num, num_all, prob, level, answer):
    assert contradicts(num, num_all, prob, level) is answer


def test_a_run_looked_at_often_raises_hardly_more_alarms_than_it_may(rng):
    """300 runs, looked at after every ten rows: at level 5 % for a run, not for a look."""
    draws = torch.rand(300, 300, generator=rng) < 0.1
    alarms = 0
    for run in draws.cumsum(dim=1).tolist():
        looks = range(10, 301, 10)
        alarms += any(
            wrong_dropping(run[rows - 1], rows, 0.1, level_of_look(0.05, look))
            for look, rows in enumerate(looks, start=1)
        )
    assert alarms <= 15 + 3 * math.sqrt(15)


def test_moments_are_those_of_all_values_at_once_and_their_interval_students(rng):
    values = torch.randn(1000, generator=rng) * 3 + 5
    moments = Moments()
    for part in values.split(7):
        moments.update(part)
    assert moments.mean == pytest.approx(values.double().mean().item())
    low, high = moments.interval(0.05)
    spread = norm.isf(0.025) * values.std().item() / math.sqrt(1000)
    assert high - moments.mean == pytest.approx(spread, rel=3e-3)
    assert moments.mean - low == pytest.approx(high - moments.mean)


def test_one_value_says_nothing_and_equal_values_all():
    moments = Moments()
    moments.update(torch.tensor([2.0]))
    assert moments.interval(0.05) == (-math.inf, math.inf)
    moments.update(torch.tensor([2.0, 2.0]))
    assert moments.interval(1e-9) == (2.0, 2.0)
