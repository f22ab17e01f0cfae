"""How much an edit keeps of what it was not asked to touch: the pixels outside the painted area.

Dimensions: height, width; rows and columns are a mask's, which must be the picture's; channels are
3 (RGB) or 4 (RGBA: opacity counts as a colour does, and so do colours that it hides).
"""

import math

import numpy as np
from jaxtyping import Bool, UInt8

from src.errors import UserError
from src.evaluation.painted_area import check_edit
from src.evaluation.psnr import SAME


def num_changed_outside(
    edited: UInt8[np.ndarray, "height width channels"],
    real: UInt8[np.ndarray, "real_height real_width real_channels"],
    is_painted: Bool[np.ndarray, "rows columns"],
) -> int:
    """Pixels outside that differ in any channel; 0 = bit for bit the real picture's.

    Raises:
        UserError: sizes that differ, a mask that is not bool, or one that leaves nothing outside.
    """
    _check_outside(edited, real, is_painted)
    return int(((edited != real).any(axis=2) & ~is_painted).sum())


def outside_psnr(
    edited: UInt8[np.ndarray, "height width channels"],
    real: UInt8[np.ndarray, "real_height real_width real_channels"],
    is_painted: Bool[np.ndarray, "rows columns"],
) -> float:
    """How near the outside is to the real picture's, in decibels: from 0 (black for white) to 100.

    100 is written for equal pixels, as `psnr` does; a level in one of a million numbers comes as
    near, and is told from them by `num_changed_outside`.

    Raises:
        UserError: sizes that differ, a mask that is not bool, or one that leaves nothing outside.
    """
    _check_outside(edited, real, is_painted)
    error = (edited[~is_painted].astype(np.float64) - real[~is_painted]) / 255
    return -10 * math.log10(max(SAME, np.square(error).mean()))


def _check_outside(edited: np.ndarray, real: np.ndarray, is_painted: np.ndarray) -> None:
    check_edit(edited, real, is_painted)
    if is_painted.all():
        raise UserError(
            f"is_painted is True for all {is_painted.size:,} pixels: what an edit keeps is "
            "measured outside, so leave some pixels unpainted."
        )
