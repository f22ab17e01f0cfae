"""What edits of scenes come to: shares and means with their intervals."""

from collections.abc import Sequence

import numpy as np

from src.evaluation.intervals import bootstrap_interval, wilson_interval
from src.evaluation.measurement import Measurement


def share_of(name: str, is_right: Sequence[bool], subject: str, note: str = "") -> Measurement:
    """The share of edits of which something holds, with its Wilson interval."""
    low, high = wilson_interval(int(sum(is_right)), len(is_right))
    share = float(np.mean(is_right))
    return Measurement(
        name, share, len(is_right), low, high, subject=subject, is_share=True, note=note
    )


def mean_of(
    name: str,
    values: Sequence[float],
    subject: str,
    note: str = "",
    is_higher_better: bool = False,
) -> Measurement:
    """The mean over edits; its interval resamples them."""
    numbers = np.asarray(values, dtype=np.float64)
    low, high = bootstrap_interval(numbers, np.random.default_rng(0))
    return Measurement(
        name,
        float(numbers.mean()),
        len(numbers),
        low,
        high,
        subject=subject,
        is_higher_better=is_higher_better,
        note=note,
    )


def most_of(name: str, counts: Sequence[int], subject: str, note: str = "") -> Measurement:
    """The largest of what was counted in each edit; no estimate, so without interval."""
    worst = float(max(counts))
    return Measurement(name, worst, len(counts), subject=subject, is_higher_better=False, note=note)
