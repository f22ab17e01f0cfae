"""How sure a number is: the interval around a share, and around a mean."""

from statistics import NormalDist

import numpy as np
from jaxtyping import Float

NUM_RESAMPLES = 2000


def wilson_interval(
    num_successes: int, num_trials: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval around a share of successes; sensible also at 0 and at all (Wilson 1927, eq. 6).

    Raises:
        ValueError: without trials, or with more successes than trials.
    """
    if num_trials < 1 or not 0 <= num_successes <= num_trials:
        raise ValueError(f"{num_successes} successes in {num_trials} trials is not a share")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = num_successes / num_trials
    center = share + z**2 / (2 * num_trials)
    spread = z * (share * (1 - share) / num_trials + z**2 / (4 * num_trials**2)) ** 0.5
    scale = 1 + z**2 / num_trials
    # rounding must not push 0 of n below 0, nor n of n above 1
    return max(0.0, (center - spread) / scale), min(1.0, (center + spread) / scale)


def bootstrap_interval(
    values: Float[np.ndarray, " samples"], rng: np.random.Generator, confidence: float = 0.95
) -> tuple[float, float]:
    """Percentile interval around the mean of `values`, from resampling them with replacement."""
    counts = rng.multinomial(  # how often each resample holds each value
        len(values), np.full(len(values), 1 / len(values)), size=NUM_RESAMPLES
    )
    means = counts @ values / len(values)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
