"""A picture of any size as the model can work on it, and back: shrunk if large, padded to tokens.

Dimensions: batch, rows, columns (of pixels); height, width (in tokens).
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from scipy.ndimage import maximum_filter
from torch import Tensor

MOST_TIMES = 2.0  # as many pixels as in training that the model still works on as they are


class Fit(NamedTuple):
    """How one size becomes another that is made of whole tokens."""

    size: tuple[int, int]  # width, height of the picture
    scaled: tuple[int, int]  # of what the model sees of it, before padding
    padded: tuple[int, int]  # of what the model works on; below and on the right, edges repeat
    downscale: int  # pixels to a token's side

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width in tokens."""
        return self.padded[1] // self.downscale, self.padded[0] // self.downscale

    @property
    def is_scaled(self) -> bool:
        return self.scaled != self.size

    def to_model(
        self, rgb: UInt8[np.ndarray, "rows columns 3"]
    ) -> Float[Tensor, "1 3 padded_rows padded_columns"]:
        """Pixels from 0 to 1 as the image tokenizer reads them."""
        if self.is_scaled:
            rgb = np.asarray(Image.fromarray(rgb).resize(self.scaled, Image.LANCZOS))
        padded = np.pad(rgb, (*self._padding, (0, 0)), mode="edge")
        return torch.from_numpy(padded.copy()).permute(2, 0, 1)[None].float() / 255

    def to_picture(self, decoded: Image.Image) -> UInt8[np.ndarray, "rows columns 3"]:
        """What the model drew, at the picture's own size."""
        cut = decoded.crop((0, 0, *self.scaled))
        return np.asarray(cut.resize(self.size, Image.LANCZOS) if self.is_scaled else cut)

    def touched(
        self, mask: Bool[np.ndarray, "rows columns"], halo: int = 0
    ) -> Bool[Tensor, "height width"]:
        """Every token of which a mask covers a pixel, and those within `halo` tokens of them.

        However thin a stroke is, it marks the tokens it passes through. (Upstream shrinks the mask
        to the grid, where thin strokes vanish.)
        """
        height, width = self.grid
        is_touched = np.zeros((height, width), dtype=bool)
        rows, columns = mask.nonzero()
        for row in self._tokens_of(rows, 1):
            for column in self._tokens_of(columns, 0):
                is_touched[row, column] = True
        is_touched = self._repeated_edges(is_touched)
        if halo:
            is_touched = maximum_filter(is_touched, size=2 * halo + 1, mode="constant")
        return torch.from_numpy(is_touched)

    def coverage(self, mask: Bool[np.ndarray, "rows columns"]) -> Float[Tensor, "height width"]:
        """How many pixels of a mask lie in every token, by their middles; edges repeat beyond."""
        counts = np.zeros(self.grid, dtype=np.float32)
        rows, columns = mask.nonzero()
        middle = [
            (2 * pixels.astype(np.int64) + 1)
            * self.scaled[axis]
            // (2 * self.size[axis] * self.downscale)
            for pixels, axis in ((rows, 1), (columns, 0))
        ]
        np.add.at(counts, tuple(middle), 1)
        return torch.from_numpy(self._repeated_edges(counts))

    def _repeated_edges(self, of_tokens: np.ndarray) -> np.ndarray:
        """Beyond the picture, what holds at its edge."""
        rows_seen, columns_seen = (-(-side // self.downscale) for side in self.scaled[::-1])
        of_tokens[rows_seen:] = of_tokens[rows_seen - 1]
        of_tokens[:, columns_seen:] = of_tokens[:, [columns_seen - 1]]
        return of_tokens

    def _tokens_of(self, pixels: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
        """The first and the last token that pixels lie in; a shrunk one may lie in two."""
        scaled, per_token = self.scaled[axis], self.size[axis] * self.downscale
        first = pixels.astype(np.int64) * scaled  # in units that keep both numbers whole
        return first // per_token, (first + scaled - 1) // per_token

    @property
    def _padding(self) -> tuple[tuple[int, int], tuple[int, int]]:
        (width, height), (wide, high) = self.scaled, self.padded
        return (0, high - height), (0, wide - width)


def fit_for(size: tuple[int, int], downscale: int, unit: int, trained_pixels: int) -> Fit:
    """The fit of a picture's size.

    unit: pixels that both sides are made of. trained_pixels: of the pictures the model knows; one
        of more than twice as many is shrunk to that, as the model draws large pictures badly.
    """
    width, height = size
    most = MOST_TIMES * trained_pixels
    scaled = size
    if width * height > most:
        scale = math.sqrt(most / (width * height))
        scaled = (max(1, round(width * scale)), max(1, round(height * scale)))
    padded = tuple(-(-side // unit) * unit for side in scaled)
    return Fit(size, scaled, padded, downscale)
