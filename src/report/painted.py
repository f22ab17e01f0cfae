"""A picture with its mask over it: what an edit was allowed to repaint, seen at once.

Dimensions: height, width; rows and columns are a mask's, which must be the picture's; tall and wide
after enlarging.
"""

import numpy as np
from jaxtyping import Bool, Float, Integer, UInt8
from numpy.lib.stride_tricks import sliding_window_view

from src.evaluation.painted_area import check_mask

PAINTED = (255, 0, 200)  # magenta, which nothing else in a figure has, nor any scene
LEAST_SIDE = 512  # pixels of the longer side, so that lines are finer than a small picture's pixels
LINES = 96  # thicknesses of a line to the longer side
APART = 9  # thicknesses from one line of the hatching to the next
TINT = 0.18  # opacity of the colour between the lines
CHECKS = (255, 226)  # grey levels of the board under transparent pixels
SQUARES = 16  # of that board, to the longer side


def with_mask(
    picture: UInt8[np.ndarray, "height width channels"],
    is_painted: Bool[np.ndarray, "rows columns"],
) -> UInt8[np.ndarray, "tall wide 3"]:
    """The picture in RGB, painted pixels tinted and hatched in magenta within a thin outline.

    It is enlarged by the smallest whole factor that makes the longer side 512 pixels or more,
    unsmoothed; what is not painted stays as it is. Lines scale with the size, so that a figure may
    shrink it to 120 pixels and lose none of them (but a mask that is itself a line of a large
    picture's pixels). Transparent pixels show a light checkerboard.

    Args:
        picture: RGB or RGBA. is_painted: may be all, or nothing.

    Raises:
        UserError: a mask that is not bool, or of another size than the picture.
    """
    check_mask(is_painted, picture)
    factor = -(-LEAST_SIDE // max(is_painted.shape))
    shown, is_inside = (
        each.repeat(factor, axis=0).repeat(factor, axis=1) for each in (picture, is_painted)
    )
    thickness = max(is_inside.shape) // LINES
    diagonals = np.add.outer(*(np.arange(side) for side in is_inside.shape)) // thickness
    is_line = (diagonals % APART == 0) | ~_shrunk(is_inside, thickness)
    opacity = is_inside * np.where(is_line, 1.0, TINT)
    return _blended(_on_checks(shown), np.array(PAINTED), opacity)


def _shrunk(is_inside: Bool[np.ndarray, "tall wide"], by: int) -> Bool[np.ndarray, "tall wide"]:
    """What is left without the outermost `by` pixels; beyond the picture nothing is painted."""
    for axis in range(2):
        padded = np.pad(is_inside, [(by, by) if side == axis else (0, 0) for side in range(2)])
        is_inside = sliding_window_view(padded, 2 * by + 1, axis=axis).all(axis=-1)
    return is_inside


def _on_checks(
    shown: UInt8[np.ndarray, "tall wide channels"],
) -> UInt8[np.ndarray, "tall wide 3"]:
    """RGB as it is; of RGBA the colours, as opaque as its fourth channel says, over the board."""
    if shown.shape[2] == 3:
        return shown
    square = max(shown.shape[:2]) // SQUARES
    is_second = np.add.outer(*(np.arange(side) // square for side in shown.shape[:2])) % 2
    board = np.repeat(np.array(CHECKS, dtype=np.uint8)[is_second][..., None], 3, axis=2)
    return _blended(board, shown[..., :3], shown[..., 3] / 255)


def _blended(
    below: UInt8[np.ndarray, "tall wide 3"],
    above: Integer[np.ndarray, "*any 3"],
    opacity: Float[np.ndarray, "tall wide"],
) -> UInt8[np.ndarray, "tall wide 3"]:
    share = opacity[..., None]
    return ((1 - share) * below + share * above).round().astype(np.uint8)
