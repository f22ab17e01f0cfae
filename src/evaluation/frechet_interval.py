"""How sure a Fréchet distance is, and what it would be with endless pictures.

A distance from few pictures is too large, by about as much again as its resamples are larger than
it: a percentile interval of the resamples lies above the truth (83 % of them cover it at 40
pictures of 4 features, where 95 % should). Two ways out, both here: the reflected bootstrap, and
extrapolation over the number of pictures. The reference is taken as it is, not as a sample.

Dimensions: samples, dim, resamples.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

from src.errors import UserError

NUM_RESAMPLES = 100  # of up to MANY features; tails are a t distribution's, so that so few will do
FEW_RESAMPLES = 30  # above: an eigenvalue problem of 2048 features takes seconds
MANY = 512
NUM_SIZES = 5  # of subsets, from the smallest to all pictures
SMALLEST_PART = 5  # of all pictures, where a fifth still knows its covariance
GROUPS, FEW_GROUPS = 20, 10  # left out in turn, for the spread; few above MANY features


class TooFewForALineError(UserError):
    """Too few pictures to part them into subsets that know their covariance."""


class Moments(NamedTuple):
    """What a Fréchet distance knows of a set, in float64."""

    mean: Float[np.ndarray, " dim"]
    covariance: Float[np.ndarray, "dim dim"]  # divided by samples - 1


class DistanceInterval(NamedTuple):
    """An interval around a distance, and the bias that was taken off."""

    low: float
    high: float
    bias: float  # how much too large the plain distance is, by estimate


class Extrapolated(NamedTuple):
    """A distance at endless pictures."""

    value: float
    low: float
    high: float
    slope: float  # pictures times distance: what each picture fewer adds


def moments(
    features: Float[np.ndarray, "samples dim"], weights: Float[np.ndarray, " samples"] | None = None
) -> Moments:
    """Mean and covariance; weights say how often each picture counts."""
    features = features.astype(np.float64)
    weights = np.ones(len(features)) if weights is None else weights
    total = weights.sum()
    mean = weights @ features / total
    centred = features - mean
    return Moments(mean, (centred * weights[:, None]).T @ centred / (total - 1))


def distance(moments: Moments, reference: Moments) -> float:
    """|m - r|^2 + tr(C + R - 2 (R^(1/2) C R^(1/2))^(1/2)); Heusel et al. 2017, eq. 6."""
    return _distance(moments, reference, _root(reference.covariance))


def reflected_interval(
    features: Float[np.ndarray, "samples dim"],
    reference: Float[np.ndarray, "others dim"],
    value: float,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> DistanceInterval:
    """The reflected bootstrap around `value`, the distance of `features` from `reference`.

    Resamples lie as far above the value as it lies above the truth, so the interval is centred on
    2 value - their mean. Its tails are those of a t distribution with their spread: percentiles of
    so skewed resamples covered less (92.5 % at 40 pictures). tests/evaluation/
    test_intervals_cover.py counts how often it holds.
    """
    num_samples, dim = features.shape
    num_resamples = NUM_RESAMPLES if dim <= MANY else FEW_RESAMPLES
    fixed = moments(reference)
    root = _root(fixed.covariance)
    counts = rng.multinomial(num_samples, np.full(num_samples, 1 / num_samples), num_resamples)
    resampled = [
        _distance(moments(features, each.astype(np.float64)), fixed, root) for each in counts
    ]
    return _reflected(resampled, value, confidence)


def paired_interval(
    features: Float[np.ndarray, "samples dim"],
    before: Float[np.ndarray, "samples dim"],
    value: float,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> DistanceInterval:
    """The reflected bootstrap where each picture of `features` was made of one of `before`.

    Both stay together in every resample: what other pictures would give that went the same way.
    """
    num_samples, dim = features.shape
    num_resamples = NUM_RESAMPLES if dim <= MANY else FEW_RESAMPLES
    counts = rng.multinomial(num_samples, np.full(num_samples, 1 / num_samples), num_resamples)
    weights = counts.astype(np.float64)
    resampled = [distance(moments(features, each), moments(before, each)) for each in weights]
    return _reflected(resampled, value, confidence)


def _reflected(resampled: list[float], value: float, confidence: float) -> DistanceInterval:
    bias = float(np.mean(resampled) - value)
    tail = stats.t.ppf(0.5 + confidence / 2, len(resampled) - 1)
    reach = float(tail * np.std(resampled, ddof=1))
    center = value - bias
    return DistanceInterval(max(0.0, center - reach), max(0.0, center + reach), bias)


def fd_infinity(
    features: Float[np.ndarray, "samples dim"],
    reference: Float[np.ndarray, "others dim"],
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> Extrapolated:
    """The distance at endless pictures: a straight line in 1 / pictures, met at 0.

    Subsets of five sizes are drawn, from a fifth of the pictures (or twice the features, if that is
    more) to all of them, and their mean distances lie on the line (Chong and Forsyth 2020,
    FID-infinity; they draw one of each size, here as many as it takes to see every picture).
    The interval is the jackknife's over 20 groups of pictures.

    Raises:
        TooFewForALineError: half of the pictures are fewer than twice the features.
    """
    num_samples, dim = features.shape
    num_groups = GROUPS if dim <= MANY else FEW_GROUPS
    if num_samples - -(-num_samples // num_groups) < 4 * dim:
        enough = -(-4 * dim * num_groups // (num_groups - 1)) + 1
        raise TooFewForALineError(
            f"A distance at endless pictures follows subsets down to a half of them, which must be "
            f"twice as many as the {dim:,} features; {num_samples:,} pictures are too few, give "
            f"{enough:,} or more."
        )
    fixed = moments(reference)
    root = _root(fixed.covariance)
    shuffled = features[rng.permutation(num_samples)]
    value, slope = _line(shuffled, fixed, root)
    left_out = [
        # every twentieth, so that subsets lose a twentieth each and are otherwise the same
        _line(np.delete(shuffled, np.s_[group::num_groups], axis=0), fixed, root)[0]
        for group in range(num_groups)
    ]
    spread = np.sqrt((num_groups - 1) / num_groups * np.sum((left_out - np.mean(left_out)) ** 2))
    reach = stats.t.ppf(0.5 + confidence / 2, num_groups - 1) * spread
    return Extrapolated(value, value - float(reach), value + float(reach), slope)


def _line(features: np.ndarray, fixed: Moments, root: np.ndarray) -> tuple[float, float]:
    """Where the line of subset distances meets 0, and how it rises."""
    num_samples, dim = features.shape
    smallest = max(num_samples // SMALLEST_PART, 2 * dim)
    sizes = np.linspace(smallest, num_samples, NUM_SIZES).round().astype(int)
    distances = []
    for size in sizes:
        starts = np.linspace(0, num_samples - size, -(-num_samples // size)).round().astype(int)
        subsets = [moments(features[start : start + size]) for start in starts]
        distances.append(np.mean([_distance(each, fixed, root) for each in subsets]))
    slope, meets = np.polyfit(1 / sizes, distances, 1)
    return float(meets), float(slope)


def _root(covariance: Float[np.ndarray, "dim dim"]) -> Float[np.ndarray, "dim dim"]:
    """The symmetric square root."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


def _distance(moments: Moments, fixed: Moments, root: Float[np.ndarray, "dim dim"]) -> float:
    """The distance, given the root of the reference's covariance."""
    between = np.clip(np.linalg.eigvalsh(root @ moments.covariance @ root), 0, None)
    gap = moments.mean - fixed.mean
    traces = np.trace(moments.covariance) + np.trace(fixed.covariance)
    return float(max(0.0, gap @ gap + traces - 2 * np.sqrt(between).sum()))
