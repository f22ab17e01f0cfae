"""The batches a VQGAN learns from: pictures of a table, without anything that is told about them.

Dimensions: batch, height and width in pixels.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from src.data.bad_rows import Refusal
from src.data.captioned import CaptionedPictures


class PictureBatch(NamedTuple):
    """What one step is given."""

    pictures: UInt8[Tensor, "batch height width 3"]
    rows: tuple[int, ...] = ()  # of the table: those that stand here
    refused: tuple[Refusal, ...] = ()  # and those that should have


class PictureBatches:
    """Any part of step k, as a function of k."""

    def __init__(self, pictures: CaptionedPictures, batch_size: int):
        self.pictures, self.batch_size = pictures, batch_size

    def __call__(self, step: int, part: slice) -> PictureBatch:
        numbers = range(step * self.batch_size, (step + 1) * self.batch_size)[part]
        found = [self.pictures.sample(number) for number in numbers]
        return PictureBatch(
            torch.from_numpy(np.stack([each.picture for each in found])),
            tuple(each.row for each in found),
            tuple(refusal for each in found for refusal in each.refused),
        )
