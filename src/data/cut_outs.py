"""Cut an object out of one picture and paste it into scenes: many pictures from one.

Copy and paste as augmentation (Ghiasi et al. 2021), here with the colours changed too: the shape is
all that is known of the new object, and one picture is enough for that.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, UInt8

from src.data.glyphs import glyph_mask
from src.data.palette import COLORS
from src.data.scenes import Scene, World
from src.errors import UserError


def cut_out(
    picture: UInt8[np.ndarray, "height width 3"], color: str, background: str, side: int
) -> Float[np.ndarray, "side side"]:
    """How much of each pixel the object covers, 0..1, in the square of `side` pixels around it.

    Each pixel lies between the background's colour and the object's; how far along is the cover.
    Raises UserError where nothing of that colour is to be seen.
    """
    low, high = np.float32(COLORS[background]), np.float32(COLORS[color])
    line = high - low
    cover = ((picture.astype(np.float32) - low) @ line / (line @ line)).clip(0, 1)
    seen = np.argwhere(cover > 0.5)
    if not len(seen):
        raise UserError(f"The picture shows nothing {color} on {background}: there is no cut-out.")
    middle = (seen.min(axis=0) + seen.max(axis=0) + 1) / 2
    top, left = (np.round(middle - side / 2).astype(int)).clip(0, np.array(cover.shape) - side)
    return cover[top : top + side, left : left + side]


def paste(
    scene: Scene, world: World, cut_outs: Mapping[str, Float[np.ndarray, "side side"]]
) -> UInt8[np.ndarray, "height width 3"]:
    """The scene, sharp and whole, with objects of these names drawn by their cut-outs.

    Raises UserError for a cut-out of another size than the scene asks for.
    """
    size, cell = world.picture_size, world.cell_size
    pixels = np.empty((size, size, 3), dtype=np.float32)
    pixels[:] = COLORS[scene.background]
    for thing in scene.objects:
        side = world.side(thing.size)
        mask = cut_outs[thing.glyph] if thing.glyph in cut_outs else glyph_mask(thing.glyph, side)
        if mask.shape != (side, side):
            raise UserError(
                f"The cut-out of {thing.glyph} has {len(mask)} pixels a side, and a {thing.size} "
                f"object has {side}: draw scenes in which it is as large as in its picture."
            )
        top, left = thing.row * cell, thing.column * cell
        part = pixels[top : top + side, left : left + side]
        part += mask[..., None] * (np.float32(COLORS[thing.color]) - part)
    return pixels.clip(0, 255).round().astype(np.uint8)
