"""Micro-conditioning: the five numbers a picture is described by besides its caption."""

import math
from typing import Any, NamedTuple

from src.errors import UserError

LARGEST = 2**24  # beyond any picture; whole numbers up to here are exact in float32


class MicroCond(NamedTuple):
    """Original size, crop corner and quality of one picture, in aMUSEd's order.

    The order is upstream's: width before height, but top before left (report section 3;
    `peers` of this model family mix the two up, hence names instead of a bare 5-vector).
    """

    original_width: float  # pixels, before resizing
    original_height: float  # pixels, before resizing
    crop_top: float  # pixels cut off above, after resizing
    crop_left: float  # pixels cut off on the left, after resizing
    aesthetic_score: float  # 6 = what aMUSEd asks for when it draws

    @classmethod
    def default(cls, width: int, height: int) -> "MicroCond":
        """What sampling asks for: the whole picture at its own size, with score 6."""
        return cls(width, height, 0, 0, 6.0)


def check_micro_cond(name: str, value: Any) -> None:
    """Raise UserError unless `value` can be the micro-condition of that name."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    low = -LARGEST if name == "aesthetic_score" else 0
    if not is_number or not math.isfinite(value) or not low <= value <= LARGEST:
        raise UserError(
            f"micro_cond.{name}={value!r} is impossible; give a number from {low:,} to {LARGEST:,}."
        )
