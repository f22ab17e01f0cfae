"""A picture of any size -> a square of the model's size, and where it was cut out.

aMUSEd resizes the shorter side and cuts a random square (report section 2.4); the size before and
the corner are told to the model, so that it does not learn to draw cut-off heads.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image


class Crop(NamedTuple):
    picture: np.ndarray  # uint8 (size, size, 3)
    top: int  # pixels cut off above, after resizing
    left: int  # pixels cut off on the left, after resizing


def resized_size(width: int, height: int, size: int) -> tuple[int, int]:
    """Width and height after the shorter side became `size`; the longer one is rounded down."""
    if width <= height:
        return size, max(size, size * height // width)
    return max(size, size * width // height), size


def resize_and_crop(image: Image.Image, size: int, rng: np.random.Generator | None) -> Crop:
    """The shorter side resized to `size` (bilinear, antialiased), then a square cut out.

    Args:
        rng: draws the corner evenly; None = the square in the middle.
    """
    width, height = resized_size(*image.size, size)
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    if rng is None:
        top, left = (height - size) // 2, (width - size) // 2
    else:
        top = int(rng.integers(height - size + 1))
        left = int(rng.integers(width - size + 1))
    box = (left, top, left + size, top + size)
    return Crop(np.asarray(resized.crop(box)), top, left)
