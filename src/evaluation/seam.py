"""How much the border of an edit shows: colours that jump where the painted area begins.

Dimensions: height, width; rows and columns are a mask's, which must be the picture's; pairs of
neighbours across the border.
A picture may well change across the border; it is a change that its neighbours do not share which
makes a seam. To compare the gradient across the border with those beside it is an idea of
gradient-domain editing, which demands that it go on undisturbed (Pérez et al. 2003).
"""

import numpy as np
from jaxtyping import Bool, Int16, UInt8

from src.errors import UserError
from src.evaluation.painted_area import check_edit, check_mask


def seam_score(
    edited: UInt8[np.ndarray, "height width 3"],
    real: UInt8[np.ndarray, "real_height real_width 3"],
    is_painted: Bool[np.ndarray, "rows columns"],
) -> float:
    """How much more the border shows than at the same place of the real picture, in levels.

    From -510 to 510; 0 = as little as in the real one, below 0 = less, as where an edge of the real
    picture was painted over.

    Raises:
        UserError: sizes that differ, a mask that is not bool, or one without a border.
    """
    check_edit(edited, real, is_painted)
    return gradient_jump(edited, is_painted) - gradient_jump(real, is_painted)


def gradient_jump(
    picture: UInt8[np.ndarray, "height width 3"], is_painted: Bool[np.ndarray, "rows columns"]
) -> float:
    """How far the change across the border is from the mean of those before and after, in levels.

    The mean over channels and over all pairs of neighbours, one painted and one not, that have one
    more pixel of the picture on either side: of p0 | p1 between p-1 and p2,
    |(p1 - p0) - ((p0 - p-1) + (p2 - p1)) / 2|. From 0 (a flat or evenly rising colour) to 510; a
    step of h levels at the border gives h, one a pixel beside it h / 2, one further away nothing,
    and a line one pixel wide, h levels from a flat ground, 1.5 h.

    Raises:
        UserError: a mask of another size or not bool; no border, for all or nothing is painted, or
            none that is further than a pixel from the picture's edge.
    """
    check_mask(is_painted, picture)
    doubled = np.concatenate(
        [
            _doubled_jumps(picture, is_painted),
            _doubled_jumps(picture.transpose(1, 0, 2), is_painted.T),
        ]
    )
    if len(doubled) == 0:
        raise UserError(
            f"is_painted is True for {is_painted.sum():,} of {is_painted.size:,} pixels, and no "
            "border of theirs has two pixels on both sides: a seam is measured where some pixels "
            "are painted and some not, away from the picture's edge."
        )
    return float(doubled.mean()) / 2


def _doubled_jumps(
    picture: UInt8[np.ndarray, "height width 3"], is_painted: Bool[np.ndarray, "height width"]
) -> Int16[np.ndarray, "pairs 3"]:
    """Twice the jump of each pair above one another: whole numbers, whose sum knows no order."""
    is_border = is_painted[:-1] != is_painted[1:]
    rows, columns = np.nonzero(is_border[1:-1])  # the row before a pair; none starts or ends short
    before, first, second, after = (
        picture[rows + step, columns].astype(np.int16) for step in range(4)
    )
    # 2 x the change across - (that before + that after), with equal terms taken together
    return np.abs(3 * (second - first) - (after - before))
