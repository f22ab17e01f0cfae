"""How a cost grows: the slope of its logarithm over that of what is varied, with an interval.

A slope of 1 is in proportion; below it, each further one is cheaper than those before on average.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from src.evaluation.measurement import Measurement

RESAMPLES = 2000
NOISE = 0.02  # slopes above 1 by less than this are within what a busy machine adds


class Growth(NamedTuple):
    """One thing varied, all else held."""

    factor: str  # "pictures at once"
    seconds: Mapping[int, Float[np.ndarray, "rounds"]]  # by value of the factor
    floors: Mapping[int, float]  # seconds at least
    about: str  # what was held, in words


def slope(growth: Growth) -> Measurement:
    """Of the straight line through the medians, least squares on logarithms; rounds resampled."""
    places = np.log(list(growth.seconds))
    rounds = np.stack(list(growth.seconds.values()))  # (values, rounds)
    rng = np.random.default_rng(0)
    drawn = rng.integers(rounds.shape[1], size=(RESAMPLES, rounds.shape[1]))
    medians = np.median(rounds[:, drawn], axis=2)  # (values, resamples)
    found = np.polyfit(places, np.log(medians), 1)[0]
    low, high = np.quantile(found, [0.025, 0.975])
    values = list(growth.seconds)
    return Measurement(
        "slope on logarithms",
        float(np.polyfit(places, np.log(np.median(rounds, axis=1)), 1)[0]),
        rounds.shape[1],
        float(low),
        float(high),
        subject=growth.factor,
        is_higher_better=False,
        note=f"from {min(values)} to {max(values)}; {growth.about}; samples are rounds",
    )


def in_words(found: Measurement) -> str:
    """The slope, and whether the cost is no worse than in proportion."""
    number = f"{found.subject}: slope {found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
    if found.high <= 1 + NOISE:
        return f"{number}, no worse than linear"
    if found.low > 1 + NOISE:
        return f"{number}, worse than linear"
    return f"{number}, undecided whether worse than linear"
