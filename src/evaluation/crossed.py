"""Two settings compared over trainings and pictures at once: every training draws every prompt.

Both are samples: of the seeds that a training may have, and of the prompts that may be asked. The
interval of the mean difference covers both (crossed random effects; Satterthwaite 1946, Biometrics
Bulletin 2:110, whose degrees of freedom a few trainings keep low). Dimensions: trainings, pictures.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.stats import t

from src.evaluation.paired import PairedDifference, effect_size, open_side


class MeanSquares(NamedTuple):
    """Of a two-way table without repetitions, as in an analysis of variance."""

    trainings: float
    pictures: float
    rest: float


def crossed_difference(
    values: np.ndarray, baseline: np.ndarray, confidence: float = 0.95
) -> PairedDifference:
    """Mean difference, with an interval for other trainings and other prompts than these.

    values, baseline: [trainings, pictures] numbers, or yes and no (bool); training i of both has
        one seed, picture j of all has one prompt and seed.

    Where trainings differ much, their number decides: three leave two degrees of freedom. Simulated
    intervals at 95 % cover 93 to 97 %, for three and five trainings, whatever varies most.

    Raises:
        ValueError: tables of different shapes, or fewer than two trainings or pictures.
    """
    if values.shape != baseline.shape or values.ndim != 2 or min(values.shape) < 2:
        raise ValueError(
            f"{values.shape} and {baseline.shape} make no table of trainings and pictures; two of "
            "each at least are needed"
        )
    differences = values.astype(np.float64) - baseline.astype(np.float64)
    mean = float(differences.mean())
    variance, freedom = _variance_of_mean(mean_squares(differences), *differences.shape)
    half = float(t.ppf((1 + confidence) / 2, freedom)) * variance**0.5 if variance else 0.0
    if values.dtype == bool and np.ptp(differences) == 0:  # as so many agreeing pictures leave open
        half = open_side(differences.shape[1], confidence)
    return PairedDifference(
        mean,
        mean - half,
        mean + half,
        confidence,
        differences.shape[1],
        effect_size(differences.mean(axis=0)),
    )


def mean_squares(table: Float[np.ndarray, "trainings pictures"]) -> MeanSquares:
    """What varies between the trainings, between the pictures, and in neither way."""
    num_trainings, num_pictures = table.shape
    of_trainings, of_pictures = table.mean(axis=1), table.mean(axis=0)
    rest = table - of_trainings[:, None] - of_pictures + table.mean()
    return MeanSquares(
        num_pictures * float(of_trainings.var(ddof=1)),
        num_trainings * float(of_pictures.var(ddof=1)),
        float((rest**2).sum()) / ((num_trainings - 1) * (num_pictures - 1)),
    )


def _variance_of_mean(
    found: MeanSquares, num_trainings: int, num_pictures: int
) -> tuple[float, float]:
    """The variance of the table's mean and its degrees of freedom.

    (trainings + pictures - rest) / size has the right expectation; where the estimate falls below
    one of its parts, that part stands, with its own degrees.
    """
    size = num_trainings * num_pictures
    few, many = num_trainings - 1, num_pictures - 1
    together = found.trainings + found.pictures - found.rest
    largest, its_freedom = max((found.trainings, few), (found.pictures, many))
    if together <= largest:
        return largest / size, float(its_freedom)
    spread = found.trainings**2 / few + found.pictures**2 / many + found.rest**2 / (few * many)
    return together / size, together**2 / spread
