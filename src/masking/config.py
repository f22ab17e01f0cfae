"""Settings of the training-time corruption: how many image tokens are hidden, and in which shape.

Imports no torch, so that composing a configuration stays quick.
"""

import math
from dataclasses import dataclass

from src.errors import UserError, nearest, shown
from src.limits import one_of

COUNTS = ("exact", "coin")
KNOWN_SCHEDULES = ("cosine", "linear")  # the laws of masking/schedule.py


@dataclass
class MaskingConfig:
    """What `draw_corruption` follows; the defaults are aMUSEd's 256-pixel training."""

    schedule: str = "cosine"  # one of KNOWN_SCHEDULES
    min_mask_ratio: float = 0.0  # 0..1, floor under the hidden share; 0 = no floor
    rectangle_prob: float = 0.0  # 0..1, pictures that lose one rectangle; 0.15 at 512 pixels
    count: str = "exact"  # one of COUNTS: the share's number of tokens, or a coin for each token
    random_prob: float = 0.0  # 0..1, hidden tokens that a random code stands for, not the mask


def check_schedule(schedule: object) -> None:
    """Refuse an unknown schedule, naming the nearest known one; raises UserError."""
    if schedule not in KNOWN_SCHEDULES:
        raise UserError(
            f"schedule={shown(schedule)} is unknown; {nearest(str(schedule), KNOWN_SCHEDULES)}"
        )


def check_masking(config: MaskingConfig) -> None:
    """Refuse settings that no corruption can follow; raises UserError."""
    check_schedule(config.schedule)
    one_of("masking.count", config.count, COUNTS)
    for name in ("min_mask_ratio", "rectangle_prob", "random_prob"):
        value = getattr(config, name)
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise UserError(f"masking.{name}={value} is impossible; give a number from 0 to 1.")
