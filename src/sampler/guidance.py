"""Classifier-free guidance: push the prediction away from what the model says without the prompt.

Dimensions: batch, seq, codes.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from src.errors import UserError


class Logits(NamedTuple):
    """What one call of the model says, over the codebook only: no mask id, no padded ids."""

    conditional: Float[Tensor, "batch seq codes"]  # with the prompt
    unconditional: Float[Tensor, "batch seq codes"] | None  # with the empty or negative prompt


def needs_unconditional(guidance_scale: float) -> bool:
    """False at scale 1 alone, where the law reads only what the model says with the prompt."""
    return guidance_scale != 1


def guide(
    logits: Logits, guidance_scale: float, dtype: torch.dtype | None = None
) -> Float[Tensor, "batch seq codes"]:
    """unconditional + scale * (conditional - unconditional).

    guidance_scale: a real number. 1 = off, more than 1 = aMUSEd's guidance, 0 = the unconditional
        logits; between 0 and 1 the two are mixed, a weaker prompt. (Upstream guides only above 1;
        who wants that passes 1 for everything below.)
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
    if guidance_scale == 0:
        return unconditional
    return unconditional + guidance_scale * (conditional - unconditional)
