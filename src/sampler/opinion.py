"""What the model thought of every hidden position in a step, beside the code that was drawn.

Dimensions: batch, seq (tokens of one image, row by row), codes, top (of the likeliest codes), and
`where`: whatever a position is named by.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.errors import UserError, shown
from src.sampler.entropies import divergence, entropy
from src.sampler.model_pass import Guided

MOST_TOP = 1024  # codes a position: the trace keeps them all
NO_CODE = -1  # where the codebook has fewer codes than were asked for


class Opinion(NamedTuple):
    """Of the guided distribution, before temperature and noise.

    All are 0 where the step drew nothing: the model learned nothing about tokens it is shown, so
    what it says of them means nothing.
    """

    entropy: Float[Tensor, "*where"]  # nats, from 0 (sure of one code) to ln codes
    margin: Float[Tensor, "*where"]  # nats, log p of the likeliest code less that of the second
    rank: Int[Tensor, "*where"]  # of the code drawn; 1 = the likeliest
    divergence: Float[
        Tensor, "*where"
    ]  # nats, KL(guided || prompted): what guidance did; 1 pass: 0
    top_ids: Int[Tensor, "*where top"]  # the likeliest codes, the likeliest first
    top_log_probs: Float[Tensor, "*where top"]  # nats


def check_num_top(num_top: Any) -> None:
    """Refuse a number of likeliest codes that is none; raises UserError."""
    if num_top is not None and (type(num_top) is not int or not 0 <= num_top <= MOST_TOP):
        raise UserError(
            f"num_top={shown(num_top)} is impossible; give a whole number from 0 to {MOST_TOP:,}, "
            "or None for no opinions."
        )


def opinion(
    guided: Guided,
    codes: Int[Tensor, "batch seq"],
    is_masked: Bool[Tensor, "batch seq"],
    num_top: int,
) -> Opinion:
    """Of the positions hidden before a step, in which `codes` were drawn for them."""
    log_probs = guided.logits.flatten(0, 1).float().log_softmax(dim=-1)  # (rows, codes)
    prompted = guided.conditional.flatten(0, 1).float().log_softmax(dim=-1)
    best = log_probs.topk(min(max(num_top, 2), log_probs.shape[1]), dim=-1)
    drawn = log_probs.gather(1, codes.gather(1, guided.positions).view(-1, 1))
    more = max(num_top - best.indices.shape[1], 0)  # asked for beyond the codebook
    rows = Opinion(
        entropy=entropy(log_probs),
        margin=best.values[:, 0] - best.values[:, min(1, best.values.shape[1] - 1)],
        rank=(log_probs > drawn).sum(dim=-1) + 1,
        divergence=divergence(log_probs, prompted),
        top_ids=torch.nn.functional.pad(best.indices, (0, more), value=NO_CODE)[:, :num_top],
        top_log_probs=torch.nn.functional.pad(best.values, (0, more), value=-torch.inf)[
            :, :num_top
        ],
    )
    return Opinion(*(_placed(field, guided.positions, is_masked) for field in rows))


def no_opinion(is_masked: Bool[Tensor, "batch seq"], num_top: int) -> Opinion:
    """Of a step in which the model was not asked."""
    entropy, margin, divergence = torch.zeros(3, *is_masked.shape, device=is_masked.device)
    rank = torch.zeros_like(is_masked, dtype=torch.int64)
    top_ids = torch.zeros((*rank.shape, num_top), dtype=torch.int64, device=rank.device)
    return Opinion(entropy, margin, rank, divergence, top_ids, top_ids.float())


def _placed(
    rows: Tensor, positions: Int[Tensor, "batch few"], is_masked: Bool[Tensor, "batch seq"]
) -> Tensor:
    """A row's values at its position, 0 at those that are not hidden."""
    size = (*is_masked.shape, *rows.shape[1:])
    placed = torch.zeros(size, dtype=rows.dtype, device=rows.device)
    of_picture = torch.arange(len(positions), device=rows.device)[:, None]
    placed[of_picture, positions] = rows.unflatten(0, positions.shape)
    is_shown = is_masked.view(*is_masked.shape, *(1 for _ in rows.shape[1:]))
    return torch.where(is_shown, placed, torch.zeros_like(placed))
