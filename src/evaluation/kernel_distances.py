"""Distances by kernels, which assume no shape of the features: KID and CMMD.

Both compare how alike pictures are within and across two sets (the maximum mean discrepancy), KID
with a cubic polynomial and without bias, CMMD with a Gaussian on CLIP features and a small, known
bias. Dimensions: batch, others, dim.
"""

from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from scipy import stats

from src.errors import UserError
from src.evaluation.kernel_spread import kid_spread
from src.evaluation.measurement import Measurement

SUBSETS = 100  # of KID, as its authors draw them
SUBSET_SIZE = 1000  # pictures; all of a smaller set
SIGMA, SCALE = 10.0, 1000.0  # of CMMD's reference code
GROUPS = 20  # left out in turn, for CMMD's spread; fewer pictures one by one
AT_ONCE = 2048  # rows of a kernel matrix in memory


def kid(
    features: Float[np.ndarray, "batch dim"],
    reference: Float[np.ndarray, "others dim"],
    features_name: str,
    rng: np.random.Generator,
    subject: str = "generated pictures",
    confidence: float = 0.95,
) -> Measurement:
    """The kernel distance by torch-fidelity, times 1,000: the mean over 100 random subsets.

    Unbiased: two samples of one set lie around 0, and may lie below. The interval is for other
    pictures on both sides (kernel_spread.py) and other subsets of them. (Binkowski et al. 2018.)

    Raises:
        UserError: fewer than 2 pictures on a side.
    """
    from torch_fidelity.metric_kid import kid_features_to_metric

    smaller = min(len(features), len(reference))
    if smaller < 2:
        raise UserError(
            f"A kernel distance needs at least 2 pictures on each side; got {len(features)} and "
            f"{len(reference)}."
        )
    size = min(SUBSET_SIZE, smaller)
    found = kid_features_to_metric(
        torch.from_numpy(features.astype(np.float64)),
        torch.from_numpy(reference.astype(np.float64)),
        kid_subsets=SUBSETS,
        kid_subset_size=size,
        rng_seed=int(rng.integers(2**31)),
        verbose=False,
    )
    value = 1000 * float(found["kernel_inception_distance_mean"])
    # subsets know less than all pictures; those that are all pictures are the same, and know all
    of_subsets = float(found["kernel_inception_distance_std"]) / SUBSETS**0.5
    spread = 1000 * np.hypot(kid_spread(features, reference), of_subsets)
    reach = float(stats.t.ppf(0.5 + confidence / 2, smaller - 1) * spread)
    return Measurement(
        name=f"KID x1000[{features_name}]",
        value=value,
        num_samples=len(features),
        num_reference=len(reference),
        low=value - reach,
        high=value + reach,
        subject=subject,
        is_higher_better=False,
        note=f"{SUBSETS} subsets of {size:,}",
    )


def cmmd(
    features: Float[np.ndarray, "batch dim"],
    reference: Float[np.ndarray, "others dim"],
    clip_name: str,
    subject: str = "generated pictures",
    confidence: float = 0.95,
) -> Measurement:
    """CLIP's maximum mean discrepancy, times 1,000: Gaussian kernel of width 10 on unit features.

    The form with the diagonal, as the authors' code has it: identical sets are at 0 exactly. The
    interval is the jackknife's over 20 groups of pictures. (Jayasumana et al. 2024; their features
    are CLIP-L/14's at 336 pixels, so the name carries whose ours are.)

    Raises:
        UserError: fewer than 2 pictures on a side.
    """
    if min(len(features), len(reference)) < 2:
        raise UserError(
            f"CMMD needs at least 2 pictures on each side; got {len(features)} and "
            f"{len(reference)}."
        )
    ours, theirs = _unit(features), _unit(reference)
    num = min(GROUPS, len(ours))
    ends = [len(ours) * group // num for group in range(num + 1)]
    groups = [slice(*each) for each in pairwise(ends)]
    within = np.array([[_kernel_sum(ours[a], ours[b]) for b in groups] for a in groups])
    across = np.array([_kernel_sum(ours[group], theirs) for group in groups])
    others = _kernel_sum(theirs, theirs) / len(theirs) ** 2
    sizes = np.array([len(ours[group]) for group in groups])

    def discrepancy(kept: Float[np.ndarray, " groups"]) -> float:
        total = kept @ sizes
        own, cross = kept @ within @ kept / total**2, kept @ across / (total * len(theirs))
        return SCALE * float(own + others - 2 * cross)

    value = discrepancy(np.ones(num))
    left_out = [discrepancy(1 - each) for each in np.eye(num)]
    spread = np.sqrt((num - 1) / num * np.sum((left_out - np.mean(left_out)) ** 2))
    reach = float(stats.t.ppf(0.5 + confidence / 2, num - 1) * spread)
    return Measurement(
        name=f"CMMD[{clip_name}]",
        value=value,
        num_samples=len(features),
        num_reference=len(reference),
        low=value - reach,
        high=value + reach,
        subject=subject,
        is_higher_better=False,
    )


def _unit(features: np.ndarray) -> np.ndarray:
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def _kernel_sum(first: np.ndarray, second: np.ndarray) -> float:
    """The sum of exp(-|x - y|^2 / (2 sigma^2)) over all pairs of unit rows."""
    total = 0.0
    for start in range(0, len(first), AT_ONCE):
        alike = first[start : start + AT_ONCE] @ second.T  # |x - y|^2 = 2 - 2 x.y
        total += float(np.exp((alike - 1) / SIGMA**2).sum())
    return total
