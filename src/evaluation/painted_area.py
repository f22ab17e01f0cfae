"""An edit, the real picture and the mask that says what was painted: of one size, or a sentence.

Dimensions: height, width.
"""

import numpy as np

from src.errors import UserError


def check_mask(is_painted: np.ndarray, picture: np.ndarray, name: str = "is_painted") -> None:
    """Raise UserError for a picture not in 8 bits, a mask that is not bool, or of another size."""
    _check_picture(picture)
    if is_painted.dtype != np.bool_:
        raise UserError(
            f"{name} holds {is_painted.dtype}, not bool: a mask is True where a pixel was painted; "
            "of grey levels give levels > 127."
        )
    if is_painted.shape != picture.shape[:2]:
        raise UserError(
            f"{name} has the shape {is_painted.shape} and its picture {picture.shape}: a mask is "
            "(height, width), as large as the picture."
        )


def check_edit(edited: np.ndarray, real: np.ndarray, is_painted: np.ndarray) -> None:
    """Raise UserError for an edit and a real picture of two shapes, or as `check_mask`."""
    _check_picture(real)
    if edited.shape != real.shape:
        raise UserError(
            f"The edited picture has the shape {edited.shape} and the real one {real.shape}: "
            "pictures that are compared must be of one size, both RGB or both RGBA."
        )
    check_mask(is_painted, edited)


def _check_picture(picture: np.ndarray) -> None:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in (3, 4):
        raise UserError(
            f"A picture beside a mask holds {picture.dtype} in the shape {picture.shape}: give "
            "uint8, from 0 to 255, as (height, width, 3), or 4 with opacity."
        )
