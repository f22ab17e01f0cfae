"""Two settings compared picture by picture: the same prompts and seeds, drawn under each.

Dimensions: pairs. What a prompt makes easy or hard is the same on both sides and drops out, so
that differences are known much more surely than either side's mean.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

NUM_ROUNDS = 10
NUM_RESAMPLES = 1000 * NUM_ROUNDS  # the ends of a 99.5 % interval lie among 25 of them
FEW_VALUES = 10


class PairedDifference(NamedTuple):
    """How much higher one side's values are than the baseline's, on average."""

    mean: float
    low: float  # of the interval, at `confidence`
    high: float
    confidence: float
    num_pairs: int
    effect_size: float | None  # Cohen's d of the differences; None where all of them are equal
    num_gained: int | None = None  # of yes or no: no for the baseline, yes here
    num_lost: int | None = None

    @property
    def is_higher(self) -> bool:
        return self.low > 0

    @property
    def is_lower(self) -> bool:
        return self.high < 0

    @property
    def is_decided(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.is_higher or self.is_lower


def paired_difference(
    values: np.ndarray,
    baseline: np.ndarray,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> PairedDifference:
    """Mean difference of pairs, with a percentile bootstrap interval over the pairs.

    values, baseline: numbers, or yes and no (bool), of the same prompts and seeds in one order.

    Where no picture's yes or no differs, resampling would claim certainty; the interval is then
    what so many agreeing pairs leave open on either side.

    Raises:
        ValueError: no pairs, or sides of different lengths.
    """
    if len(values) != len(baseline) or len(values) == 0:
        raise ValueError(f"{len(values)} and {len(baseline)} values make no pairs")
    is_yes_or_no = values.dtype == bool
    differences = values.astype(np.float64) - baseline.astype(np.float64)
    low, high = _interval(differences, rng, confidence)
    if is_yes_or_no and np.ptp(differences) == 0:
        mean, half = differences[0], open_side(len(differences), confidence)
        low, high = max(-1.0, mean - half), min(1.0, mean + half)
    return PairedDifference(
        float(differences.mean()),
        float(low),
        float(high),
        confidence,
        len(differences),
        effect_size(differences),
        int((differences > 0).sum()) if is_yes_or_no else None,
        int((differences < 0).sum()) if is_yes_or_no else None,
    )


def open_side(num_pairs: int, confidence: float) -> float:
    """How often a pair may differ of which so many have not: 1 - (1 - confidence)^(1 / pairs)."""
    return 1 - (1 - confidence) ** (1 / num_pairs)


def _interval(
    differences: Float[np.ndarray, " pairs"], rng: np.random.Generator, confidence: float
) -> tuple[float, float]:
    """Percentiles of the means of resampled pairs; how often each value comes is drawn at once."""
    values, counts = np.unique(differences, return_counts=True)
    num_pairs = len(differences)
    if len(values) <= FEW_VALUES:  # yes and no give three
        drawn = rng.multinomial(num_pairs, counts / num_pairs, size=NUM_RESAMPLES)
        means = drawn @ values / num_pairs
    else:
        rounds = (rng.integers(num_pairs, size=(1000, num_pairs)) for _ in range(NUM_ROUNDS))
        means = np.concatenate([differences[drawn].mean(axis=1) for drawn in rounds])
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def effect_size(differences: Float[np.ndarray, " pairs"]) -> float | None:
    """Cohen's d of paired differences: their mean in units of their own spread (Cohen 1988)."""
    spread = float(differences.std(ddof=1)) if len(differences) > 1 else 0.0
    return float(differences.mean()) / spread if spread > 0 else None


def each_of_many(confidence: float, num_comparisons: int) -> float:
    """The confidence of each interval so that all together hold with `confidence` (Bonferroni)."""
    return 1 - (1 - confidence) / max(1, num_comparisons)
