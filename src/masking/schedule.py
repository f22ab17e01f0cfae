"""The mask schedule: what share of the image tokens is hidden, given how far along we are.

The same law draws training examples and drives decoding (MaskGIT section 3.3, aMUSEd section 3).
Dimensions: any; the laws work number by number.
"""

import math
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from src.masking.config import check_schedule


def cosine(progress: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Slow at first, when the model knows least; fast at the end."""
    return (progress * (math.pi / 2)).cos()


def linear(progress: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Every step reveals the same number of tokens."""
    return 1 - progress


SCHEDULES: dict[str, Callable[[Tensor], Tensor]] = {"cosine": cosine, "linear": linear}


def mask_ratio(progress: Float[Tensor, "*shape"], schedule: str) -> Float[Tensor, "*shape"]:
    """The hidden share, 1..0, at `progress` 0..1 (0 = all hidden, 1 = done).

    The result keeps progress's precision, and that can decide a count: in float32 cos(pi/3) lies
    just below one half. Raises UserError if `schedule` is unknown.
    """
    check_schedule(schedule)
    return SCHEDULES[schedule](progress)
