"""Draw a scene as pixels, the way its micro-conditions say the picture came about.

The cause of every micro-condition can be seen: a small original is soft from being enlarged,
a crop corner shifts and cuts the scene, and a low score is blur or grain.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from src.data.glyphs import glyph_mask
from src.data.micro_cond import MicroCond
from src.data.palette import COLORS
from src.data.scenes import Scene, World

FULL_SCORE = 6.0  # nothing wrong with the picture
LOWEST_SCORE = 2.0


class Rendering(NamedTuple):
    picture: np.ndarray  # uint8 (height, width, 3)
    masks: np.ndarray  # float32 (objects, height, width): coverage of each object, in order


def render(
    scene: Scene,
    world: World,
    micro_cond: MicroCond | None = None,
    rng: np.random.Generator | None = None,
) -> Rendering:
    """Draw the scene; without micro-conditions, sharp, whole and centred.

    `rng` is needed where the score is below 6: it decides between blur and grain, and the grain.
    """
    size = world.picture_size
    micro_cond = micro_cond or MicroCond.default(size, size)
    top, left = _shift(micro_cond, size)
    masks = np.stack([_object_mask(thing, world, top, left) for thing in scene.objects])
    pixels = np.empty((size, size, 3), dtype=np.float32)
    pixels[:] = COLORS[scene.background]
    for thing, mask in zip(scene.objects, masks, strict=True):
        pixels += mask[..., None] * (np.float32(COLORS[thing.color]) - pixels)

    original = int(min(micro_cond.original_width, micro_cond.original_height))
    if original < size:
        pixels = _resize(_resize(pixels, original, Image.BOX), size, Image.BILINEAR)
    if micro_cond.aesthetic_score < FULL_SCORE:
        pixels = _degrade(pixels, micro_cond.aesthetic_score, rng)
    return Rendering(pixels.clip(0, 255).round().astype(np.uint8), masks)


def draw_micro_cond(world: World, rng: np.random.Generator) -> MicroCond:
    """An unusual picture: a small original, one wider or taller than its crop, or a low score."""
    size, cell = world.picture_size, world.cell_size
    fault = rng.integers(3)
    if fault == 0:
        original = int(rng.integers(size // 2, size - cell + 1))
        return MicroCond(original, original, 0, 0, FULL_SCORE)
    if fault == 1:
        corner = int(rng.integers(0, 3)) * cell
        if rng.random() < 0.5:
            return MicroCond(size + 2 * cell, size, 0, corner, FULL_SCORE)
        return MicroCond(size, size + 2 * cell, corner, 0, FULL_SCORE)
    score = float(rng.uniform(LOWEST_SCORE, FULL_SCORE - 1))
    return MicroCond(size, size, 0, 0, round(score, 2))


def _shift(micro_cond: MicroCond, size: int) -> tuple[int, int]:
    """Pixels (down, right) by which the scene, centred in the original, lies in the crop."""
    spare_height = max(0, int(micro_cond.original_height) - size)
    spare_width = max(0, int(micro_cond.original_width) - size)
    return spare_height // 2 - int(micro_cond.crop_top), spare_width // 2 - int(
        micro_cond.crop_left
    )


def _object_mask(thing, world: World, top: int, left: int) -> np.ndarray:
    """Coverage (height, width) of one object, cut where it passes the picture's edge."""
    size, side = world.picture_size, world.side(thing.size)
    row, column = thing.row * world.cell_size + top, thing.column * world.cell_size + left
    mask = np.zeros((size + 2 * side, size + 2 * side), dtype=np.float32)
    mask[row + side : row + 2 * side, column + side : column + 2 * side] = glyph_mask(
        thing.glyph, side
    )
    return mask[side : side + size, side : side + size]


def _resize(pixels: np.ndarray, size: int, method: int) -> np.ndarray:
    picture = Image.fromarray(pixels.clip(0, 255).round().astype(np.uint8))
    return np.asarray(picture.resize((size, size), method), dtype=np.float32)


def _degrade(pixels: np.ndarray, score: float, rng: np.random.Generator) -> np.ndarray:
    """Blur, or coarse grain, the stronger the lower the score."""
    severity = (FULL_SCORE - score) / (FULL_SCORE - LOWEST_SCORE)  # 0 = none ... 1 = score 2
    if rng.random() < 0.5:
        picture = Image.fromarray(pixels.round().astype(np.uint8))
        blurred = picture.filter(ImageFilter.GaussianBlur(1.2 * severity))
        return np.asarray(blurred, dtype=np.float32)
    size = pixels.shape[0]
    return pixels + rng.normal(0, 32 * severity, (size, size, 1)).astype(np.float32)
