"""Read a whole scene back from a picture, without being told the caption.

Analysis by synthesis: find the background, then explain what is left by the world's own pictograms,
the one that removes the most squared error first. What nothing explains counts against the picture.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from src.data.glyphs import glyph_mask
from src.data.palette import COLORS
from src.data.scenes import SIZES, Scene, World

MAX_OBJECTS = 4  # more than any scene holds, so that extra ones are seen
NEAR_BACKGROUND = 48.0  # RGB distance within which a pixel is plain background
MIN_BACKGROUND_SHARE = 0.35  # of all pixels; two large objects leave more than half
MIN_EXPLAINED = 0.5  # share of the error in an object's box that the object removes
FORGIVEN = 0.25  # share of the explained error that soft edges may leave in its place
MAX_CLUTTER = 0.5  # unexplained error, in units of what a faint small object would leave


@dataclass(frozen=True)
class SeenObject:
    glyph: str
    color: str
    size: str
    center: tuple[float, float]  # (y, x) in pixels

    @property
    def looks(self) -> tuple[str, str, str]:
        return self.size, self.color, self.glyph


class Reading(NamedTuple):
    """What the oracle sees. `background` is None where it sees no scene at all (noise)."""

    background: str | None
    objects: tuple[SeenObject, ...]
    clutter: float  # unexplained error; 1 = as much as a small object of the faintest colour


class Verdict(NamedTuple):
    """Whether a picture shows a scene: all of it, and which parts of it."""

    whole_scene: bool
    background: bool
    objects: bool  # the same objects, no more, with size, colour and pictogram
    arrangement: bool  # relation or place as told
    is_clean: bool  # nothing unexplained


class Oracle:
    """Reads pictures of one world."""

    def __init__(self, world: World):
        self.world = world
        self.templates = {
            size: np.stack([glyph_mask(name, world.side(size)) for name in world.config.glyphs])
            for size in SIZES
        }

    def read(self, picture: np.ndarray) -> Reading:
        """Read one picture: uint8 (height, width, 3) of the world's size."""
        pixels = picture.astype(np.float32)
        background = self._background(pixels)
        if background is None:
            return Reading(None, (), float("inf"))
        left_over = pixels - np.float32(COLORS[background])  # what is still to be explained
        colors = [name for name in self.world.config.colors if name != background]
        faintest = min(
            np.square(np.subtract(COLORS[name], COLORS[background])).sum() for name in colors
        )
        faint_error = faintest * float(np.square(self.templates["small"]).sum((1, 2)).min())
        objects, explained = [], np.zeros_like(left_over)
        for _ in range(MAX_OBJECTS):
            found = self._best_object(left_over, background, colors)
            if found is None:
                break
            seen, explanation, window = found
            objects.append(seen)
            left_over[window] -= explanation
            explained[window] += explanation
        clutter = self._clutter(left_over, explained) / faint_error
        return Reading(background, tuple(objects), float(clutter))

    def judge(self, scene: Scene, picture: np.ndarray) -> Verdict:
        """Whether the picture shows this scene."""
        return verdict(scene, self.read(picture), self.world)

    def _background(self, pixels: np.ndarray) -> str | None:
        """The background colour that most pixels are close to, if they are enough."""
        names = self.world.config.backgrounds
        shares = [
            (np.linalg.norm(pixels - np.float32(COLORS[name]), axis=-1) < NEAR_BACKGROUND).mean()
            for name in names
        ]
        best = int(np.argmax(shares))
        return names[best] if shares[best] >= MIN_BACKGROUND_SHARE else None

    def _best_object(self, left_over: np.ndarray, background: str, colors: list[str]):
        """The object, anywhere, that removes the most squared error; None if none does well."""
        best_gain, best = 0.0, None
        for color in colors:
            contrast = np.float32(COLORS[color]) - np.float32(COLORS[background])
            projected = left_over @ contrast  # (height, width)
            for size, masks in self.templates.items():
                side = masks.shape[-1]
                windows = sliding_window_view(projected, (side, side)).reshape(-1, side * side)
                flat = masks.reshape(len(masks), -1)  # (glyphs, side * side)
                gain = 2 * windows @ flat.T - (contrast @ contrast) * np.square(flat).sum(1)
                at, glyph = np.unravel_index(int(gain.argmax()), gain.shape)
                if gain[at, glyph] > best_gain:
                    best_gain, best = gain[at, glyph], (color, size, int(glyph), int(at), contrast)
        if best is None:
            return None
        color, size, glyph, at, contrast = best
        side = self.world.side(size)
        top, left = divmod(at, left_over.shape[1] - side + 1)
        window = (slice(top, top + side), slice(left, left + side))
        if best_gain < MIN_EXPLAINED * np.square(left_over[window]).sum():
            return None
        explanation = self.templates[size][glyph][..., None] * contrast
        center = (top + (side - 1) / 2, left + (side - 1) / 2)
        name = self.world.config.glyphs[glyph]
        return SeenObject(name, color, size, center), explanation, window

    def _clutter(self, left_over: np.ndarray, explained: np.ndarray) -> float:
        """Largest unexplained squared error in any box of a small object's size.

        A soft edge on a strong object leaves more error than a whole faint object would, so a
        quarter of what is explained inside the same box is forgiven.
        """
        side = self.world.side("small")
        error = np.square(left_over).sum(-1) - FORGIVEN * np.square(explained).sum(-1)
        sums = np.pad(error.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        columns = sums[side:] - sums[:-side]
        boxes = columns[:, side:] - columns[:, :-side]
        return max(0.0, float(boxes.max()))


def verdict(scene: Scene, reading: Reading, world: World) -> Verdict:
    """Hold a reading against the scene that was asked for.

    The order of objects is free. A relation holds when the centres differ along its axis by at
    least half a small object; a place when the centre lies in that quarter, or within one cell of
    the middle.
    """
    background = reading.background == scene.background
    told = sorted(thing.looks for thing in scene.objects)
    objects = told == sorted(seen.looks for seen in reading.objects)
    arrangement = objects and _is_arranged(scene, reading, world)
    is_clean = reading.clutter <= MAX_CLUTTER
    whole = background and objects and arrangement and is_clean
    return Verdict(whole, background, objects, arrangement, is_clean)


def _is_arranged(scene: Scene, reading: Reading, world: World) -> bool:
    """Whether the objects, already known to be the right ones, stand as told."""
    if scene.relation:
        first, second = (
            [seen.center for seen in reading.objects if seen.looks == thing.looks]
            for thing in scene.objects
        )
        axis = 0 if scene.relation in ("above", "below") else 1
        sign = 1 if scene.relation in ("above", "left of") else -1
        apart = world.side("small") / 2
        return any(sign * (b[axis] - a[axis]) >= apart for a in first for b in second)
    if scene.place is None:
        return True
    middle = (world.picture_size - 1) / 2
    down, right = (at - middle for at in reading.objects[0].center)
    if scene.place == "center":
        return max(abs(down), abs(right)) <= world.cell_size
    is_top, is_left = scene.place.startswith("top"), scene.place.endswith("left")
    return (down < 0) == is_top and (right < 0) == is_left
