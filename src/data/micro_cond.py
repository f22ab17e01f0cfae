"""Micro-conditioning: the five numbers a picture is described by besides its caption."""

from typing import NamedTuple


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
