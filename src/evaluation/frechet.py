"""Fréchet distance between two sets of pictures, computed by clean-fid from given features.

Dimensions: batch, dim. The distance compares two Gaussians (Heusel et al. 2017, eq. 6), and its
value depends on whose features they are, so the name carries them: FD[glyph-clip]. It falls as
pictures are added, so only numbers of equal sample counts compare.
"""

import contextlib
import io
import warnings
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from src.errors import UserError
from src.evaluation.frechet_interval import fd_infinity, paired_interval, reflected_interval
from src.evaluation.measurement import Measurement

FEW = 2000  # pictures; a distance of fewer is mostly the bias of their number


class TooFewPictures(UserWarning):
    """Fewer pictures than feature dimensions: the covariance is not known in every direction."""


def refuse_too_few(num_pictures: int, dim: int, features_name: str, where: str) -> None:
    """Raise UserError where a covariance of `dim` features would be singular."""
    if num_pictures <= dim:
        raise UserError(
            f"There are {num_pictures} pictures {where}, and a Fréchet distance in the {dim} "
            f"dimensions of {features_name} needs more than {dim}: give more, or no pictures to "
            "compare with."
        )


def frechet_distance(
    features: Float[np.ndarray, "batch dim"],
    reference: Float[np.ndarray, "others dim"],
    features_name: str,
    subject: str = "generated pictures",
    rng: np.random.Generator | None = None,
    confidence: float = 0.95,
    is_paired: bool = False,
) -> Measurement:
    """The distance of `features` from `reference`; 0 for two identical sets, never an FID.

    rng: draws the interval's resamples; None = no interval. The interval is around the distance
        that endless pictures would have, see frechet_interval.py.
    is_paired: each picture was made of the one of `reference` at its place.

    Raises:
        UserError: fewer than two pictures on a side, features that are not finite, or a clean-fid
            that this installation cannot run.
    """
    num_samples, num_reference = len(features), len(reference)
    if min(num_samples, num_reference) < 2:
        raise UserError(
            f"A Fréchet distance needs at least 2 pictures on each side; got {num_samples} "
            f"and {num_reference}."
        )
    if not (np.isfinite(features).all() and np.isfinite(reference).all()):
        raise UserError(f"The features of {features_name} are not finite: its weights are damaged.")
    dim = features.shape[1]
    fewer = min(num_samples, num_reference) < FEW
    note = f"fewer than {FEW:,} pictures: compare only equal numbers of them" if fewer else ""
    is_deficient = min(num_samples, num_reference) <= dim
    if is_deficient:
        note = f"rank deficient: {num_samples} and {num_reference} pictures, {dim} dimensions"
        warnings.warn(
            f"FD[{features_name}] from {num_samples} pictures against {num_reference} real ones "
            f"is rank deficient: the features have {dim} dimensions, and both sides need more "
            "pictures than that. Read it as a rough guide, not as a result.",
            TooFewPictures,
            stacklevel=2,
        )
    value = _distance(features, reference)
    interval = None
    if rng is not None and not is_deficient:
        interval_of = paired_interval if is_paired else reflected_interval
        interval = interval_of(features, reference, value, rng, confidence)
    return Measurement(
        name=f"FD[{features_name}]",
        value=value,
        low=interval and interval.low,
        high=interval and interval.high,
        bias=interval and interval.bias,
        num_samples=num_samples,
        num_reference=num_reference,
        subject=subject,
        is_higher_better=False,
        note=note,
    )


def fd_at_endless(
    features: Float[np.ndarray, "batch dim"],
    reference: Float[np.ndarray, "others dim"],
    features_name: str,
    subject: str = "generated pictures",
    rng: np.random.Generator | None = None,
    confidence: float = 0.95,
) -> Measurement:
    """The distance at endless pictures, extrapolated: see `fd_infinity`, whose errors it raises."""
    rng = np.random.default_rng(0) if rng is None else rng
    found = fd_infinity(features, reference, rng, confidence)
    return Measurement(
        name=f"FD at endless pictures[{features_name}]",
        value=found.value,
        num_samples=len(features),
        num_reference=len(reference),
        low=found.low,
        high=found.high,
        subject=subject,
        is_higher_better=False,
    )


def _distance(features: np.ndarray, reference: np.ndarray) -> float:
    fid_from_feats = _clean_fid()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # clean-fid calls scipy's sqrtm with an argument that scipy has deprecated, and prints a
        # line where the covariance is singular; TooFewPictures says that in words
        warnings.simplefilter("ignore")
        try:
            # float64, because clean-fid averages in the precision it is given
            distance = fid_from_feats(features.astype(np.float64), reference.astype(np.float64))
        except TypeError as error:
            raise UserError(
                "clean-fid cannot run with this SciPy (it needs scipy<1.18): install the versions "
                "pinned in requirements.txt."
            ) from error
        except ValueError as error:
            raise UserError(
                f"clean-fid found no Fréchet distance between {len(features)} and "
                f"{len(reference)} pictures ({error}): give it more pictures."
            ) from error
    return max(0.0, float(distance))  # rounding leaves -1e-12 for equal sets


def _clean_fid() -> Callable[[np.ndarray, np.ndarray], float]:
    """clean-fid's entry for features. Imported here: it loads torchvision, which may not fit."""
    try:
        from cleanfid.fid import fid_from_feats
    except (ImportError, RuntimeError, AttributeError) as error:
        raise UserError(
            f"clean-fid cannot be loaded ({error}): install torch, torchvision and scipy in the "
            "versions pinned in requirements.txt."
        ) from error
    return fid_from_feats
