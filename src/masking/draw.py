"""Draw which image tokens are hidden in training: how many, where, and what is shown instead.

Nothing of it depends on the tokens themselves, so a step's corruption can be drawn whole and dealt
out to any number of processes. Dimensions: batch, height, width (in tokens), seq (tokens of one
image, row by row).
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Generator, Tensor

from src.masking.config import MaskingConfig, check_masking
from src.masking.schedule import mask_ratio

MASK = -1  # as a stand-in: the mask token


class Corruption(NamedTuple):
    """Where tokens will be hidden, drawn before anyone knows which tokens stand there."""

    is_masked: Bool[Tensor, "batch height width"]  # True = hidden from the transformer
    stand_in: Int[Tensor, "batch height width"]  # a random code to show there, or MASK

    def part(self, rows: slice) -> "Corruption":
        """That of some of the pictures."""
        return Corruption(self.is_masked[rows], self.stand_in[rows])


def draw_corruption(
    batch: int,
    height: int,
    width: int,
    codebook_size: int,
    config: MaskingConfig,
    generator: Generator,
) -> Corruption:
    """Draw which tokens of each picture are hidden, and what stands in their place.

    Each picture draws its progress uniformly, and the schedule turns it into a share: an exact,
    rounded number of tokens, at least one (`count=coin` throws a coin of that share for each token
    instead). The hidden tokens lie scattered or, with probability `rectangle_prob`, in one
    rectangle of at least that area. (Others draw one share for a whole batch: not the same law.)

    codebook_size: random codes lie below it.
    generator: draws on its own device, the same places on every machine; another `rectangle_prob`
        changes only the rectangles, another `random_prob` no place.
    Raises UserError for impossible settings. Source: aMUSEd section 3 and its training code.
    """
    check_masking(config)
    seq = height * width
    progress = _uniform(generator, batch)
    ratio = mask_ratio(progress, config.schedule).clamp(min=config.min_mask_ratio)
    num_masked = (seq * ratio).round().clamp(1, seq).long()  # (batch,)

    draws = _uniform(generator, batch, seq)
    order = draws.argsort(dim=1)  # a permutation per picture
    if config.count == "exact":
        is_scattered = order < num_masked[:, None]
    else:
        is_scattered = (draws < ratio[:, None]) | (order == 0)
    is_rectangle = _rectangles(num_masked, height, width, generator)
    takes_rectangle = _uniform(generator, batch) < config.rectangle_prob
    is_masked = torch.where(
        takes_rectangle[:, None, None], is_rectangle, is_scattered.view(batch, height, width)
    )
    stand_in = torch.full_like(is_masked, MASK, dtype=torch.long)
    if config.random_prob > 0:
        codes = (_uniform(generator, batch, height, width) * codebook_size).long()
        is_random = _uniform(generator, batch, height, width) < config.random_prob
        stand_in = torch.where(is_random, codes.clamp(max=codebook_size - 1), stand_in)
    return Corruption(is_masked, stand_in)


def _rectangles(
    num_masked: Int[Tensor, "batch"], height: int, width: int, generator: Generator
) -> Bool[Tensor, "batch height width"]:
    """One rectangle per picture: the smallest of a random height that covers `num_masked`."""
    height_draw, top_draw, left_draw = _uniform(generator, 3, len(num_masked))
    lowest = (num_masked + width - 1) // width  # fewer rows could not hold so many
    highest = num_masked.clamp(max=height)
    rows = _whole(height_draw, lowest, highest)
    columns = (num_masked + rows - 1) // rows
    top = _whole(top_draw, torch.zeros_like(rows), height - rows)
    left = _whole(left_draw, torch.zeros_like(rows), width - columns)

    row = torch.arange(height, device=num_masked.device)
    column = torch.arange(width, device=num_masked.device)
    in_rows = (row >= top[:, None]) & (row < (top + rows)[:, None])  # (batch, height)
    in_columns = (column >= left[:, None]) & (column < (left + columns)[:, None])
    return in_rows[:, :, None] & in_columns[:, None, :]


def _whole(draw: Tensor, lowest: Tensor, highest: Tensor) -> Tensor:
    """A uniform draw in 0..1 made a whole number from lowest to highest, both included."""
    return torch.minimum(lowest + (draw * (highest - lowest + 1)).long(), highest)


def _uniform(generator: Generator, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=generator, device=generator.device)
