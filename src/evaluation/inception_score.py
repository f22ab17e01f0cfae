"""The Inception score, by torch-fidelity: sure of each picture, and unlike from picture to picture.

Dimensions: batch, classes.
"""

import numpy as np
import torch
from jaxtyping import Float
from scipy import stats

from src.errors import UserError
from src.evaluation.measurement import Measurement

SPLITS = 10
SHUFFLED_BY = 2020  # torch-fidelity's own seed: which picture falls in which split


def inception_score(
    logits: Float[np.ndarray, "batch classes"],
    features_name: str,
    subject: str = "generated pictures",
    confidence: float = 0.95,
) -> Measurement:
    """exp of the mean divergence of each picture's classes from their mean; 1 = all alike.

    The mean over ten shuffled splits, as the authors have it from torch-fidelity; the interval is
    that of a mean of ten. It knows no real pictures, and grows with the size of a split.
    (Salimans et al. 2016.)

    Raises:
        UserError: fewer pictures than splits.
    """
    from torch_fidelity.metric_isc import isc_features_to_metric

    if len(logits) < SPLITS:
        raise UserError(
            f"An Inception score parts the pictures into {SPLITS}; {len(logits)} are too few."
        )
    found = isc_features_to_metric(
        torch.from_numpy(logits), splits=SPLITS, shuffle=True, rng_seed=SHUFFLED_BY
    )
    value = float(found["inception_score_mean"])
    spread = float(found["inception_score_std"]) * (SPLITS / (SPLITS - 1)) ** 0.5
    reach = float(stats.t.ppf(0.5 + confidence / 2, SPLITS - 1)) * spread / SPLITS**0.5
    return Measurement(
        name=f"Inception score[{features_name}]",
        value=value,
        num_samples=len(logits),
        low=max(1.0, value - reach),
        high=value + reach,
        subject=subject,
        note=f"{SPLITS} splits, standard deviation {found['inception_score_std']:.3g}",
    )
