"""The border of the evaluation: pictures come in as 8-bit RGB, whatever holds them.

Dimensions: batch, height, width. CLIP's own preprocessing divides by 255, so a picture that has
already been divided would pass through it black, and give a number instead of an error.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from src.errors import UserError

Pictures = Sequence[Image.Image | np.ndarray] | np.ndarray  # how pictures may be handed over


def stack_pixels(
    pictures: Pictures,
) -> UInt8[np.ndarray, "batch height width 3"]:
    """Pillow pictures or uint8 arrays (height, width, 3), as one array.

    Raises:
        UserError: no pictures; values that are not uint8; pictures of several sizes.
    """
    if len(pictures) == 0:
        raise UserError("There are no pictures to evaluate: give at least one.")
    arrays = [_pixels_of(picture, index) for index, picture in enumerate(pictures)]
    for index, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            (height, width), (first_height, first_width) = array.shape[:2], arrays[0].shape[:2]
            raise UserError(
                f"Picture {index} measures {width}x{height}, picture 0 measures "
                f"{first_width}x{first_height}: pictures that are compared must be of one size."
            )
    return np.stack(arrays)


def _pixels_of(picture: Image.Image | np.ndarray, index: int) -> np.ndarray:
    if isinstance(picture, Image.Image):
        picture = np.asarray(picture.convert("RGB"))
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        kind = getattr(picture, "dtype", type(picture).__name__)
        raise UserError(
            f"Picture {index} holds {kind}, not uint8: pictures are evaluated as 8-bit values "
            "from 0 to 255; scale [0, 1] by 255 and round first."
        )
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise UserError(
            f"Picture {index} has the shape {picture.shape}: it must be (height, width, 3)."
        )
    return picture
