"""A slope is found where there is one, and said to be above 1 only where its interval is."""

import numpy as np
import pytest

from src.evaluation.scaling import Growth, in_words, slope


def growth(power: float, noise: float = 0.0, offset: float = 0.0) -> Growth:
    rng = np.random.default_rng(0)
    values = (1, 2, 4, 8, 16)
    seconds = {
        x: (offset + 0.1 * x**power) * np.exp(noise * rng.standard_normal(7)) for x in values
    }
    return Growth("steps", seconds, dict.fromkeys(values, 0.01), "all else held")


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_slope_of_a_power_is_the_power(power):
    found = slope(growth(power))
    assert (found.value, found.low, found.high) == pytest.approx((power,) * 3)
    noisy = slope(growth(power, noise=0.05))
    assert noisy.low < noisy.value < noisy.high
    assert noisy.value == pytest.approx(power, abs=0.1)
    assert noisy.note.startswith("from 1 to 16; all else held")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (growth(1.0), "no worse than linear"),
        (growth(1.0, offset=0.3), "no worse than linear"),
        (growth(1.2), "worse than linear"),
        (growth(1.02, noise=0.3), "undecided"),
    ],
)
def test_the_words_follow_from_the_interval(made, said):
    words = in_words(slope(made))
    assert words.startswith("steps: slope ")
    assert f", {said}" in words
