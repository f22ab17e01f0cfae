"""Precision and recall of a set of pictures, by torch-fidelity: how real, and how varied.

Dimensions: batch, others, dim.
"""

import numpy as np
import torch
from jaxtyping import Float

from src.errors import UserError
from src.evaluation.intervals import wilson_interval
from src.evaluation.measurement import Measurement

NEIGHBOURS = 3
AT_ONCE = 2000  # rows of the table of distances


def precision_recall(
    features: Float[np.ndarray, "batch dim"],
    reference: Float[np.ndarray, "others dim"],
    features_name: str,
    subject: str = "generated pictures",
    confidence: float = 0.95,
) -> list[Measurement]:
    """Two shares: generated pictures among real ones, and real pictures among generated ones.

    A picture is among a set where it lies as near to one of it as that one's third neighbour does.
    Both depend on how many pictures there are; compare equal numbers. The intervals are those of
    shares, with the balls held as they are. (Kynkaanniemi et al. 2019.)

    Raises:
        UserError: too few pictures for three neighbours.
    """
    from torch_fidelity.metric_prc import prc_features_to_metric

    counts = len(features), len(reference)
    if min(counts) <= NEIGHBOURS:
        raise UserError(
            f"Precision and recall need more than {NEIGHBOURS} pictures on each side; got "
            f"{counts[0]} and {counts[1]}."
        )
    sets = [torch.from_numpy(each.astype(np.float64)) for each in (features, reference)]
    found = prc_features_to_metric(
        *sets,
        prc_neighborhood=NEIGHBOURS,
        prc_batch_size=AT_ONCE,
        save_cpu_ram=True,
        verbose=False,
    )
    measured = []
    for name, total in zip(("precision", "recall"), counts, strict=True):
        share = float(found[name])
        low, high = wilson_interval(round(share * total), total, confidence)
        measured.append(
            Measurement(
                name=f"{name}[{features_name}]",
                value=share,
                num_samples=counts[0],
                num_reference=counts[1],
                low=low,
                high=high,
                subject=subject,
                is_share=True,
                note=f"{NEIGHBOURS} neighbours",
            )
        )
    return measured
