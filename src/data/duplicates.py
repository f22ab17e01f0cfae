"""Pictures that are nearly the same: a model learns those by heart, and a test split leaks."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

SIDE = 16  # pixels of the thumbnails that are compared
NEAR = 0.03  # of the range from black to white; a picture saved again differs by about 0.01


class Pair(NamedTuple):
    first: int  # places in the list of pictures; first < second
    second: int
    distance: float  # root mean square difference of the thumbnails, 0 = the same, at most 1


def near_duplicates(pictures: Sequence[np.ndarray], near: float = NEAR) -> list[Pair]:
    """All pairs of pictures nearer than `near`, the nearest first.

    Args:
        pictures: uint8 `height width 3`, of any sizes; the same crop of each.
    """
    thumbnails = np.array([_thumbnail(picture) for picture in pictures], dtype=np.float32)
    pairs = []
    for first in range(len(thumbnails) - 1):
        differences = thumbnails[first + 1 :] - thumbnails[first]
        distances = np.sqrt(np.square(differences).mean(axis=1))
        found = np.flatnonzero(distances < near)
        pairs += [Pair(first, first + 1 + int(i), float(distances[i])) for i in found]
    return sorted(pairs, key=lambda pair: (pair.distance, pair.first, pair.second))


def _thumbnail(picture: np.ndarray) -> np.ndarray:
    small = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32).ravel() / 255
