"""KID's interval holds the truth, whether the pictures are as many on both sides or not."""

import numpy as np
import pytest

from src.evaluation import kernel_distances, kernel_spread
from src.evaluation.kernel_distances import kid
from src.evaluation.kernel_spread import kid_kernel, kid_spread

DIM = 6


def cloud(num: int, seed: int, shift: float = 0.0, spread: float = 1.0) -> np.ndarray:
    return shift + spread * np.random.default_rng(seed).normal(size=(num, DIM))


def mean_kernel(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Of two normal clouds, each of a mean and a deviation: from the moments of x . y."""
    (a, s), (b, t) = first, second
    mean, square = a * b, (a**2 + s**2) * (b**2 + t**2)
    cube = (a**3 + 3 * a * s**2) * (b**3 + 3 * b * t**2)
    variance, third = DIM * (square - mean**2), DIM * (cube - 3 * mean * square + 2 * mean**3)
    mean = DIM * mean
    square, cube = variance + mean**2, third + 3 * variance * mean + mean**3
    return 1 + 3 * mean / DIM + 3 * square / DIM**2 + cube / DIM**3


def truth(shift: float, spread: float) -> float:
    ours, theirs = (shift, spread), (0.0, 1.0)
    return 1000 * (
        mean_kernel(ours, ours) + mean_kernel(theirs, theirs) - 2 * mean_kernel(ours, theirs)
    )


def covered(num: int, others: int, repetitions: int, shift: float, spread: float) -> float:
    expected, hits = truth(shift, spread), 0
    for seed in range(repetitions):
        ours, theirs = cloud(num, 2 * seed, shift, spread), cloud(others, 2 * seed + 1)
        found = kid(ours, theirs, "toy", np.random.default_rng(seed))
        hits += found.low <= expected <= found.high
    return hits / repetitions


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num", "others", "repetitions"),
    [(40, 40, 2000), (150, 150, 2000), (100, 300, 400), (1000, 1000, 100)],
)
@pytest.mark.parametrize(("shift", "spread"), [(0.0, 1.0), (0.15, 1.0), (0.5, 1.2)])
def test_the_interval_holds_the_truth(num, others, repetitions, shift, spread, monkeypatch):
    """The second gap is hard to tell from none, the last is wide."""
    monkeypatch.setattr(kernel_distances, "SUBSETS", 1 if num == others else 20)
    share = covered(num, others, repetitions, shift, spread)
    chance = 2 * (0.05 * 0.95 / repetitions) ** 0.5
    assert share >= 0.92 - chance
    assert share <= (0.98 + chance if shift else 1.0)  # of one set: too wide, see kernel_spread.py


@pytest.mark.parametrize(("num", "others"), [(60, 60), (60, 30), (72, 72), (120, 70)])
def test_the_interval_holds_the_truth_whatever_the_subsets(num, others, monkeypatch):
    """As many pictures as a subset takes, fewer, a few more, and many more."""
    monkeypatch.setattr(kernel_distances, "SUBSET_SIZE", 60)
    monkeypatch.setattr(kernel_distances, "SUBSETS", 20)
    assert 0.89 <= covered(num, others, 150, 0.3, 1.1) <= 0.99


def test_the_spread_is_that_of_the_distances_of_many_sets():
    found = [
        (kid_spread(cloud(200, seed, 0.4), cloud(120, 10**6 + seed)), seed) for seed in range(60)
    ]
    values = []
    for _, seed in found:
        ours, theirs = cloud(200, seed, 0.4), cloud(120, 10**6 + seed)
        within = sum(
            (kid_kernel(each, each).sum() - np.trace(kid_kernel(each, each)))
            / (len(each) * (len(each) - 1))
            for each in (ours, theirs)
        )
        values.append(within - 2 * kid_kernel(ours, theirs).mean())
    assert np.mean([spread for spread, _ in found]) == pytest.approx(np.std(values), rel=0.25)


def test_the_spread_is_the_same_in_parts(monkeypatch):
    ours, theirs = cloud(50, 1, 0.4), cloud(31, 2)
    whole = kid_spread(ours, theirs)
    monkeypatch.setattr(kernel_spread, "AT_ONCE", 7)
    assert kid_spread(ours, theirs) == pytest.approx(whole, rel=1e-9)
