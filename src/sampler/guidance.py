"""Classifier-free guidance: push the prediction away from what the model says without the prompt.

Dimensions: batch, seq, codes.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.errors import UserError
from src.sampler.plan import StepPlan
from src.sampler.sending import sent


class Logits(NamedTuple):
    """What one call of the model says, over the codebook only: no mask id, no padded ids."""

    conditional: Float[Tensor, "batch seq codes"]  # with the prompt
    unconditional: Float[Tensor, "batch seq codes"] | None  # with the empty or negative prompt


def guidance_of_pictures(
    now: StepPlan, is_masked: Bool[Tensor, "batch seq"], is_given: Bool[Tensor, "batch seq"]
) -> float | Float[Tensor, "batch"]:
    """The step's scale, for each picture where an interval of hidden shares decides."""
    counts = is_masked.sum(dim=1).tolist(), (~is_given).sum(dim=1).tolist()
    return guidance_of_counts(now, *counts)


def guidance_of_counts(
    now: StepPlan, num_hidden: list[int], num_free: list[int]
) -> float | Float[Tensor, "batch"]:
    """The same from how many positions are hidden, and how many were at the start.

    Inside `guidance_to <= hidden share <= guidance_from` the law's scale, outside 1. The share is
    that of what was hidden at the start, so an interval means the same for every schedule, number
    of steps and region. One number where the interval is all of it.
    """
    config = now.config
    if (config.guidance_from, config.guidance_to) == (1.0, 0.0) or now.guidance_scale == 1:
        return now.guidance_scale
    hidden = torch.tensor(num_hidden, dtype=torch.float64)
    share = hidden / torch.tensor(num_free).clamp(min=1)
    is_inside = (share >= config.guidance_to) & (share <= config.guidance_from)
    scale = torch.full_like(share, now.guidance_scale)
    return torch.where(is_inside, scale, torch.ones_like(share))


def needs_unconditional(guidance_scale: float | Float[Tensor, "batch"]) -> bool:
    """False where every scale is 1, whose law reads only what the model says with the prompt."""
    if isinstance(guidance_scale, Tensor):
        return bool((guidance_scale != 1).any())
    return guidance_scale != 1


def passes_of(guidance_scale: float | Float[Tensor, "batch"], batch: int) -> Int[Tensor, "batch"]:
    """How many times the model runs for each picture: 1 with guidance off, else 2."""
    return 1 + (torch.as_tensor(guidance_scale) != 1).long().expand(batch)


def guide(
    logits: Logits,
    guidance_scale: float | Float[Tensor, "batch"],
    dtype: torch.dtype | None = None,
) -> Float[Tensor, "batch seq codes"]:
    """unconditional + scale * (conditional - unconditional).

    guidance_scale: a real number, or one a picture. 1 = off, more than 1 = aMUSEd's guidance, 0 =
        the unconditional logits; between 0 and 1 the two are mixed, a weaker prompt. (Upstream
        guides only above 1; who wants that passes 1 for everything below.)
    dtype: the precision to compute in; None = the logits' own.
    Raises UserError if the unconditional logits are needed and missing.
    """
    conditional = logits.conditional if dtype is None else logits.conditional.to(dtype)
    if not needs_unconditional(guidance_scale):
        return conditional
    if logits.unconditional is None:
        raise UserError(
            f"guidance_scale={guidance_scale} needs the logits without the prompt, and predict "
            "returned none; return them when need_unconditional is true."
        )
    unconditional = logits.unconditional if dtype is None else logits.unconditional.to(dtype)
    if isinstance(guidance_scale, Tensor):
        scale = sent(guidance_scale.to(conditional.dtype), conditional.device)
        scale = scale[:, None, None]  # (batch, 1, 1)
        mixed = unconditional + scale * (conditional - unconditional)
        mixed = torch.where(scale == 0, unconditional, mixed)
        return torch.where(scale == 1, conditional, mixed)
    if guidance_scale == 0:
        return unconditional
    return unconditional + guidance_scale * (conditional - unconditional)
