"""Hide image tokens: the training-time corruption of masked image modelling.

Dimensions: batch, height, width (in tokens).
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Generator, Tensor

from src.errors import UserError
from src.masking.config import MaskingConfig
from src.masking.draw import MASK, Corruption, draw_corruption

IGNORED_TARGET = -100  # torch.nn.functional.cross_entropy skips this class by default


class MaskedTokens(NamedTuple):
    """One training example per picture: what is shown, and what has to be guessed."""

    token_ids: Int[Tensor, "batch height width"]  # what the transformer reads
    targets: Int[Tensor, "batch height width"]  # original id where hidden, else IGNORED_TARGET
    is_masked: Bool[Tensor, "batch height width"]  # True = hidden from the transformer


def corrupt(
    token_ids: Int[Tensor, "batch height width"], corruption: Corruption, mask_token_id: int
) -> MaskedTokens:
    """Hide the tokens that a corruption names, on the tokens' device.

    token_ids: codes only, 0 <= id < mask_token_id; raises UserError for others.
    """
    _check_ids(token_ids, mask_token_id)
    is_masked = corruption.is_masked.to(token_ids.device)
    stand_in = corruption.stand_in.to(token_ids)
    stand_in = stand_in.masked_fill(stand_in == MASK, mask_token_id)
    return MaskedTokens(
        token_ids=torch.where(is_masked, stand_in, token_ids),
        targets=token_ids.masked_fill(~is_masked, IGNORED_TARGET),
        is_masked=is_masked,
    )


def hide_tokens(
    token_ids: Int[Tensor, "batch height width"],
    mask_token_id: int,
    config: MaskingConfig,
    generator: Generator,
    codebook_size: int | None = None,
) -> MaskedTokens:
    """Draw a corruption for these tokens and apply it; see `draw_corruption` and `corrupt`.

    codebook_size: by default all ids below `mask_token_id` are codes.
    """
    _check_ids(token_ids, mask_token_id)
    size = mask_token_id if codebook_size is None else codebook_size
    return corrupt(
        token_ids, draw_corruption(*token_ids.shape, size, config, generator), mask_token_id
    )


def _check_ids(token_ids: Tensor, mask_token_id: int) -> None:
    if token_ids.numel() == 0:
        raise UserError(f"token_ids has shape {tuple(token_ids.shape)}: there is nothing to hide.")
    smallest, largest = int(token_ids.min()), int(token_ids.max())
    if smallest < 0 or largest >= mask_token_id:
        raise UserError(
            f"token_ids lie in {smallest}..{largest}; codes lie in 0..{mask_token_id - 1}, "
            f"below mask_token_id={mask_token_id}."
        )
