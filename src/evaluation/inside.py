"""Does what was painted fit its caption? The CLIP score of a square around the painted area.

Dimensions: batch; height, width of the pictures and of their masks.
Over the whole picture a small edit hardly moves the score, because most of what CLIP sees is the
old picture. The square keeps a margin of it, without which an object has nothing to stand out from.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool
from PIL import Image

from src.errors import UserError
from src.evaluation.clip_score import clip_score
from src.evaluation.features import ClipEncoder
from src.evaluation.measurement import Measurement
from src.evaluation.painted_area import check_mask
from src.evaluation.pixels import Pictures, stack_pixels
from src.limits import between

MARGIN = 0.1  # on each side, as a share of the painted area's longer side
Masks = Sequence[np.ndarray] | np.ndarray  # bool, (height, width) each


def clip_score_inside(
    pictures: Pictures,
    masks: Masks,
    captions: Sequence[str],
    clip: ClipEncoder,
    rng: np.random.Generator,
    margin: int | float = MARGIN,
    subject: str = "generated pictures",
    confidence: float = 0.95,
) -> Measurement:
    """Mean CLIP score of the squares with their captions, from 0 to 100.

    `clip_score` takes pictures of one size, so all squares are brought to the side of the largest,
    by bicubic as CLIP's own preprocessing does: enlarging loses no detail, and shrinking would,
    before CLIP has looked. What is no square, in a picture narrower than it, is stretched to one,
    because CLIP would cut its ends off.

    Raises:
        UserError: not one mask and one caption a picture; masks that are empty, not bool or of
            another size than the picture; pictures that are not uint8; an impossible margin.
    """
    crops = inside_crops(pictures, masks, margin)
    side = max(max(crop.size) for crop in crops)
    squares = [crop.resize((side, side), Image.Resampling.BICUBIC) for crop in crops]
    measured = clip_score(squares, captions, clip, rng, subject, confidence)
    return replace(
        measured,
        name=f"CLIP score inside[{clip.name}]",
        note=f"of squares around what was painted, a margin of {100 * margin:g} % on each side, "
        f"brought to {side}x{side} pixels first",
    )


def inside_crops(
    pictures: Pictures, masks: Masks, margin: int | float = MARGIN
) -> list[Image.Image]:
    """The square around each picture's painted pixels, in its own size.

    Raises:
        UserError: as `clip_score_inside`, but for the captions.
    """
    pixels = stack_pixels(pictures)
    if len(masks) != len(pixels):
        raise UserError(
            f"The score inside takes one mask a picture; got {len(masks)} masks for {len(pixels)} "
            "pictures."
        )
    crops = []
    for index, (picture, is_painted) in enumerate(zip(pixels, masks, strict=True)):
        check_mask(is_painted, picture, f"Mask {index}")
        left, top, right, bottom = _square(is_painted, margin, f"Mask {index}")
        crops.append(Image.fromarray(picture[top:bottom, left:right]))
    return crops


def square_around(
    is_painted: Bool[np.ndarray, "height width"], margin: int | float = MARGIN
) -> tuple[int, int, int, int]:
    """The smallest square that holds the painted pixels and a margin: left, top, right, bottom.

    In pixels, right and bottom excluded. It is moved into the picture where that has room for it;
    along an axis on which the picture is shorter, it is the picture's whole extent.

    Args:
        margin: on each side, a share of the painted area's longer side, from 0 to 10, rounded up to
            whole pixels.

    Raises:
        UserError: nothing is painted, or an impossible margin.
    """
    return _square(is_painted, margin, "is_painted")


def _square(is_painted: np.ndarray, margin: int | float, name: str) -> tuple[int, int, int, int]:
    between("margin", margin, 0, 10)
    rows, columns = np.flatnonzero(is_painted.any(axis=1)), np.flatnonzero(is_painted.any(axis=0))
    if len(rows) == 0:
        raise UserError(
            f"{name} is False for all {is_painted.size:,} pixels: there is nothing inside to look "
            "at; paint at least one."
        )
    longer = int(max(rows[-1] - rows[0], columns[-1] - columns[0])) + 1
    side = longer + 2 * int(np.ceil(round(margin * longer, 6)))  # 0.14 x 50 is just above 7
    top, bottom = _extent(int(rows[0]), int(rows[-1]) + 1, side, len(is_painted))
    left, right = _extent(int(columns[0]), int(columns[-1]) + 1, side, is_painted.shape[1])
    return left, top, right, bottom


def _extent(start: int, end: int, side: int, available: int) -> tuple[int, int]:
    """`side` pixels around those from `start` to `end`, moved inside; all, where they are fewer."""
    if side >= available:
        return 0, available
    first = min(max(0, start - (side - (end - start)) // 2), available - side)
    return first, first + side
