"""What was drawn, put into the picture it was drawn for: outside the mask no bit changes.

Dimensions: rows, columns (of pixels), channels.
"""

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from scipy.ndimage import distance_transform_edt

from src.editing.sources import WHITE, Source


def composite(
    source: Source,
    drawn: UInt8[np.ndarray, "rows columns 3"],
    is_painted: Bool[np.ndarray, "rows columns"],
    feather: int = 0,
) -> Image.Image:
    """The drawn pixels where painted, the source's own ones elsewhere.

    feather: pixels over which, inside the mask, the picture goes over into what was drawn; 0 = at
        once. In a transparent picture, what is painted becomes opaque.
    """
    share = opacity(is_painted, feather)[..., None]
    mixed = source.rgb + share * (drawn.astype(np.float32) - source.rgb)
    painted = np.where(share == 1, drawn, mixed.round().astype(np.uint8))
    if source.pixels.shape[2] == 4:
        alpha = source.pixels[..., 3:].astype(np.float32)
        alpha = (alpha + share * (WHITE - alpha)).round().astype(np.uint8)
        painted = np.concatenate([painted, alpha], axis=2)
    return Image.fromarray(np.where(is_painted[..., None], painted, source.pixels))


def opacity(
    is_painted: Bool[np.ndarray, "rows columns"], feather: int
) -> Float[np.ndarray, "rows columns"]:
    """How much of what was drawn shows, 0..1: from the mask's edge inwards, never outside it.

    The picture's own edge is no edge of the mask.
    """
    if feather == 0 or is_painted.all():
        return is_painted.astype(np.float32)
    inwards = distance_transform_edt(is_painted)  # 1 in the first pixels inside
    return (inwards / (feather + 1)).clip(0, 1).astype(np.float32)
