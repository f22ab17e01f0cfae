"""What every sampler starts from and yields: a grid of token ids, some of them hidden.

Dimensions: batch, height, width (in tokens).
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.errors import UserError
from src.sampler.opinion import Opinion


class Step(NamedTuple):
    """The state after one step of a decoding; no two steps share memory."""

    step: int  # from 1
    token_ids: Int[Tensor, "batch height width"]  # mask_token_id where still hidden
    drawn_ids: Int[Tensor, "batch height width"]  # kept or just drawn: a whole picture to look at
    is_masked: Bool[Tensor, "batch height width"]  # True = still hidden
    confidence: Float[Tensor, "batch height width"]  # nats, log p of drawn_ids when drawn; given: 0
    num_scheduled: Int[Tensor, "batch"]  # how many the schedule leaves hidden
    num_masked: Int[Tensor, "batch"]  # how many are hidden
    num_passes: Int[Tensor, "batch"]  # times the model ran for this picture in this step
    opinion: Opinion | None  # what the model thought, batch height width; None = not asked for
    corrector_margin: Float[Tensor, "batch height width"] | None  # nats; None = no corrector


def check_start(
    start_token_ids: Int[Tensor, "batch height width"],
    mask_token_id: int,
    codebook_size: int | None,
) -> None:
    """Refuse a start that is no grid of codes and hidden positions; raises UserError."""
    shape = tuple(start_token_ids.shape)
    if start_token_ids.ndim != 3 or start_token_ids.numel() == 0:
        raise UserError(f"start_token_ids has shape {shape}; give at least one (height, width).")
    if start_token_ids.dtype != torch.int64:
        raise UserError(f"start_token_ids is {start_token_ids.dtype}; token ids are torch.int64.")
    codes = mask_token_id if codebook_size is None else codebook_size
    if codes > mask_token_id:
        raise UserError(
            f"codebook_size={codes} includes mask_token_id={mask_token_id}; the mask id must lie "
            "behind the codes."
        )
    given = start_token_ids[start_token_ids != mask_token_id]
    is_foreign = (given < 0) | (given >= codes)
    if is_foreign.any():
        raise UserError(
            f"start_token_ids holds {int(given[is_foreign][0])}; a given token lies in "
            f"0..{codes - 1}, a hidden one is {mask_token_id}."
        )
