"""Hide image tokens: the training-time corruption of masked image modelling.

Dimensions: batch, height, width (in tokens), seq (tokens of one image, row by row).
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Generator, Tensor

from src.errors import UserError
from src.masking.config import MaskingConfig, check_masking
from src.masking.schedule import mask_ratio

IGNORED_TARGET = -100  # torch.nn.functional.cross_entropy skips this class by default


class MaskedTokens(NamedTuple):
    """One training example per picture: what is shown, and what has to be guessed."""

    token_ids: Int[Tensor, "batch height width"]  # what the transformer reads
    targets: Int[Tensor, "batch height width"]  # original id where hidden, else IGNORED_TARGET
    is_masked: Bool[Tensor, "batch height width"]  # True = hidden from the transformer


def hide_tokens(
    token_ids: Int[Tensor, "batch height width"],
    mask_token_id: int,
    config: MaskingConfig,
    generator: Generator,
) -> MaskedTokens:
    """Hide a random share of each picture: an exact, rounded number of tokens, at least one.

    Each picture draws its progress uniformly, and the schedule turns it into a share. The hidden
    tokens lie scattered or, with probability `rectangle_prob`, in one rectangle of at least that
    area. (Others hide by a coin per token, or one share for a whole batch: not the same law.)

    token_ids: codes only, 0 <= id < mask_token_id.
    generator: draws on its own device, always equally often: one seed then hides the same tokens
        on every machine, and another `rectangle_prob` changes only the rectangles.
    Raises UserError for impossible settings or ids. Source: aMUSEd section 3 and its training code.
    """
    check_masking(config)
    _check_ids(token_ids, mask_token_id)
    batch, height, width = token_ids.shape
    seq = height * width

    progress = _uniform(generator, batch)
    ratio = mask_ratio(progress, config.schedule).clamp(min=config.min_mask_ratio)
    num_masked = (seq * ratio).round().clamp(1, seq).long()  # (batch,)

    order = _uniform(generator, batch, seq).argsort(dim=1)  # a permutation per picture
    is_scattered = (order < num_masked[:, None]).view(batch, height, width)
    is_rectangle = _rectangles(num_masked, height, width, generator)
    takes_rectangle = _uniform(generator, batch) < config.rectangle_prob
    is_masked = torch.where(takes_rectangle[:, None, None], is_rectangle, is_scattered)

    is_masked = is_masked.to(token_ids.device)
    return MaskedTokens(
        token_ids=token_ids.masked_fill(is_masked, mask_token_id),
        targets=token_ids.masked_fill(~is_masked, IGNORED_TARGET),
        is_masked=is_masked,
    )


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


def _check_ids(token_ids: Tensor, mask_token_id: int) -> None:
    if token_ids.numel() == 0:
        raise UserError(f"token_ids has shape {tuple(token_ids.shape)}: there is nothing to hide.")
    smallest, largest = int(token_ids.min()), int(token_ids.max())
    if smallest < 0 or largest >= mask_token_id:
        raise UserError(
            f"token_ids lie in {smallest}..{largest}; codes lie in 0..{mask_token_id - 1}, "
            f"below mask_token_id={mask_token_id}."
        )
